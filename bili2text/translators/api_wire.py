"""One connection to an OpenAI-compatible server, and what its failures mean.

Nothing is followed elsewhere: no redirects, no proxies of the environment.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from bili2text import __version__
from bili2text.errors import RuntimeFailure, UsageError
from bili2text.models.wire import TryAgainError
from bili2text.translators.api_address import Address

LARGEST = 4 << 20  # bytes of an answer; a reply of 4096 tokens with their probabilities has under 1 MiB
_CONNECT = 10.0  # seconds
_BLOCK = 1 << 16


class UnreachableError(TryAgainError):
    """Nobody answers at the address."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    body: bytes
    headers: http.client.HTTPMessage


class Connection:
    """A connection that is kept for the next request. For one thread, but for `hang_up`."""

    def __init__(self, address: Address, key: str, timeout: float) -> None:
        """Nothing is connected yet. `timeout` is the seconds that an answer may take, as a whole."""
        self._address = address
        self._key = key
        self._timeout = timeout
        self._http = _opened(address)
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._hung_up = False

    def ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        """Return the answer to one request. Raises TryAgainError, UsageError or RuntimeFailure."""
        kept = self._http.sock is not None
        try:
            with _understood(self._address, self._timeout):
                try:
                    return self._asked(method, path, body)
                except (ConnectionResetError, BrokenPipeError):
                    if not kept or self._hung_up:
                        raise
                    self._http.close()  # servers close what was idle: that is no failure
                    return self._asked(method, path, body)
        except BaseException:
            self._http.close()
            raise

    def hang_up(self) -> None:
        """Break off, from any thread; what is being asked fails soon, and nothing can be asked any more."""
        with self._lock:
            self._hung_up = True
            if self._socket is not None:
                with suppress(OSError):
                    # not the method of a TLS socket, which is not made for another thread
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def _asked(self, method: str, path: str, body: bytes | None) -> Answer:
        deadline = time.monotonic() + self._timeout
        self._connect()
        self._wait(deadline)
        headers = {
            "User-Agent": f"bili2text/{__version__}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        self._http.request(method, self._address.path + path, body, headers)
        self._wait(deadline)
        with self._http.getresponse() as response:
            return Answer(response.status, self._read(response, deadline), response.headers)

    def _connect(self) -> None:
        if self._http.sock is None:
            try:
                self._http.connect()
            except TimeoutError as error:
                reason = f"no answer within {_CONNECT:g} s"
                raise UnreachableError(f"cannot reach {self._address.shown}: {reason}") from error
        with self._lock:
            if self._hung_up:
                raise ConnectionAbortedError("hung up")
            self._socket = self._http.sock

    def _wait(self, deadline: float) -> None:
        """Let the next bytes take the time that is left."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if self._socket is not None:
            self._socket.settimeout(left)

    def _read(self, response: http.client.HTTPResponse, deadline: float) -> bytes:
        declared = response.length  # None for one that is sent in chunks, or until the connection ends
        if declared is not None and declared > LARGEST:
            raise _too_large(self._address)
        found = bytearray()
        while declared is None or len(found) < declared:
            self._wait(deadline)
            block = response.read1(_BLOCK if declared is None else min(_BLOCK, declared - len(found)))
            if not block:
                break
            found += block
            if len(found) > LARGEST:
                raise _too_large(self._address)
        if declared is not None and len(found) < declared:
            raise http.client.IncompleteRead(bytes(found), declared - len(found))
        return bytes(found)


class _Unix(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_CONNECT)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket's file."""
        family = getattr(socket, "AF_UNIX", None)
        if family is None:
            raise UsageError("this system has no Unix sockets", hint="use http://127.0.0.1:PORT")
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            self.sock.settimeout(_CONNECT)
            self.sock.connect(self._path)
        except BaseException:
            self.close()
            raise


def _opened(address: Address) -> http.client.HTTPConnection:
    if address.socket:
        return _Unix(address.socket)
    if address.secure:
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(address.host, address.port, timeout=_CONNECT, context=context)
    return http.client.HTTPConnection(address.host, address.port, timeout=_CONNECT)


@contextmanager
def _understood(address: Address, timeout: float) -> Iterator[None]:
    """Turn what goes wrong inside into TryAgainError, or UsageError where trying again will not help."""
    shown = address.shown
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        hint = "check the clock and the address, or set SSL_CERT_FILE for a certificate of your own"
        raise UsageError(
            f"the certificate of {shown} cannot be trusted: {error.verify_message}", hint=hint
        ) from error
    except TimeoutError as error:
        raise TryAgainError(f"{shown} did not answer within {timeout:g} s") from error
    except (ConnectionRefusedError, FileNotFoundError, socket.gaierror) as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise UnreachableError(f"cannot reach {shown}: {reason or error}") from error
    except http.client.HTTPException as error:
        raise TryAgainError(f"{shown} broke off its answer ({type(error).__name__})") from error
    except (OSError, ValueError) as error:  # ValueError: a length or a chunk size that is no number
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise TryAgainError(f"the connection to {shown} failed: {reason}") from error


def _too_large(address: Address) -> RuntimeFailure:
    return RuntimeFailure(
        f"{address.shown} sent more than {LARGEST >> 20} MiB for one reply",
        hint="check that --api-base is the address of an OpenAI-compatible server",
    )
