"""What the stages after this one get: media on disk, and a promise of more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """How to follow a link. Each option that yt-dlp has too means what it means there."""

    cookies: Path | None = None  # a Netscape cookies.txt; read, never written
    cookies_from_browser: str | None = None  # BROWSER[+KEYRING][:PROFILE][::CONTAINER]
    proxy: str | None = None  # None: the environment's; "": none at all
    limit_rate: str | None = None  # bytes a second, "500K", "4.2M"
    playlist_items: str | None = None  # "1:3,7,-2"; None: the link must name one thing
    refresh: bool = False  # fetch again what the cache has
    retries: int = 10  # inside one download, for a broken connection
    tries: int = 5  # of the whole thing, for a server that says "later"
    timeout: float = 20.0  # seconds of silence on a connection
    patience: float = 1.0  # seconds before the first new try; doubles up to 30
    endless: float = 1800.0  # seconds that a body may take whose length nobody declared: a radio never ends
    max_bytes: int = 16 * 2**30  # of one item


# yt-dlp's names for pages that no extractor of its own knows: an id from there is only a file's name
GENERIC_SITES = frozenset({"generic", "html5", "html5mediaembed"})


@dataclass(frozen=True, slots=True)
class Media:
    """A file with sound in it, and what is known about where it came from. All text is one clean line."""

    path: Path
    title: str
    id: str | None  # the site's own; None for a file
    site: str  # yt-dlp's name of the site, "BiliBili"; "file" or "stdin" for what was local
    url: str | None  # the page, without anything secret; None for a file
    duration: float | None  # seconds, as the file (else the site) declares; None when neither does
    uploader: str | None = None
    tags: tuple[str, ...] = ()
    part: int | None = None  # 1-based place in its list, or part of a Bilibili video


@dataclass(frozen=True, slots=True)
class Item:
    """One thing a source holds. `fetch` returns it, downloaded if need be; an error of it is its own."""

    name: str  # a title, or a link when no title is known yet
    fetch: Callable[[], Media]
    part: int | None = None
    total: int | None = None  # how many items the list has, when that is known
    preview: Media | None = None  # what `fetch` will return, but for the file: its path is none yet


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a list, which nobody has looked at yet."""

    link: str  # names it for good; may be no address
    name: str
    index: int  # 1-based place in the list
    address: str | None  # opens it by itself; None: it is opened as the `index`-th of its list alone


@dataclass(frozen=True, slots=True)
class Offer:
    """What a site offers for one item, before a byte of it is downloaded."""

    site: str
    id: str
    format_id: str
    title: str
    page: str  # the link to extract again; may hold secrets
    generic: bool  # no extractor knows the site, so `id` is only a file name
    protocol: str
    size: int | None = None  # bytes
    duration: float | None = None  # seconds
    uploader: str | None = None
    tags: tuple[str, ...] = ()
    part: int | None = None
    extension: str = ""
    info: Mapping[str, Any] = field(default_factory=dict, repr=False)  # yt-dlp's own dictionary

    @property
    def fragmented(self) -> bool:
        """Whether it arrives in pieces that are joined (HLS, DASH), not as one plain file."""
        return self.protocol not in ("http", "https")
