"""Segments as Whisper, a damaged journal or a hostile file gives them -> segments that can be written."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from bili2text.files import clean_text
from bili2text.segments import Segment, Word

LONGEST = 1e8  # seconds, three years; a time beyond it is a fault, not a recording


def tidy(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Return `segments` that have text, in order of time, clean, with finite times and start <= end.

    A time that is no time (NaN, infinite) becomes that of the neighbour before; a negative one becomes 0.
    Segments that start together keep their order. Tidying twice is tidying once.
    """
    tidied = []
    now = 0.0
    for segment in segments:
        text = clean_text(segment.text)
        if not text:
            continue
        start = _time(segment.start, now)
        end = max(start, _time(segment.end, start))
        now = end
        tidied.append(
            replace(segment, start=start, end=end, text=text, words=_tidy_words(segment.words, start, end))
        )
    return tuple(sorted(tidied, key=lambda segment: segment.start))


def _tidy_words(words: Iterable[Word], start: float, end: float) -> tuple[Word, ...]:
    """Return `words` that have text, with times that never go back; leading blanks are one blank."""
    tidied = []
    now = start
    for word in words:
        text = clean_text(word.text)
        if not text:
            continue
        begins = min(max(_time(word.start, now), now), end)
        ends = min(max(_time(word.end, begins), begins), end)
        now = ends
        tidied.append(
            Word(begins, ends, f" {text}" if word.text[:1].isspace() else text, _chance(word.probability))
        )
    return tuple(tidied)


def _time(seconds: float, otherwise: float) -> float:
    if not math.isfinite(seconds) or seconds > LONGEST:
        return otherwise
    return max(0.0, seconds)


def _chance(probability: float) -> float:
    return min(max(probability, 0.0), 1.0) if math.isfinite(probability) else 0.0
