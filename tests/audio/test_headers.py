"""What the first bytes of a file say."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bili2text.audio import headers


@given(st.binary(max_size=400))
def test_no_bytes_are_too_strange(data: bytes) -> None:
    for head in (data, b"RIFF" + data[:4] + b"WAVE" + data, b"ID3" + data, b"Xing" + data, b"VBRI" + data):
        headers.kind(head)
        assert headers.wav_missing(head, len(head)) >= 0
        assert headers.mp3_frames(head) >= 0
        assert headers.id3_length(head) >= 0
        headers.is_tag(head)


@pytest.mark.parametrize(
    ("mark", "flags", "expected"), [(b"Xing", 15, 77), (b"Info", 1, 77), (b"Info", 2, 0)]
)
def test_the_frames_of_an_mp3_are_read_where_they_are_written(mark: bytes, flags: int, expected: int) -> None:
    assert headers.mp3_frames(bytes(36) + mark + struct.pack(">II", flags, 77)) == expected


def test_a_vbri_header_counts_frames_too() -> None:
    assert headers.mp3_frames(bytes(36) + b"VBRI" + bytes(10) + struct.pack(">I", 99)) == 99


def wav(length: int, present: int) -> bytes:
    form = struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16)
    return b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + form + b"data" + struct.pack("<I", length) + bytes(present)


@pytest.mark.parametrize(
    ("length", "present", "seconds"),
    [
        (64_000, 64_000, 0),
        (64_000, 32_000, 1),
        (64_000, 70_000, 0),
        (0xFFFFFFFF, 32_000, 0),
        (0x7FFFFFFF, 32_000, 0),
    ],
)
def test_a_wav_tells_what_is_missing_unless_its_writer_did_not_know(
    length: int, present: int, seconds: float
) -> None:
    data = wav(length, present)
    assert headers.wav_missing(data, len(data)) == seconds
