"""Listens on 127.0.0.1 or on a Unix socket: a thread for each connection, and only so many of them."""

from __future__ import annotations

import os
import socket
import socketserver
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from bili2text.errors import StorageError, UsageError
from bili2text.files import clean_text
from bili2text.serving.handler import Handler
from bili2text.serving.office import Office

Socket = Any  # socketserver's own type for it covers datagrams as well
Peer = Any
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
)
_BACKLOG = 128  # connections that wait to be accepted


class Doors(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Takes connections and answers them in threads of their own."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = _BACKLOG
    # a port is free again at once; on Windows the option would let others take it while it is in use
    allow_reuse_address = os.name == "posix"

    def __init__(self, address: tuple[str, int] | str, office: Office) -> None:
        """Bind and listen; nothing is accepted yet. Raises OSError."""

        class OfficeHandler(Handler):
            disable_nagle_algorithm = self.address_family != getattr(socket, "AF_UNIX", None)

        OfficeHandler.office = office
        self._office = office
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, OfficeHandler)  # type: ignore[arg-type]  # a path is one of Unix sockets

    def process_request(self, request: Socket, client_address: Peer) -> None:
        """Answer a connection, or say that there are too many."""
        with self._lock:
            full = len(self._open) >= self._office.limits.connections
            if not full:
                self._open.add(request)
        if full:
            with suppress(OSError):
                request.settimeout(0.0)
                request.send(_FULL)
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def shutdown_request(self, request: Socket) -> None:
        """Close a connection."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Socket, client_address: Peer) -> None:
        """Keep quiet about a connection that broke: the one at its other end knows."""

    def hang_up(self) -> None:
        """Break off every connection that is open."""
        with self._lock:
            left = list(self._open)
        for one in left:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def on_port(port: int, office: Office) -> Doors:
    """Return doors on a port of 127.0.0.1, 0 for any free one. Raises UsageError."""
    try:
        return Doors(("127.0.0.1", port), office)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "no such port"
        hint = "choose another --port, or 0 for any that is free"
        raise UsageError(f"cannot listen on 127.0.0.1:{port}: {reason}", hint=hint) from error


def on_socket(path: Path, office: Office) -> Doors:
    """Return doors on a Unix socket that its owner alone may use. What is left of an older one is removed.

    Raises UsageError where there are none, StorageError where the file cannot be made.
    """
    family = getattr(socket, "AF_UNIX", None)
    if family is None:
        raise UsageError("this system has no Unix sockets", hint="pass --port")

    number = int(family)

    class UnixDoors(Doors):
        address_family = number
        allow_reuse_address = False

        def get_request(self) -> tuple[Socket, Peer]:
            # the other end of a Unix socket has no address
            return self.socket.accept()[0], ("local", 0)

    try:
        path.unlink(missing_ok=True)
        doors = UnixDoors(str(path), office)
        path.chmod(0o600)
    except OSError as error:
        reason = error.strerror or str(error)  # "AF_UNIX path too long" has no number
        hint = "pass --port, or move the cache: BILI2TEXT_CACHE_DIR"
        raise StorageError(
            f"no socket can be made at {clean_text(str(path))}: {reason}", hint=hint
        ) from error
    return doors
