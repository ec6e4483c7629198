"""One connection to the server: who may ask, what was asked, and the answer."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as TooLong
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from bili2text.errors import Bili2TextError, DeviceFailure, OutOfMemory
from bili2text.serving.asked import Asked, BadRequestError, asked, completion, error_body, events
from bili2text.serving.desk import BusyError, ClosingError
from bili2text.translators.api_address import is_loopback
from bili2text.translators.api_talk import OWNER
from bili2text.translators.engine import Reply

if TYPE_CHECKING:
    from bili2text.serving.office import Office

Call = Callable[[], None]
_LONGEST_CHALLENGE = 128  # characters
_TOLD = ("digest", "engine", "precision", "device", "device_name")  # of a model, in the list of models
_DRAIN = 1.0  # seconds
_SOON = "1"  # seconds until a busy server should be asked again
_LATER = "5"  # the same, of one whose device had no room


def proof_of(token: str, challenge: str) -> str:
    """Return what shows, without telling it, that a server knows the token (HMAC-SHA256)."""
    return hmac.new(token.encode(), challenge.encode(), hashlib.sha256).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Answers /health, /v1/models and /v1/chat/completions. The server's class sets `office`."""

    office: ClassVar[Office]
    protocol_version = "HTTP/1.1"
    server_version = "bili2text"
    sys_version = ""
    error_content_type = "text/plain"
    error_message_format = "%(message)s\n"

    def setup(self) -> None:
        """Set how long the other end may say nothing."""
        super().setup()
        self.connection.settimeout(self.office.limits.idle)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Keep quiet: what is translated is nobody's business."""

    def do_GET(self) -> None:
        """Answer what is asked without a body."""
        self._served({"/health": self._health, "/v1/models": self._models})

    def do_POST(self) -> None:
        """Answer what is asked with a body."""
        self._served({"/v1/chat/completions": self._chat})

    def _served(self, calls: Mapping[str, Call]) -> None:
        self._unread = 0
        with self.office.counted():
            try:
                self._unread = self._length()
                self._refuse_strangers()
                self._call(calls)
            except BadRequestError as error:
                self._say(error.status, error_body(str(error), error.status))
            except OSError:  # who asked is gone, or says no more
                self.close_connection = True
            finally:
                self._drain()

    def _call(self, calls: Mapping[str, Call]) -> None:
        call = calls.get(urlsplit(self.path).path)
        if call is None:
            raise BadRequestError("there is no such call", 404)
        if call != self._health:
            self._refuse_guests()
        call()

    def _refuse_strangers(self) -> None:
        """Refuse what a page in a browser sends: by a name that leads here, or from another origin."""
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or not is_loopback(_host(f"//{hosts[0]}")):
            raise BadRequestError("this server is for its own computer alone", 403)
        origin = self.headers.get("Origin")
        if origin is not None and not is_loopback(_host(origin)):
            raise BadRequestError("this server is not for web pages", 403)

    def _refuse_guests(self) -> None:
        token = self.office.token
        said = self.headers.get("Authorization", "").encode()
        if token and not hmac.compare_digest(said, f"Bearer {token}".encode()):
            raise BadRequestError("the token is missing or wrong", 401)

    def _health(self) -> None:
        challenge = parse_qs(urlsplit(self.path).query).get("challenge", [""])[0]
        proof = proof_of(self.office.token, challenge[:_LONGEST_CHALLENGE])
        self._say(200, {"status": "ok", "proof": proof})

    def _models(self) -> None:
        about = self.office.about
        model = {
            "id": self.office.model,
            "object": "model",
            "owned_by": OWNER,
            "loaded": self.office.desk.loaded,
            **({name: getattr(about.pin, name) for name in _TOLD} if about else {}),
        }
        self._say(200, {"object": "list", "data": [model]})

    def _chat(self) -> None:
        office = self.office
        wanted = asked(self._body(), office.model, office.limits)
        try:
            reply = self._reply(wanted)
        except BusyError:
            self._refuse(429, "too many requests wait already", _SOON)
        except ClosingError:
            self.close_connection = True
            self._refuse(503, "the server is about to end", _SOON)
        except TooLong:
            self._refuse(504, "the reply takes too long", _SOON)
        except (OutOfMemory, DeviceFailure) as error:
            self._refuse(503, error.message, _LATER)
        except Bili2TextError as error:
            self._refuse(500, error.message)
        except Exception as error:  # noqa: BLE001 - whoever asked must be answered, whatever it was
            self._refuse(500, f"the translator failed ({type(error).__name__})")
        else:
            self._reply_with(reply, wanted)

    def _reply(self, wanted: Asked) -> Reply:
        ticket = self.office.desk.ask(wanted.prompt, wanted.decoding)
        try:
            return ticket.result(self.office.limits.patience)
        finally:
            ticket.cancel()

    def _reply_with(self, reply: Reply, wanted: Asked) -> None:
        number, now = f"chatcmpl-{secrets.token_hex(12)}", int(time.time())
        if wanted.stream:
            self._send(200, events(reply, self.office.model, number, now), "text/event-stream")
        else:
            self._say(200, completion(reply, self.office.model, number, now))

    def _length(self) -> int:
        """Return the bytes of the request's body. Raises BadRequestError."""
        lengths = self.headers.get_all("Content-Length") or ["0"]
        limit = self.office.limits.body
        said = lengths[0]
        if "Transfer-Encoding" in self.headers or len(lengths) > 1 or not (said.isascii() and said.isdigit()):
            self.close_connection = True  # where the next request begins is not known
            raise BadRequestError("the body must come with its length", 411)
        if len(said) > len(str(limit)) or int(said) > limit:
            self._unread = limit
            raise BadRequestError(f"the body is larger than {limit} bytes", 413)
        return int(said)

    def _body(self) -> bytes:
        """Return the request's body. Raises BadRequestError."""
        expected, self._unread = self._unread, 0
        body = self.rfile.read(expected)
        if len(body) < expected:
            self.close_connection = True
            raise BadRequestError("the body broke off")
        return body

    def _drain(self) -> None:
        """Read what is left of a refused request: a connection closed before takes its answer along."""
        if self._unread:
            self.close_connection = True
            with suppress(OSError):
                self.connection.settimeout(_DRAIN)
                self.rfile.read(self._unread)

    def _refuse(self, status: int, message: str, again: str = "") -> None:
        # what will not go better the next time says so, in the header that OpenAI's clients obey
        headers = {"Retry-After": again} if again else {"x-should-retry": "false"}
        self._say(status, error_body(message, status), headers)

    def _say(self, status: int, document: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(document).encode(), "application/json", headers)

    def _send(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        if self.office.closing or self._unread:
            self.close_connection = True
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)
        except OSError:  # who asked is gone
            self.close_connection = True


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
