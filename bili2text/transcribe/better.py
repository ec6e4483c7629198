"""Which of several texts of one chunk is the better one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bili2text.segments import Segment
from bili2text.transcribe import doubt
from bili2text.transcribe.doubt import Text
from bili2text.transcribe.loops import looped
from bili2text.transcribe.seek import RELEASE
from bili2text.transcribe.writing import dense, letters, out_of_place, seconds_needed

_MARGIN = 0.1  # a text must be this much better than the first to take its place
_LOST = 1.0  # for the share of the first text's letters
_PLAIN_DENSE, _PLAIN = 1.6, 1.9  # what clear text compresses to at most, and a little
_WEIGHTS = {
    "unlikely": 1.0,  # nats a token
    "repetition": 2.0,  # share of the letters
    "compression": 0.5,  # how far above clear text
    "unheard": 1.5,  # share of the seconds of speech
    "sparse": 2.0,  # share of the letters that even slow speech would have
    "fast": 1.0,  # share of the letters that nobody could have said
    "unspoken": 0.3,  # share of the letters; the detector misses soft voices and those under music
    "phantom": 1.0,
    "told": 1.0,
    "script": 1.0,
    "warm": 0.1,  # temperature
}


@dataclass(frozen=True, slots=True)
class Score:
    """How bad a text seems: 0 is best. The parts are weighed, and add up to the total."""

    total: float
    parts: Mapping[str, float]


def score(text: Text) -> Score:
    """Return the score; docs/second_look.md tells what each part is, and how well it tells good from bad."""
    plain = text.plain
    size = max(len(plain), 1)
    spoken = text.spoken
    measures = {
        "unlikely": max(0.0, -doubt.log_probability(text)),
        "repetition": looped(plain) / size,
        "compression": max(0.0, doubt.compressed(plain) - (_PLAIN_DENSE if dense(plain) else _PLAIN)),
        "unheard": doubt.unheard(text) / spoken if spoken else 0.0,
        "sparse": doubt.missing(text),
        "fast": max(0.0, 1 - (spoken + RELEASE) / max(seconds_needed(plain), 1e-9)) if plain else 0.0,
        "unspoken": _share(doubt.unspoken(text), size),
        "phantom": _share(doubt.phantoms(text), size),
        "told": doubt.told(text) / size,
        "script": out_of_place(plain, text.expected_language or text.language),
        "warm": max((segment.temperature for segment in text.segments), default=0.0),
    }
    parts = {name: _WEIGHTS[name] * value for name, value in measures.items()}
    return Score(sum(parts.values()), parts)


def choose(first: Text, others: Sequence[Text]) -> int:
    """Return 0 when the first text is to stay, else 1 + the index of the best of the others.

    Letters that another text lost count against it: what is left out cannot be unlikely.
    """
    substance = _substance(first)
    totals = [score(other).total + _LOST * _lost(substance, other) for other in others]
    best = min(range(len(totals)), key=totals.__getitem__, default=0)
    return best + 1 if totals and totals[best] < score(first).total - _MARGIN else 0


def _substance(text: Text) -> int:
    """Return the letters of a text that are neither said over again nor nobody's."""
    plain = text.plain
    return len(plain) - looped(plain) - sum(len(letters(one.text)) for one in doubt.phantoms(text))


def _lost(substance: int, other: Text) -> float:
    """Return the share (0..1) of so many letters that another text does not have."""
    return max(0.0, 1 - len(other.plain) / substance) if substance > 0 else 0.0


def _share(segments: tuple[Segment, ...], size: int) -> float:
    """Return the share (0..1) of a text's letters in some of its segments; 1 where it has no letters."""
    return min(1.0, sum(len(letters(segment.text)) or 1 for segment in segments) / size)
