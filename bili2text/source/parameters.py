"""Our options as yt-dlp's API takes them, with the defaults of its command line spelled out."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

from bili2text.errors import UsageError
from bili2text.files import clean_text
from bili2text.source.media import LinkOptions

# Sound alone; else with a small picture (speech gains nothing from 1080p); else whatever has sound.
FORMAT = "ba/b[height<=?480]/w/ba*"
_BROWSER = re.compile(
    r"(?P<name>[^+:]+)(?:\s*\+\s*(?P<keyring>[^:]+))?(?:\s*:\s*(?!:)(?P<profile>.+?))?(?:\s*::\s*(?P<container>.+))?"
)
_BROWSERS = ("brave", "chrome", "chromium", "edge", "firefox", "opera", "safari", "vivaldi", "whale")
_RATE = re.compile(r"(?P<number>\d+(?:[.,]\d+)?)\s*(?P<unit>[kmgt]?)", re.IGNORECASE)
_PIECE = re.compile(
    r"(?P<start>[+-]?\d+)?(?P<range>[:-](?P<end>[+-]?\d+|inf(?:inite)?)?(?::(?P<step>[+-]?\d+))?)?"
)


def parameters(options: LinkOptions, cookies: str | None, log: object) -> dict[str, Any]:
    """Return the parameters of a YoutubeDL; `cookies` is the text of a cookies file. Raises UsageError."""
    wait = backoff(options.patience)
    return {
        "format": FORMAT,
        "fixup": "never", "postprocessors": [],  # nothing is re-encoded: our decoder reads what sites send
        "quiet": True, "noprogress": True, "color": "no_color", "logger": log,
        "updatetime": False, "cachedir": False, "overwrites": True, "writesubtitles": False,
        "noplaylist": False, "lazy_playlist": True, "extract_flat": "in_playlist",
        "retries": options.retries, "fragment_retries": options.retries,
        "extractor_retries": 3, "file_access_retries": 3, "socket_timeout": options.timeout,
        "retry_sleep_functions": {"http": wait, "fragment": wait, "extractor": wait},
        "skip_unavailable_fragments": False,
        # More at once are threads, and Ctrl-C would wait until each of them has given up by itself.
        "concurrent_fragment_downloads": 1,
        "external_downloader": {"default": "native"}, "enable_file_urls": False,
        "allowed_extractors": ["default"],
        "usenetrc": False, "remote_components": [], "js_runtimes": {"deno": {}, "node": {}},
        "proxy": options.proxy, "ratelimit": rate(options.limit_rate),
        "cookiesfrombrowser": browser(options.cookies_from_browser),
        # yt-dlp rewrites a cookies file it is given by name, without its comments; this copy it may have.
        "cookiefile": io.StringIO(cookies) if cookies is not None else None,
    }  # fmt: skip


def backoff(patience: float) -> Callable[[int], float]:
    """Return the seconds to sleep before new try `n` (0-based): doubling from `patience`, at most 30."""

    def seconds(n: int) -> float:
        return min(30.0, patience * 2.0 ** min(n, 16))

    return seconds


def rate(text: str | None) -> int | None:
    """Return bytes a second: "500K" is 500 x 1024, as in yt-dlp. Raises UsageError."""
    if text is None:
        return None
    match = _RATE.fullmatch(text.strip())
    number = float(match["number"].replace(",", ".")) if match else 0.0
    if match is None or number <= 0:
        raise UsageError(f"not a rate: {clean_text(text)!r}", hint="--limit-rate 500K or --limit-rate 4.2M")
    return round(number * 1024.0 ** " kmgt".index(match["unit"].lower() or " "))


def browser(text: str | None) -> tuple[str, str | None, str | None, str | None] | None:
    """Return (name, profile, keyring, container) of yt-dlp's --cookies-from-browser. Raises UsageError."""
    if text is None:
        return None
    match = _BROWSER.fullmatch(text)
    if match is None or match["name"].strip().lower() not in _BROWSERS:
        raise UsageError(f"not a browser: {clean_text(text)!r}", hint=f"one of {', '.join(_BROWSERS)}")
    keyring = match["keyring"].strip().upper() if match["keyring"] else None
    return match["name"].strip().lower(), match["profile"], keyring, match["container"]


def playlist_slices(text: str | None) -> tuple[slice | int, ...]:
    """Return the parts of "1:3,7,-2", as yt-dlp's --playlist-items reads them. Raises UsageError."""
    return tuple(_piece(piece) for piece in (text or "1:").split(","))


def _piece(text: str) -> slice | int:
    match = _PIECE.fullmatch(text.strip())
    step = int(match["step"]) if match and match["step"] else None
    if not text.strip() or match is None or step == 0:
        raise UsageError(
            f"not a choice of items: {clean_text(text)!r}",
            hint="--playlist-items 1:3,7,-2 (1: for all of them)",
        )
    start = int(match["start"]) if match["start"] else None
    if not match["range"]:
        return start or 0
    return slice(start, float(match["end"]) if match["end"] else None, step)
