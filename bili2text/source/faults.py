"""From an exception of yt-dlp to the plain values that remedies are chosen by.

yt-dlp hides the cause in three places: `exc_info` of its DownloadError, `cause` of its ExtractorError, and
Python's own chain. Classes are known by name, so that nothing here imports yt-dlp.
"""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from bili2text.source.remedies import Fault, Kind

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_DEPTH = 12  # links of the chain; a longer one is a circle


def fault(error: BaseException, said: tuple[str, ...] = (), *, now: datetime | None = None) -> Fault:
    """Return what is known about `error`; `said` are the warnings that came before it."""
    chain = tuple(_chain(error))
    status = next((known for known in map(_status, chain) if known), None)
    wait = next((known for known in (_wait(link, now) for link in chain) if known is not None), None)
    return Fault(str(error), _kind(chain), status, wait, said)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield `error` and everything it came from, outermost first."""
    waiting, seen = [error], 0
    while waiting and seen < _DEPTH:
        link = waiting.pop(0)
        if not isinstance(link, BaseException):
            continue
        seen += 1
        yield link
        hidden = getattr(link, "exc_info", None)
        inner = hidden[1] if isinstance(hidden, tuple) and len(hidden) == 3 else None
        for cause in (inner, getattr(link, "cause", None), link.__cause__, link.__context__):
            if isinstance(cause, BaseException) and cause is not link and cause not in waiting:
                waiting.append(cause)


def _kind(chain: tuple[BaseException, ...]) -> Kind:
    for link in chain:
        known = _kind_of_one(link)
        if known:
            return known
    outermost = type(chain[0])
    unforeseen = outermost.__module__ == "builtins" or outermost.__name__ == "RegexNotFoundError"
    return "broken" if unforeseen else ""


def _kind_of_one(link: BaseException) -> Kind:
    """Return the kind of one exception by itself, or "" when it says nothing."""
    if isinstance(link, OSError) and link.errno in _FULL:
        return "disk"
    if getattr(link, "redirect_loop", False):
        return "loop"
    named: Kind = {"UnsupportedError": "unsupported", "ProxyError": "proxy"}.get(type(link).__name__, "")  # type: ignore[assignment]
    if named:
        return named
    if isinstance(link, ssl.SSLError):
        return "timeout" if "timed out" in str(link) else "tls"
    table: tuple[tuple[type[BaseException], Kind], ...] = (
        (socket.gaierror, "dns"),
        (ConnectionRefusedError, "refused"),
        (TimeoutError, "timeout"),
        (ConnectionError, "reset"),
    )
    return next((kind for sort, kind in table if isinstance(link, sort)), _by_text(link))


def _by_text(link: BaseException) -> Kind:
    text = str(link)
    if "timed out" in text:
        return "timeout"
    if "unable to write data" in text or "unable to open for writing" in text:
        return "disk"
    if isinstance(link, OSError) and link.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN):
        return "refused"
    return ""


def _status(link: BaseException) -> int | None:
    status = getattr(link, "status", None)
    if isinstance(status, int) and 300 <= status < 600:
        return status
    said = re.search(r"HTTP Error ([345]\d\d)\b", str(link))  # all that is left once a downloader gave up
    return int(said[1]) if said else None


def _wait(link: BaseException, now: datetime | None) -> float | None:
    """Return the seconds of a Retry-After header, in either of its two forms (RFC 9110, 10.2.3)."""
    headers = getattr(getattr(link, "response", None), "headers", None)
    asked = headers.get("Retry-After") if headers is not None else None
    if not asked:
        return None
    if str(asked).strip().isdigit():
        return float(asked)
    try:
        moment = parsedate_to_datetime(str(asked))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - (now or datetime.now(timezone.utc))).total_seconds())
