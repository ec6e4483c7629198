"""Times as subtitle files write them, well or badly -> seconds. Pure."""

from __future__ import annotations

import re

from bili2text.subtitles.tidy import LONGEST

# The decimal mark is a comma, a point, or, in broken files, a colon; blanks are what OCR leaves.
_STAMP = re.compile(
    r"\s*(?P<sign>-?)(?:(?P<hours>[0-9]{1,5})\s?:\s?)?(?P<minutes>[0-9]{1,3})\s?:\s?(?P<seconds>[0-9]{1,2})"
    r"(?:\s?[.,:]\s?(?P<fraction>[0-9]{1,9}))?(?![0-9:])"
)
_ARROW = re.compile(r"(?:-{1,3}|- -|[–—])\s?>")
_HALF_WIDTH = str.maketrans("：，．。", ":,..")


def seconds(hours: str | None, minutes: str, whole: str, fraction: str | None) -> float | None:
    """Return a time in seconds, a whole number of milliseconds; None for one beyond any recording."""
    thousandths = round(int(fraction) * 1000 / 10 ** len(fraction)) if fraction else 0
    total = (int(hours or 0) * 3600 + int(minutes) * 60 + int(whole)) * 1000 + thousandths
    return total / 1000 if total <= LONGEST * 1000 else None


def stamp(text: str) -> float | None:
    """Return the seconds that `text` says, or None where it is no time. A time before 0 is 0."""
    found = _STAMP.match(text)
    return _value(found) if found and not text[found.end() :].strip() else None


def span(row: str) -> tuple[float, float, str] | None:
    """Return start, end and what follows them in a row like "00:01:02,500 --> 00:01:04,000"; else None."""
    arrow = _ARROW.search(row) if ">" in row else None
    if arrow is None:
        return None
    start = stamp(row[: arrow.start()].translate(_HALF_WIDTH))
    after = row[arrow.end() :]
    found = _STAMP.match(after.translate(_HALF_WIDTH))
    end = _value(found) if found else None
    if start is None or end is None or found is None:
        return None
    return start, end, after[found.end() :]


def _value(found: re.Match[str]) -> float | None:
    value = seconds(found["hours"], found["minutes"], found["seconds"], found["fraction"])
    return 0.0 if value is not None and found["sign"] else value
