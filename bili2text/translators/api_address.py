"""Where an OpenAI-compatible server is: --api-base as a checked value. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from bili2text.errors import UsageError
from bili2text.files import clean_text

_EXAMPLE = "for example --api-base http://127.0.0.1:11434/v1"
_CHAT = "/chat/completions"  # often copied along with the base
_SHOWN = 80  # characters of what the user gave


@dataclass(frozen=True, slots=True)
class Address:
    """A server, and the path that its calls begin with."""

    host: str  # a name or a number; "localhost" for a Unix socket
    port: int  # 0 for a Unix socket
    path: str  # "/v1"; does not end with "/"
    secure: bool = False  # https
    socket: str = ""  # the file of a Unix socket; "" for TCP

    @property
    def here(self) -> bool:
        """Whether what is sent there cannot leave this computer."""
        return bool(self.socket) or is_loopback(self.host)

    @property
    def shown(self) -> str:
        """The server, for a message."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return clean_text(self.socket) if self.socket else f"{host}:{self.port}"


def address_of(base: str) -> Address:
    """Return the address in `base`: http://HOST[:PORT][/v1], https://... or unix:/path/of/a.socket.

    Where no path is given it is /v1, and always for a Unix socket. Raises UsageError for anything else: other
    schemes, none, a password, a query. A password is not shown in its message.
    """
    text = base.strip()
    if not text.isprintable():  # urlsplit drops line ends without a word
        raise _wrong("this is no address")
    if text.lower().startswith("unix:"):
        return _socket(text[len("unix:") :])
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _wrong("this is no address") from error
    scheme = parts.scheme.lower()
    if scheme not in ("http", "https") or "://" not in text:
        raise _wrong(f"not an address with http://, https:// or unix:: {_short(text)}")
    if "@" in parts.netloc:
        raise UsageError("--api-base must hold no user or password", hint="put the key in BILI2TEXT_API_KEY")
    if not host or not _plain(host) or parts.query or parts.fragment or not _plain(parts.path):
        raise _wrong(f"not the address of a server: {_short(text)}")
    path = parts.path.rstrip("/").removesuffix(_CHAT).rstrip("/")
    secure = scheme == "https"
    return Address(host, port or (443 if secure else 80), path or "/v1", secure)


def is_loopback(host: str) -> bool:
    """Return whether a host's name or number, without brackets, is this computer and no other."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_key(key: str, address: Address) -> None:
    """Raise UsageError for a key that is none, or that others could read on its way. It is never shown."""
    if not key:
        return
    if not _plain(key):
        raise UsageError(
            "the key for --api-base has characters that no key has", hint="check BILI2TEXT_API_KEY"
        )
    if not address.secure and not address.here:
        hint = "use https://, a tunnel to 127.0.0.1, or unset BILI2TEXT_API_KEY"
        raise UsageError(
            f"no key is sent to {address.shown} over plain http, where it can be read", hint=hint
        )


def _socket(rest: str) -> Address:
    path = unquote(rest.removeprefix("//"))
    if not path.startswith("/") or "\0" in path:
        raise _wrong("a Unix socket needs its whole path: unix:/path/of/a.socket")
    return Address("localhost", 0, "/v1", socket=path)


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _short(text: str) -> str:
    # what stands before an @ may be a password, whatever the rest of it is
    shown = clean_text(text.rpartition("@")[2].partition("?")[0])
    return shown[:_SHOWN] or "(nothing)"


def _wrong(what: str) -> UsageError:
    return UsageError(f"--api-base: {what}", hint=_EXAMPLE)
