"""A real HTTP server on 127.0.0.1 that answers chat requests as each test says, the ways servers fail included.

`with HostileApi(answer) as api:` where `answer(request)` returns what to do: an `Answer`, or a function that is
given the connection's socket. `api.seen` holds every request.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    body: object = b""
    status: int = 200
    headers: dict = field(default_factory=dict)


@dataclass
class Request:
    method: str
    path: str
    headers: dict
    body: dict
    peer: tuple
    number: int  # from 0

    @property
    def text(self):
        """The last turn."""
        return self.body["messages"][-1]["content"]


def said(text, **more):
    """The answer with a reply."""
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop", **more}
    return Answer({"choices": [choice], "usage": {"completion_tokens": 7}})


class HostileApi:
    def __init__(self, answer, context: ssl.SSLContext | None = None):
        self.seen = []
        self.over = threading.Event()  # what hangs waits for it
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_):
                pass

            def handle(self):
                with suppress(OSError):  # who asked is gone
                    super().handle()

            def do_GET(self):
                self.do_POST()

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                told = json.loads(body) if body else {}
                request = Request(
                    self.command, self.path, dict(self.headers), told, self.client_address, len(api.seen)
                )
                api.seen.append(request)
                found = answer(request)
                if not isinstance(found, Answer):
                    found(self.connection)
                    self.close_connection = True
                    return
                body = found.body if isinstance(found.body, bytes) else json.dumps(found.body).encode()
                self.send_response(found.status)
                for name, value in {"Content-Length": str(len(body)), **found.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

        self._server = Server(("127.0.0.1", 0), Handler)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda *_: None
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def hang(self, connection: socket.socket):
        """Say nothing until the test is over."""
        self.over.wait(30)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
