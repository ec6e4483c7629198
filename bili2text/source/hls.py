"""What an HLS media playlist says about itself (RFC 8216), read before any of it is downloaded."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SEGMENT = re.compile(r"^#EXTINF:\s*([0-9]+(?:\.[0-9]*)?)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Playlist:
    """The facts that decide whether a playlist can be downloaded as one recording."""

    ended: bool  # a playlist that may still grow has no end mark: a live stream
    master: bool  # it lists other playlists, not segments
    duration: float  # seconds, the sum over its segments


def read_playlist(text: str) -> Playlist:
    """Return what the playlist `text` says. Text that is no playlist has ended, and lasts 0 seconds."""
    return Playlist(
        ended="#EXT-X-ENDLIST" in text or not text.lstrip("\ufeff \r\n").startswith("#EXTM3U"),
        master="#EXT-X-STREAM-INF" in text,
        duration=sum(float(seconds) for seconds in _SEGMENT.findall(text)),
    )
