"""SubRip and WebVTT -> Captions: rows of text below rows of times. Pure.

Both are read by their rows of times, as players do: no text is lost to a missing number, a missing blank row
or, in SubRip, a blank row inside a cue.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bili2text.captions.markup import one_line, srt_rows, vtt_rows
from bili2text.captions.times import span
from bili2text.captions.values import Captions, Line
from bili2text.errors import SourceError

_NUMBER = re.compile(r"\s*[0-9]{1,9}\s*")
_BROKEN = re.compile(r"\s*-?[0-9]{1,6}\s?[:：].*-->|.*-->\s*-?[0-9]{1,6}\s?[:：]")  # meant to be times
_SETTING = re.compile(r"(?:[XY][12]|align|line|position|size|vertical|region):.*", re.IGNORECASE)
_LANGUAGE = re.compile(r"Language:\s*([a-z]{2,3})\b")
_HINT = "times look like 00:01:02,500 --> 00:01:04,000"


@dataclass(frozen=True, slots=True)
class _Timed:
    at: int  # the place of the row, from 0
    start: float  # seconds
    end: float
    tail: str  # what stands behind the times and is no setting: text, in broken files


def srt(rows: Sequence[str], name: str) -> Captions:
    """Return the captions of a SubRip file. Raises SourceError, naming the line, for what is none."""
    timed = _timed(rows, name)
    if not timed and any(row.strip() for row in rows):
        raise SourceError(f"{name} holds no subtitles", hint=_HINT)
    lines = [
        Line(one.start, one.end, one_line(srt_rows([one.tail, *rows[one.at + 1 : stop]])))
        for one, stop in zip(timed, _stops(rows, timed), strict=True)
    ]
    return Captions(tuple(lines), "srt")


def vtt(rows: Sequence[str], name: str) -> Captions:
    """Return the captions of a WebVTT file. Raises SourceError, naming the line, for what is none.

    A blank row ends a cue, and what holds no times is no cue: so notes, styles, regions and a cue's own name
    are left out, as browsers leave them out.
    """
    timed = _timed(rows, name)
    head = rows[: timed[0].at] if timed else rows
    if not timed and any(row.strip() for row in rows) and not rows[0].startswith("WEBVTT"):
        raise SourceError(f"{name} holds no subtitles", hint="a WebVTT file begins with WEBVTT")
    lines = []
    for one, stop in zip(timed, _stops(rows, timed), strict=True):
        blank = next((at for at in range(one.at + 1, stop) if not rows[at].strip()), stop)
        lines.append(Line(one.start, one.end, one_line(vtt_rows([one.tail, *rows[one.at + 1 : blank]]))))
    language = next((found[1] for row in head if (found := _LANGUAGE.match(row))), "")
    return Captions(tuple(lines), "vtt", language)


def _timed(rows: Sequence[str], name: str) -> list[_Timed]:
    found = []
    for at, row in enumerate(rows):
        times = span(row)
        if times is not None:
            start, end, rest = times
            settings = all(_SETTING.fullmatch(word) for word in rest.split())
            found.append(_Timed(at, start, end, "" if settings else rest))
        elif "-->" in row and _BROKEN.match(row):
            raise SourceError(f"line {at + 1} of {name}: no times that can be read", hint=_HINT)
    return found


def _stops(rows: Sequence[str], timed: Sequence[_Timed]) -> list[int]:
    """Return where the rows of each cue end: above the next one's number, or its times where it has none."""
    if not timed:
        return []
    first = timed[0].at
    numbered = first > 0 and _is_number(rows[first - 1])
    apart = first > 1 and not rows[first - 1].strip() and _is_number(rows[first - 2])
    begins = [_begin(rows, one.at, place, numbered, apart) for place, one in enumerate(timed)]
    return [*begins[1:], len(rows)]


def _begin(rows: Sequence[str], at: int, place: int, numbered: bool, apart: bool) -> int:
    """Return where the cue at `place` with its times in row `at` begins.

    A number above the times may also be what the cue before says ("42"): it is taken for the cue's own where
    the file numbers its cues or a blank row stands above it. Where a blank row stands between (in files with
    all rows `apart`) it must be the very number that is due.
    """
    if at >= 1 and _is_number(rows[at - 1]) and (numbered or at == 1 or not rows[at - 2].strip()):
        return at - 1
    if apart and at >= 2 and not rows[at - 1].strip() and _is_number(rows[at - 2]):
        return at - 2 if int(rows[at - 2]) in (place, place + 1) else at
    return at


def _is_number(row: str) -> bool:
    return _NUMBER.fullmatch(row) is not None
