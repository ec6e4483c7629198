"""The one file that knows yt-dlp: asks it what is behind a link, and lets it download one item.

Its parameters are in parameters.py, what its exceptions mean in faults.py and remedies.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path
from typing import Any

import yt_dlp
from yt_dlp.downloader.hls import HlsFD
from yt_dlp.networking import Request
from yt_dlp.utils import PlaylistEntries, YoutubeDLError

from bili2text.errors import DownloadError
from bili2text.files import clean_text
from bili2text.source.faults import fault
from bili2text.source.hls import read_playlist
from bili2text.source.media import GENERIC_SITES, LinkOptions, Offer
from bili2text.source.parameters import parameters, playlist_slices
from bili2text.source.redact import safe_url, shortened
from bili2text.source.remedies import Failed, Fault
from bili2text.source.watch import Watch

# Downloaded by yt-dlp itself. The others start ffmpeg or rtmpdump, which open addresses without our rules.
_PROTOCOLS = {"http", "https", "m3u8", "m3u8_native", "http_dash_segments", "http_dash_segments_generator"}
_THROTTLED = 50_000  # bytes a second; below it for 3 s, a new address is asked for
# Extractors run on pages nobody here has seen; these are what they raise when a page is not as they expect.
_BROKEN = (ValueError, TypeError, AttributeError, LookupError, AssertionError, ArithmeticError)
_FAILURES = (YoutubeDLError, OSError, HTTPException, RecursionError, *_BROKEN)
_COUNTED = 500  # entries; a longer list is only counted when the site tells its length
_REDIRECTS = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a list, not yet looked at."""

    link: str  # names the entry for good; may be no address
    name: str
    index: int  # 1-based place in the list
    raw: dict[str, Any]  # what yt-dlp made of it

    @property
    def address(self) -> str | None:
        """What leads to it without its list; None where the list tells more of it, such as its title."""
        return str(self.raw["url"]) if self.raw.get("_type") == "url" and self.raw.get("url") else None


@dataclass(frozen=True, slots=True)
class Listing:
    """A link that holds several items."""

    title: str
    entries: Any  # yt-dlp's PlaylistEntries: pages are fetched as it is walked
    pieces: bool  # one recording that the site keeps in several files
    link: str

    def count(self) -> tuple[int, bool]:
        """Return how many entries there are, and whether that is all of them."""
        with _translated():
            known = self.entries.get_full_count()
            if known:
                return int(known), True
            counted = sum(1 for _ in self.entries[1:_COUNTED])
        return counted, counted < _COUNTED

    def chosen(self, items: str | None) -> Iterator[Entry]:
        """Yield the entries that `items` (yt-dlp's --playlist-items) names. Raises Failed."""
        with _translated():
            for part in playlist_slices(items):
                for index, raw in self.entries[part]:
                    if raw:
                        yield self._entry(index, raw)

    def _entry(self, index: int, raw: Mapping[str, Any]) -> Entry:
        own = raw.get("url") if raw.get("_type") in ("url", "url_transparent") else None
        link = str(own or f"{self.link}#{raw.get('extractor') or ''}:{raw.get('id') or index}")
        name = clean_text(str(raw.get("title") or "")) or safe_url(own or self.link)
        return Entry(link, shortened(name), index, dict(raw))


