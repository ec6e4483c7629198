"""Seconds as each subtitle format writes them; the only copy."""

from __future__ import annotations

import math


def milliseconds(seconds: float) -> int:
    """Return `seconds` in whole milliseconds. Raises ValueError for a negative or infinite time, or NaN."""
    return _units(seconds, 1000)


def srt(seconds: float) -> str:
    """Return "HH:MM:SS,mmm"; the hours widen past 99."""
    return vtt(seconds).replace(".", ",")


def vtt(seconds: float) -> str:
    """Return "HH:MM:SS.mmm"; the hours widen past 99."""
    whole, thousandths = divmod(milliseconds(seconds), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{thousandths:03}"


def ass(seconds: float) -> str:
    """Return "H:MM:SS.cc"; the hours widen past 9."""
    whole, hundredths = divmod(_units(seconds, 100), 100)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}.{hundredths:02}"


def lrc(seconds: float) -> str:
    """Return "[mm:ss.xx]"; LRC has no hours, so the minutes widen past 99."""
    whole, hundredths = divmod(_units(seconds, 100), 100)
    return f"[{whole // 60:02}:{whole % 60:02}.{hundredths:02}]"


def _units(seconds: float, per_second: int) -> int:
    # Rounded once, before it is taken apart: 59.9996 s is 1:00.000 and never 0:59.1000.
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"not a time: {seconds}")
    return round(seconds * per_second)
