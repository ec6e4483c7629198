"""Seconds as each format writes them."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bili2text.subtitles import timestamp


@pytest.mark.parametrize(
    ("seconds", "srt", "lrc", "ass"),
    [
        (0, "00:00:00,000", "[00:00.00]", "0:00:00.00"),
        (59.9996, "00:01:00,000", "[01:00.00]", "0:01:00.00"),
        (3599.9999, "01:00:00,000", "[60:00.00]", "1:00:00.00"),
        (86400 + 62.345, "24:01:02,345", "[1441:02.34]", "24:01:02.34"),
        (360000, "100:00:00,000", "[6000:00.00]", "100:00:00.00"),
    ],
)
def test_a_time_reads_the_same_in_every_format(seconds: float, srt: str, lrc: str, ass: str) -> None:
    assert timestamp.srt(seconds) == srt
    assert timestamp.vtt(seconds) == srt.replace(",", ".")
    assert timestamp.lrc(seconds) == lrc
    assert timestamp.ass(seconds) == ass


@pytest.mark.parametrize("seconds", [-0.001, math.nan, math.inf, -math.inf])
def test_what_is_no_time_is_refused(seconds: float) -> None:
    for write in (timestamp.srt, timestamp.vtt, timestamp.lrc, timestamp.ass, timestamp.milliseconds):
        with pytest.raises(ValueError, match="not a time"):
            write(seconds)


@given(st.floats(0, 1e8))
def test_a_time_read_back_is_within_half_a_millisecond(seconds: float) -> None:
    hours, minutes, rest = re.fullmatch(
        r"(\d{2,}):([0-5]\d):([0-5]\d\.\d{3})", timestamp.vtt(seconds)
    ).groups()
    assert int(hours) * 3600 + int(minutes) * 60 + float(rest) == pytest.approx(seconds, abs=0.000_51)