class _Log:
    """What yt-dlp says while it works. Kept for the error message, shown to nobody as it stands."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.errors: list[str] = []

    def debug(self, message: str) -> None:
        """Forget it: yt-dlp sends its screen output here, too."""

    def warning(self, message: str) -> None:
        """Keep the last of them."""
        self.warnings = [*self.warnings[-9:], message]

    def error(self, message: str) -> None:
        """Keep the last of them."""
        self.errors = [*self.errors[-9:], message]

    def last(self) -> str:
        """Return the last error, or nothing."""
        return self.errors[-1] if self.errors else ""

    def find(self, pattern: str) -> str | None:
        """Return the last warning that `pattern` is found in."""
        return next((said for said in reversed(self.warnings) if re.search(pattern, said)), None)


@contextmanager
def _translated(log: _Log | None = None) -> Iterator[None]:
    """Turn whatever yt-dlp raises into Failed, once, here."""
    try:
        yield
    except _FAILURES as error:
        raise Failed(fault(error, tuple(log.warnings[-3:]) if log else ())) from error


class Session:
    """One conversation with a site: cookies it sets while it is asked are there when the download follows."""

    def __init__(self, options: LinkOptions, cookies: str | None) -> None:
        self._log = _Log()
        with _translated():
            self._ydl = yt_dlp.YoutubeDL(parameters(options, cookies, self._log))

    def close(self) -> None:
        """Close its connections."""
        with suppress(*_FAILURES):
            self._ydl.close()

    def look(self, link: str) -> Offer | Listing:
        """Return what is behind `link`: one item, or a list. Raises Failed."""
        with _translated(self._log):
            raw = self._follow(self._ydl.extract_info(link, download=False, process=False))
            return self._seen(raw, link)

    def resolve(self, entry: Entry) -> Offer | Listing:
        """Return what is behind one line of a list. Raises Failed."""
        with _translated(self._log):
            seen = self._seen(self._follow(dict(entry.raw)), entry.link)
        return seen if isinstance(seen, Listing) else replace(seen, part=seen.part or entry.index)

    def download(self, offer: Offer, folder: Path, watch: Watch) -> Path:
        """Download `offer` into `folder` and return the file. Raises Failed, or what `watch` raises.

        Goes straight to the downloader: `YoutubeDL.process_info` reports success for a file it refused
        (max_filesize) and for any file of that name that was there before.
        """
        target = folder / f"media{offer.extension}"
        info: dict[str, Any] = dict(offer.info)
        self._ydl.params["throttledratelimit"] = None if offer.generic or watch.patient else _THROTTLED
        self._ydl.add_progress_hook(watch)
        with _translated(self._log):
            if offer.protocol.startswith("m3u8"):
                info |= self._manifest(offer, info, watch)
            done, _ = self._ydl.dl(str(target), info)
            if not done:
                raise Failed(Fault(self._log.last() or "the downloader stopped without a word"))
        return target

    def _follow(self, raw: dict[str, Any] | None) -> dict[str, Any]:
        """Return what a redirecting result leads to."""
        for _ in range(_REDIRECTS):
            if raw is None:
                raise Failed(Fault(self._log.last() or "the extractor returned nothing", "broken"))
            if raw.get("_type") != "url":
                return raw
            raw = self._ydl.extract_info(raw["url"], download=False, process=False, ie_key=raw.get("ie_key"))
        raise Failed(Fault("redirected too often", "loop"))

    def _seen(self, raw: dict[str, Any], link: str) -> Offer | Listing:
        if raw.get("_type") not in ("playlist", "multi_video", "compat_list"):
            raw = self._ydl.process_ie_result(raw, download=False) or {}
        if raw.get("_type") in ("playlist", "multi_video", "compat_list"):
            listing = Listing(
                clean_text(str(raw.get("title") or "")), PlaylistEntries(self._ydl, raw),
                raw["_type"] == "multi_video", link,
            )  # fmt: skip
            first = [entry for _, entry in listing.entries[1:2]]
            # A page with one player is wrapped in a list of one; nobody should have to ask for item 1.
            return self._seen(self._follow(dict(first[0])), link) if len(first) == 1 else listing
        preview = self._log.find(r"only the preview|supporter-only")
        if preview:  # yt-dlp only warns, and the short clip would pass for the whole
            raise Failed(Fault(preview))
        return offer_from(raw, link)

    def _manifest(self, offer: Offer, info: Mapping[str, Any], watch: Watch) -> dict[str, Any]:
        """Return the playlist for the downloader, once it is certain that it ends and can be read."""
        with self._ydl.urlopen(Request(info["url"], headers=info.get("http_headers") or {})) as answer:
            text, address = answer.read(8 * 2**20).decode("utf-8", "replace"), answer.url
        playlist = read_playlist(text)
        if not playlist.ended:
            raise live(offer.page)
        if playlist.master or not HlsFD.can_download(text, dict(info)):
            raise Failed(Fault("DRM protected, or a stream of a kind that is not supported"))
        watch.expect(playlist.duration)
        return {"hls_media_playlist_data": text, "url": address}


def live(link: str) -> DownloadError:
    """Return the refusal of a live stream."""
    return DownloadError(
        f"a live stream has no end: {safe_url(link)}",
        hint="wait until the recording is published, then try again",
    )


def offer_from(info: Mapping[str, Any], link: str) -> Offer:
    """Return the values we use of yt-dlp's `info`. Raises DownloadError for what is never downloaded."""
    page = str(info.get("webpage_url") or link)
    if info.get("is_live") or info.get("live_status") in ("is_live", "is_upcoming"):
        raise live(page)
    protocol = str(info.get("protocol") or "")
    if protocol not in _PROTOCOLS or info.get("requested_formats"):
        raise DownloadError(
            f"a kind of stream that is not supported ({clean_text(protocol)}): {safe_url(page)}",
            hint="download it with another program and give the file",
        )
    part = re.search(r"_p(\d{1,6})$", str(info["id"]))
    extension = str(info.get("ext") or "")
    site = _text(info, "extractor_key", "extractor") or "Generic"
    size, tags = info.get("filesize"), info.get("tags") or ()
    return Offer(
        site=site,
        id=_text(info, "id"),
        format_id=_text(info, "format_id"),
        title=_text(info, "title", "id"),
        page=page,
        generic=site.lower() in GENERIC_SITES,
        protocol=protocol,
        size=int(size) if isinstance(size, (int, float)) and size > 0 else None,
        duration=info.get("duration") or None,
        uploader=_text(info, "uploader", "channel") or None,
        tags=tuple(clean_text(str(tag)) for tag in tags[:50]),
        part=int(part[1]) if part else None,
        extension=f".{extension}" if re.fullmatch(r"[a-z0-9]{1,5}", extension) else "",
        info=info,
    )


def _text(info: Mapping[str, Any], *names: str) -> str:
    """Return the first of these fields that says something, as one clean line."""
    return next((text for name in names if (text := clean_text(str(info.get(name) or "")))), "")
