"""Facts that the first bytes of a file give away, and libav does not pass on. Pure: bytes in, values out."""

from __future__ import annotations

import struct

HEAD = 1 << 16  # bytes that these functions want to see
_STREAMED = 0x7FFF_0000  # a RIFF size from here on is a writer's way to say "not known yet"
_FIRST_FRAME = 8192  # bytes in which an mp3's first frame begins
_TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3", b"OpusHead", b"OpusTags")


def kind(head: bytes) -> str:
    """Return in words what `head` begins, when it is a well-known thing that has no sound; else ""."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:256].lower()
    for magic, words in _KINDS:
        if text.startswith(magic):
            return words
    return "" if _binary(head) else "a text"


_KINDS = (
    (b"#extm3u", "a playlist"),
    (b"ffconcat", "a playlist"),
    (b"[playlist]", "a playlist"),
    (b"<?xml", "an XML text"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"\x89png", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"gif8", "a picture"),
    (b"%pdf", "a PDF"),
    (b"pk\x03\x04", "a ZIP archive"),
    (b"rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
)


def _binary(head: bytes) -> bool:
    return any(byte < 9 or 13 < byte < 27 for byte in head[:1024])


def is_tag(packet: bytes) -> bool:
    """Return whether `packet` is text, not sound: a tag behind a raw stream, a header in a chained Ogg."""
    return packet.startswith(_TAGS)


def mp3_frames(head: bytes) -> int:
    """Return how many frames an mp3 says it has (in a Xing, Info or VBRI header); 0 when it does not say.

    `head` begins behind the ID3v2 tag, where padding may come before the first frame. libav doubts the
    number as soon as the file is longer than it was, though a tag at the end is enough for that.
    """
    for mark in (b"Xing", b"Info"):
        at = head.find(mark, 0, _FIRST_FRAME)
        if at >= 0 and len(head) >= at + 12:
            flags, frames = struct.unpack_from(">II", head, at + 4)
            return frames if flags & 1 else 0
    at = head.find(b"VBRI", 0, _FIRST_FRAME)
    return struct.unpack_from(">I", head, at + 14)[0] if 0 <= at <= len(head) - 18 else 0


def id3_length(head: bytes) -> int:
    """Return how many bytes an ID3v2 tag takes at the start of `head`; 0 without one."""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    a, b, c, d = head[6:10]
    return 10 + (a << 21 | b << 14 | c << 7 | d)


def wav_missing(head: bytes, size: int) -> float:
    """Return the seconds of sound that a WAV's header promises beyond the end of its `size` bytes.

    libav quietly takes the length of the file instead. 0 for a whole file and for one whose writer
    could not go back to fill in the size (a pipe).
    """
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return 0.0
    at, rate = 12, 0
    while at + 8 <= len(head):
        name, length = head[at : at + 4], struct.unpack_from("<I", head, at + 4)[0]
        if name == b"fmt " and at + 20 <= len(head):
            rate = struct.unpack_from("<I", head, at + 16)[0]  # bytes a second
        if name == b"data":
            short = at + 8 + length - size
            return short / rate if rate and short > 0 and length < _STREAMED else 0.0
        at += 8 + length + length % 2
    return 0.0
