"""What went wrong with a link: what it means, what to do, and whether trying again can help.

yt-dlp reports by class, by HTTP status and, often, only by text. The rows below are read from the top and the
first that fits counts, so the particular stands above the general. The texts are those of yt-dlp 2026.10.26;
tests/source/test_remedies.py has an example of each: look there first when a new yt-dlp changes a message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from bili2text.errors import Bili2TextError, DownloadError, StorageError
from bili2text.source.redact import safe_text, safe_url

Kind = Literal[
    "", "disk", "refused", "dns", "timeout", "reset", "tls", "proxy", "loop", "unsupported", "broken"
]

LATER = 9  # more than any number of tries allows: limited by LinkOptions.tries alone


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure of yt-dlp, as plain values."""

    text: str
    kind: Kind = ""
    status: int | None = None  # of HTTP
    wait: float | None = None  # seconds the server asked for in Retry-After
    said: tuple[str, ...] = ()  # warnings that came before it, the last ones


class Failed(Exception):
    """yt-dlp failed; `fault` is what is known about it. Never leaves this package."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.text)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to tell the user about a fault, and how many new tries it deserves."""

    what: str
    hint: str
    again: int = 0


@dataclass(frozen=True, slots=True)
class _Row:
    remedy: Remedy
    text: str = ""  # a regular expression, case ignored
    kind: Kind = ""
    status: tuple[int, ...] = ()


_LOGIN = "log in to the site in a browser, then pass --cookies-from-browser firefox or --cookies FILE"
_WAIT = "wait some minutes, go slower (--limit-rate 2M), and pass fresh --cookies of a logged-in browser"
_NETWORK = "check the network and the address, or pass --proxy URL"
_PAGE = "open the link in a browser: if it plays there, pass the address of the page that plays it"
_UPDATE = "update yt-dlp (pip install -U 'yt-dlp[default]') and try again"
_SERVER = "try again later: the trouble is on the server's side"

_OUTSIDE = Remedy("it leads to a file:// or other address that is never opened", _PAGE)
_NOTHING = Remedy("the site offers no sound for it", _LOGIN)

