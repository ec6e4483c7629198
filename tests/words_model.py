"""A real server of OpenAI's form on 127.0.0.1, whose model knows a few words and no meaning."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = (
    "river lamp garden stone window morning letter bridge silver cloud bread forest music teacher winter "
    "ticket harbor blanket mirror candle orchard pepper saddle thunder velvet"
).split()
HAN = "河灯园石窗晨信桥银云面林乐师冬票港毯镜烛果椒鞍雷绒"


def ENGLISH(digest):
    return " ".join(WORDS[byte % len(WORDS)] for byte in digest[:6]).capitalize() + "."


def CHINESE(digest):
    return "".join(HAN[byte % len(HAN)] for byte in digest[:9]) + "。"


class Model(BaseHTTPRequestHandler):
    """Says words that depend on what it was asked, and on nothing else."""

    def do_GET(self):
        self._say({"data": [{"id": "words"}]})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        last = asked["messages"][-1]["content"]
        digest = hashlib.sha256(last.encode()).digest()
        text = CHINESE(digest) if self.path.startswith("/zh") else ENGLISH(digest)
        message = {"role": "assistant", "content": text}
        self._say(
            {"choices": [{"message": message, "finish_reason": "stop"}], "usage": {"completion_tokens": 9}}
        )

    def _say(self, body):
        raw = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args):
        pass


@contextmanager
def running() -> Iterator[str]:
    """The address of the server; with /zh before its path, it speaks Chinese."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
