"""Damaged recordings and things that are none, each with what is known to be missing."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sounds import encode

from bili2text.audio.waveform import SAMPLE_RATE, Samples

# 20 places: bytes from the beginning, or a share of the file.
OFFSETS = (0, 4, 20, 100, *(0.02 + 0.06 * step for step in range(16)))
HARMS = ("cut", "flipped", "zeroed")
_SHARE = 25  # of a file is zeroed or flipped: one part in so many
_FLIPS = 12


@dataclass(frozen=True, slots=True)
class Container:
    """How a recording is packed."""

    codec: str
    options: dict[str, str]
    bit_rate: int | None
    tells_length: bool  # at its beginning: without that nobody can say what is missing at the end
    tells_time: bool  # of its packets, or knows them damaged: without that a hole of zeros is silence


CONTAINERS = {
    "m4a": Container("aac", {"movflags": "+faststart"}, 64_000, tells_length=True, tells_time=True),
    "mp3": Container("libmp3lame", {}, 64_000, tells_length=True, tells_time=False),
    "flac": Container("flac", {}, None, tells_length=True, tells_time=True),
    "ogg": Container("libopus", {}, 32_000, tells_length=False, tells_time=True),
    "webm": Container("libopus", {}, 32_000, tells_length=True, tells_time=True),
    "mkv": Container("aac", {}, 64_000, tells_length=True, tells_time=True),
    "ts": Container("aac", {}, 64_000, tells_length=False, tells_time=True),
    "wav": Container("pcm_s16le", {}, None, tells_length=True, tells_time=False),
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A damaged copy."""

    path: Path
    container: str
    harm: str
    known: bool  # whether what is missing can be known from the file


def healthy(place: Path, sound: Samples) -> dict[str, Path]:
    """Write the sound in every container."""
    return {
        name: encode(
            place / f"whole.{name}", kind.codec, [sound], bit_rate=kind.bit_rate, container=kind.options
        )
        for name, kind in CONTAINERS.items()
    }


def mutants(name: str, whole: Path, place: Path) -> Iterator[Mutant]:
    """Write 60 damaged copies, one after the other under the same name."""
    kind, data = CONTAINERS[name], whole.read_bytes()
    chance = np.random.default_rng(len(data))
    path = place / f"damaged.{name}"
    for offset in OFFSETS:
        at = offset if isinstance(offset, int) else int(len(data) * offset)
        beyond_headers = not isinstance(offset, int) and offset > 0.05
        for harm in HARMS:
            path.write_bytes(_harmed(data, at, harm, chance))
            tells = {"cut": kind.tells_length, "zeroed": kind.tells_time, "flipped": False}[harm]
            yield Mutant(path, name, harm, tells and beyond_headers)


def oddities(place: Path) -> Iterator[tuple[str, Path]]:
    """Make what is no recording, or hardly one, and yield its name and path."""
    for number, (name, content) in enumerate(_contents()):
        path = place / f"odd{number}{Path(name).suffix or '.mp3'}"
        path.write_bytes(content)
        yield name, path
    for name, make in _SPECIAL.items():
        yield name, make(place / f"{name.replace(' ', '_')}.mp3")


def _harmed(data: bytes, at: int, harm: str, chance: np.random.Generator) -> bytes:
    end = min(len(data), at + max(16, len(data) // _SHARE))
    if harm == "cut":
        return data[:at]
    if harm == "zeroed":
        return data[:at] + bytes(end - at) + data[end:]
    flipped = bytearray(data)
    for place in chance.integers(at, end, _FLIPS):
        flipped[place] ^= 1 << int(chance.integers(8))
    return bytes(flipped)


def _wav(rate: int, channels: int, data: bytes, *, form: int = 1, bits: int = 16, claims: int = -1) -> bytes:
    align = channels * bits // 8
    fmt = struct.pack("<HHIIHH", form, channels, rate, rate * align % 2**32, align % 2**16, bits)
    size = len(data) if claims < 0 else claims
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", min(len(body), 0xFFFF_FFFF)) + body


def _contents() -> Iterator[tuple[str, bytes]]:
    chance = np.random.default_rng(5)
    tone = (3000 * np.sin(np.arange(SAMPLE_RATE) / 5)).astype("<i2").tobytes()
    yield from {
        "empty": b"",
        "one byte": b"\0",
        "a text": b"no music here\n" * 100,
        "a Chinese text": "这里没有音乐\n".encode() * 100,
        "a web page": b"<!DOCTYPE html><html><body>404</body></html>",
        "a PDF": b"%PDF-1.7\n\0\0",
        "a ZIP": b"PK\3\4" + bytes(100),
        "zeros": bytes(100_000),
        "a RIFF stub": b"RIFF\x24\0\0\0WAVE",
        "an m4a without an index": b"\0\0\0\x20ftypM4A \0\0\2\0" + bytes(5000),
        "an EBML stub": b"\x1aE\xdf\xa3" + bytes(500),
        "an Ogg stub": b"OggS" + bytes(500),
        "a FLAC stub": b"fLaC" + bytes(500),
        "an ID3 tag alone": b"ID3\4\0\0\0\0\x0f\x7f" + bytes(2047),
        "a playlist.m3u8": b"#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:1/a.ts\n#EXT-X-ENDLIST\n",
        "a list of files": b"ffconcat version 1.0\nfile /etc/hostname\n",
        "a session.sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
        "a manifest.mpd": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
    }.items()
    yield from {
        "0 Hz.wav": _wav(0, 1, tone),
        "1 Hz.wav": _wav(1, 1, tone),
        "4 GHz.wav": _wav(0xFFFF_FFFF, 1, tone),
        "no channels.wav": _wav(SAMPLE_RATE, 0, tone),
        "8 channels.wav": _wav(SAMPLE_RATE, 8, tone),
        "65535 channels.wav": _wav(SAMPLE_RATE, 65_535, tone),
        "no samples.wav": _wav(SAMPLE_RATE, 1, b""),
        "one sample.wav": _wav(SAMPLE_RATE, 1, b"\1\0"),
        "half a sample.wav": _wav(SAMPLE_RATE, 1, b"\1"),
        "a claim of gigabytes.wav": _wav(SAMPLE_RATE, 1, tone, claims=0x7000_0000),
        "NaN.wav": _wav(SAMPLE_RATE, 1, np.full(SAMPLE_RATE, np.nan, "<f4").tobytes(), form=3, bits=32),
        "infinite.wav": _wav(SAMPLE_RATE, 1, np.full(SAMPLE_RATE, np.inf, "<f4").tobytes(), form=3, bits=32),
        "an unknown codec.wav": _wav(SAMPLE_RATE, 1, tone, form=0x7777),
    }.items()
    for number in range(3):
        yield f"random {number}", chance.bytes(200_000)


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def _dangling(path: Path) -> Path:
    path.symlink_to(path.with_name("nowhere"))
    return path


def _loop(path: Path) -> Path:
    path.symlink_to(path)
    return path


def _sparse(path: Path) -> Path:
    with path.open("wb") as file:
        file.truncate(3 << 30)
    return path


_SPECIAL: dict[str, Callable[[Path], Path]] = {
    "a folder": _folder,
    "a pipe": _pipe,
    "a link to nowhere": _dangling,
    "a link to itself": _loop,
    "3 GiB of nothing": _sparse,
    "a device": lambda _: Path("/dev/zero"),
}