_ROWS = (
    _Row(
        Remedy("the disk is full", "free some space, or move the caches with BILI2TEXT_CACHE_DIR"),
        kind="disk",
    ),
    _Row(
        Remedy("only supporters of the uploader may hear all of it", f"as a supporter, {_LOGIN}"),
        r"supporter-only|only the preview|充电专属",
    ),
    _Row(
        Remedy("only paying members may hear it", f"as a member, {_LOGIN}"),
        r"premium member|大会员|members.only",
    ),
    _Row(
        Remedy(
            "Windows keeps that browser's cookies encrypted",
            "use --cookies-from-browser firefox or --cookies FILE",
        ),
        r"DPAPI|failed to decrypt|cannot decrypt",
    ),
    _Row(
        Remedy("the browser holds its cookies locked", "close the browser, or use --cookies FILE"),
        r"could not copy .{0,40}cookie|database is locked",
    ),
    _Row(
        Remedy(
            "that browser's cookies were not found", "name another browser or profile, or use --cookies FILE"
        ),
        r"could not find .{0,60}(cookie|profile)|unknown browser|unsupported browser|keyring",
    ),
    _Row(
        Remedy("the cookies file is not in Netscape format", "export it again as cookies.txt, not as JSON"),
        r"netscape format|invalid (cookie|length|http cookie)|cookies? file must be|failed to load cookies",
    ),
    _Row(
        Remedy("the site refuses us for too many requests", _WAIT, 2),
        r"exceeded the rate limit|wait and try later|: -?352\b|not a bot|v_voucher|rate.limited",
    ),
    _Row(Remedy("the site blocks this address (412)", _WAIT, 1), r"blocked by server \(412\)"),
    _Row(
        Remedy("deleted, or not shown in your country", "check the link in a browser, or pass --proxy URL"),
        r"deleted or geo.restricted",
    ),
    _Row(
        Remedy("not shown in your country", "pass --proxy URL with a proxy where it is shown"),
        r"geo.?restrict|available (in|from) your (country|location|region)|video is restricted",
    ),
    _Row(
        Remedy("deleted or private", "check the link in a browser"),
        r"private video|(has been|was) (deleted|removed|terminated)|no longer (available|exists)",
    ),
    _Row(
        Remedy("protected by DRM: nobody but the site's player can read it", "choose another source"),
        r"DRM.protected|drm protect",
    ),
    _Row(
        Remedy("a live stream, or one that has not started", "wait until the recording is published"),
        r"not currently live|live event|premieres in|will begin in|this live stream|live stream recording",
    ),
    _Row(
        Remedy("the site wants a login", _LOGIN),
        r"log.?in required|only available (for|to) registered|logged.in|sign in",
    ),
    _Row(
        Remedy(
            "the site wants to see a real browser", "pip install 'bili2text[impersonate]', then try again"
        ),
        r"impersonat|cloudflare anti-bot",
    ),
    _Row(
        _OUTSIDE,
        r"file:// URLs are disabled|unsupported url scheme|no connection adapters|redirect.{0,20}file:",
    ),
    _Row(Remedy("redirected in a circle", _PAGE), kind="loop"),
    _Row(Remedy("no sound or video that can be found there", _PAGE), kind="unsupported"),
    _Row(
        _NOTHING,
        r"no video formats found|requested format is not available|only images are available",
    ),
    _Row(Remedy("a kind of file that is never saved, for safety", _PAGE), r"extracted extension"),
    _Row(Remedy("the login or the password is refused (401)", _LOGIN, 1), status=(401, 407)),
    _Row(Remedy("access is refused (403)", f"if it plays in your browser, {_LOGIN}", 1), status=(403,)),
    _Row(Remedy("the site blocks this address (412)", _WAIT, 1), status=(412,)),
    _Row(
        Remedy("a piece of the stream is missing on the server", _SERVER, 1),
        r"HTTP Error (404|410).{0,60}giving up after|fragment \d+ not found",
    ),
    _Row(Remedy("not found (404)", "check the link in a browser"), status=(404, 410)),
    _Row(
        Remedy("not shown, for legal reasons (451)", "pass --proxy URL with a proxy where it is shown"),
        status=(451,),
    ),
    _Row(Remedy("the server asks us to slow down (429)", _WAIT, LATER), status=(429,)),
    _Row(Remedy("the server could not continue an interrupted download (416)", _SERVER, 1), status=(416,)),
    _Row(Remedy("the server has an error", _SERVER, LATER), status=tuple(range(500, 600))),
    _Row(_OUTSIDE, status=tuple(range(300, 400))),
    _Row(
        Remedy("the server broke off, again and again", _SERVER, 1),
        r"downloaded \d+ bytes, expected \d+|bytes read, \d+ more expected|incomplete ?read|cut short",
    ),
    _Row(Remedy("the server sent nothing", _SERVER, 1), r"did not get any data|downloaded file is empty"),
    _Row(Remedy("the server is too slow", _SERVER, 2), r"below throttle limit"),
    _Row(
        Remedy("the file changed while it was downloaded", "start again", 2),
        r"changed while it was downloaded",
    ),
    _Row(Remedy("no host of that name answers", _NETWORK, 2), kind="dns"),
    _Row(Remedy("the host refuses the connection", _NETWORK, 2), kind="refused"),
    _Row(Remedy("the proxy does not work", "check --proxy, or the https_proxy variable"), kind="proxy"),
    _Row(
        Remedy("the secure connection could not be made", "check the date of this computer, and the proxy"),
        kind="tls",
    ),
    _Row(
        Remedy("the server stopped answering", "try again later, or pass --proxy URL", 1),
        r"giving up after",
        "timeout",
    ),
    _Row(Remedy("the server does not answer", _NETWORK, 2), kind="timeout"),
    _Row(Remedy("the connection broke", _NETWORK, 2), kind="reset"),
    _Row(Remedy("yt-dlp does not understand the site's answer", _UPDATE, 1), kind="broken"),
)


def remedy(fault: Fault) -> Remedy:
    """Return what to do about `fault`; for one nobody foresaw, what yt-dlp says, cleaned."""
    found = next((row.remedy for row in _ROWS if _fits(row, fault)), None)
    if found is None or found is _NOTHING:
        # The reason was only a warning, and what failed in the end was its consequence.
        found = next((cure for text in reversed(fault.said) if (cure := _by_warning(text))), found)
    if found:
        return found
    said = re.sub(r"^(ERROR:\s*|\[[\w:]+\]\s*|Got error:\s*)+", "", safe_text(fault.text))
    said = re.split(r"; please report this issue on|\s*\(caused by ", said, maxsplit=1)[0]
    return Remedy(f"the download failed ({said})", _UPDATE)


def _by_warning(text: str) -> Remedy | None:
    if "ubtitle" in text:  # without a login Bilibili's subtitles are missing; that never was the trouble
        return None
    return next((row.remedy for row in _ROWS if row.text and not row.kind and _fits(row, Fault(text))), None)


def _fits(row: _Row, fault: Fault) -> bool:
    if row.kind and row.kind != fault.kind:
        return False
    if row.status and fault.status not in row.status:
        return False
    return not row.text or re.search(row.text, fault.text, re.IGNORECASE) is not None


def download_error(fault: Fault, link: str) -> Bili2TextError:
    """Return the error that tells about `fault`: StorageError for a full disk, else DownloadError."""
    cure = remedy(fault)
    if fault.kind == "disk":
        return StorageError(cure.what, hint=cure.hint)
    what = cure.what
    if fault.status and fault.status >= 500:
        what = f"{what} ({fault.status})"
    hint = cure.hint
    if fault.wait is not None and fault.wait >= 1:
        hint = f"the server asks to wait {fault.wait:.0f} s: try again then"
    return DownloadError(f"{what}: {safe_url(link)}", hint=hint)
