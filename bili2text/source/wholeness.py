"""Whether a file itself tells that it is whole: for downloads whose length nobody declared.

Each check reads what its container's specification makes a writer record: RIFF and RF64 sizes, the boxes of
ISO 14496-12, EBML element sizes, Ogg's last-page flag (RFC 3533), FLAC's total samples (RFC 9639), MP3's Xing
header.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_TAIL = 128 * 1024  # bytes; more than the largest Ogg page, and than any FLAC frame met in practice
_UNSET = (0, 0x7FFFFFFF)  # written by programs that stream and cannot come back to fill the size in


def proves_whole(path: Path) -> bool | None:
    """Return True if the file proves that nothing is missing at its end, False if something is, else None."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(64)
        for fits, check in _CHECKS:
            if fits(head):
                try:
                    return check(file, size)
                except (struct.error, IndexError):
                    return False  # the file ends inside what should have been read
    return None


def _riff(file: BinaryIO, size: int) -> bool | None:
    file.seek(0)
    head = file.read(28)
    declared = struct.unpack(">I" if head[:4] == b"FORM" else "<I", head[4:8])[0]
    if head[:4] == b"RF64":
        declared = struct.unpack("<Q", head[20:28])[0]
    elif declared in _UNSET or declared >= 0xFFFFFF00:
        return None
    return bool(
        size >= declared + 8 - (declared & 1)
    )  # some writers count the padding byte and do not write it


def _boxes(file: BinaryIO, size: int) -> bool | None:
    position, seen = 0, set()
    while position < size:
        file.seek(position)
        head = file.read(16)
        length, kind = struct.unpack(">I4s", head[:8])
        if length == 1:
            length = struct.unpack(">Q", head[8:16])[0]
        if length == 0:
            return None  # "until the end of the file", wherever that is
        if length < 8:
            return False
        seen.add(kind)
        position += length
    if position > size:
        return False
    # A fragmented file that is cut between two fragments looks like a shorter one.
    return True if {b"moov", b"mdat"} <= seen and b"moof" not in seen else None


def _matroska(file: BinaryIO, size: int) -> bool | None:
    file.seek(4)
    length, used = _vint(file.read(8))
    position = 4 + used + (length or 0)
    file.seek(position)
    head = file.read(12)
    if head[:4] != b"\x18\x53\x80\x67":
        return None
    length, used = _vint(head[4:])
    return None if length is None else size >= position + 4 + used + length


def _vint(data: bytes) -> tuple[int | None, int]:
    """Return an EBML size and the bytes it takes; the size is None for "unknown"."""
    width = 9 - data[0].bit_length()
    if width > 8 or len(data) < width:
        raise struct.error
    value = int.from_bytes(data[:width], "big") & ((1 << 7 * width) - 1)
    return (None if value == (1 << 7 * width) - 1 else value), width


def _ogg(file: BinaryIO, size: int) -> bool | None:
    tail = _read_tail(file, size)
    start = tail.rfind(b"OggS\x00")
    if start < 0:
        return None
    lacing = tail[start + 27 : start + 27 + tail[start + 26]]
    if start + 27 + tail[start + 26] + sum(lacing) > len(tail):
        return False
    return True if tail[start + 5] & 4 else None  # not every recorder of streams marks the last page


def _flac(file: BinaryIO, size: int) -> bool | None:
    file.seek(8)
    info = file.read(34)
    block = struct.unpack(">H", info[2:4])[0]
    total = int.from_bytes(info[13:18], "big") & 0xFFFFFFFFF
    tail = _read_tail(file, size)
    if not total or tail[-128:-125] == b"TAG":
        return None
    position = len(tail)
    while (position := max(tail.rfind(b"\xff\xf8", 0, position), tail.rfind(b"\xff\xf9", 0, position))) >= 0:
        if _crc16(tail[position:-2]) == int.from_bytes(tail[-2:], "big"):
            number = _coded_number(tail[position + 4 : position + 11])
            samples = number if tail[position + 1] & 1 else number * block
            return bool(samples + block >= total)
    return False


def _coded_number(data: bytes) -> int:
    """Return the frame or sample number in FLAC's extended UTF-8 (RFC 9639, 9.1.5)."""
    first = data[0]
    if first < 0x80:
        return first
    extra = 7 - (first ^ 0xFF).bit_length()
    number = first & ((1 << (6 - extra)) - 1)
    for byte in data[1 : 1 + extra]:
        number = number << 6 | byte & 0x3F
    return number


def _crc16_of_byte(byte: int) -> int:
    value = byte << 8
    for _ in range(8):
        value = (value << 1) ^ 0x8005 if value & 0x8000 else value << 1
    return value & 0xFFFF


_CRC16 = tuple(_crc16_of_byte(byte) for byte in range(256))


def _crc16(data: bytes) -> int:
    """Return the checksum that ends a FLAC frame (RFC 9639, 9.3: polynomial 0x8005)."""
    value = 0
    for byte in data:
        value = (value << 8 & 0xFFFF) ^ _CRC16[value >> 8 ^ byte]
    return value


def _mp3(file: BinaryIO, size: int) -> bool | None:
    file.seek(0)
    head = file.read(10)
    start = 0
    if head[:3] == b"ID3" and len(head) == 10:
        start = 10 + sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    file.seek(start)
    frame = file.read(200)
    at = max(frame.find(b"Xing"), frame.find(b"Info"))
    if at < 0:
        return None
    flags = struct.unpack(">I", frame[at + 4 : at + 8])[0]
    if flags & 2 == 0:
        return None
    offset = at + 8 + (4 if flags & 1 else 0)
    declared = struct.unpack(">I", frame[offset : offset + 4])[0]
    return bool(size - start >= declared) if declared else None


def _read_tail(file: BinaryIO, size: int) -> bytes:
    file.seek(max(0, size - _TAIL), os.SEEK_SET)
    return file.read()


_CHECKS: tuple[tuple[Callable[[bytes], bool], Callable[[BinaryIO, int], bool | None]], ...] = (
    (lambda head: head[:4] in (b"RIFF", b"RF64", b"FORM"), _riff),
    (lambda head: head[4:8] in (b"ftyp", b"styp", b"moov", b"mdat"), _boxes),
    (lambda head: head[:4] == b"\x1a\x45\xdf\xa3", _matroska),
    (lambda head: head[:4] == b"OggS", _ogg),
    (lambda head: head[:4] == b"fLaC", _flac),
    (lambda head: head[:3] == b"ID3" or head[:1] == b"\xff", _mp3),
)
