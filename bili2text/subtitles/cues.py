"""Segments -> cues a person can read: short lines, whole phrases, in step with the speech."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from bili2text.cells import width
from bili2text.segments import Segment
from bili2text.subtitles.breaks import break_cost, ends_sentence
from bili2text.subtitles.lines import Ruler, wrap
from bili2text.subtitles.runs import Run, runs
from bili2text.subtitles.shape import Cue, Shape
from bili2text.subtitles.tidy import tidy

_SHORTEST = 0.05  # seconds; what even a cue without room gets, so that every format can show it

# Costs on the scale of breaks.py.
_PER_CUE = 5.0  # a new cue must be worth the eye's jump
_CROSSING = (
    6.0  # a sentence end inside a cue: just worse than one cue more, so that only tiny ones are joined
)
_TINY = 6.0  # a cue of no width, falling to nothing at half a line
_FLASH = 4.0  # a cue whose speech is too short to be read
_EDGE_GAIN = 2.0  # where Whisper itself ended a segment is a better place than another of its kind


@dataclass(frozen=True, slots=True)
class _Spoken:
    start: float  # seconds, of the speech
    end: float
    lines: tuple[str, ...]


def cues(segments: Iterable[Segment], shape: Shape, language: str) -> tuple[Cue, ...]:
    """Return the cues of `segments`, in order of time, never two at once.

    Their text, blanks removed, is that of the tidy segments: no character is dropped, added or moved. A word
    is never cut; one wider than a line gets a line of its own and overflows it.
    """
    spoken = [one for run in runs(tidy(segments), shape) for one in _grouped(run, shape, language)]
    return tuple(_timed(spoken, shape))


def _grouped(run: Run, shape: Shape, language: str) -> Iterator[_Spoken]:
    pieces = run.pieces
    costs = [
        break_cost(pieces, index, language) - _EDGE_GAIN * (index in run.edges)
        for index in range(len(pieces) - 1)
    ]
    costs.append(0.0)  # the end of a run is no choice
    for first, end in _cheapest(run, costs, shape):
        lines = wrap(pieces[first:end], costs[first:end], shape.max_width)
        yield _Spoken(pieces[first].start, pieces[end - 1].end, lines)


def _cheapest(run: Run, costs: Sequence[float], shape: Shape) -> list[tuple[int, int]]:
    """Return first and end of each cue of `run`, such that all of them together cost least."""
    pieces, ruler = run.pieces, Ruler(run.pieces)
    total = len(pieces)
    sentences = [0, *accumulate(int(ends_sentence(before, after)) for before, after in pairwise(pieces)), 0]
    best = [0.0] + [math.inf] * total
    came_from = [0] * (total + 1)
    for first in range(total):
        for end in range(first + 1, _furthest(run, ruler, first, shape) + 1):
            seconds = pieces[end - 1].end - pieces[first].start
            cost = (
                best[first] + _PER_CUE + costs[end - 1] + _CROSSING * (sentences[end - 1] - sentences[first])
            )
            cost += _TINY * max(0.0, 1 - 2 * ruler.cells(first, end) / shape.max_width)
            cost += _FLASH * (seconds < shape.min_seconds)
            if cost < best[end]:
                best[end], came_from[end] = cost, first
    ends = [total]
    while ends[-1]:
        ends.append(came_from[ends[-1]])
    ends.reverse()
    return list(pairwise(ends))


def _furthest(run: Run, ruler: Ruler, first: int, shape: Shape) -> int:
    """Return where a cue that begins at `first` must end at the latest; it holds one atom at least."""
    pieces = run.pieces
    end = first
    for _ in range(shape.max_lines):
        if end < len(pieces):
            end = ruler.reach(end, shape.max_width)
    if shape.max_words is not None:
        end = min(end, first + shape.max_words)
    while end > first + 1 and pieces[end - 1].end - pieces[first].start > shape.max_seconds:
        end -= 1
    return end


def _timed(spoken: Sequence[_Spoken], shape: Shape) -> Iterator[Cue]:
    starts: list[float] = []
    for one in spoken:
        starts.append(max(one.start, starts[-1] + _SHORTEST) if starts else one.start)
    for one, start, following in zip(spoken, starts, (*starts[1:], math.inf), strict=False):
        longest = start + shape.max_seconds
        spoken_until = min(one.end, longest, following)
        reading = max(shape.min_seconds, sum(map(width, one.lines)) / shape.max_cells_per_second)
        read_until = min(
            start + reading, spoken_until + shape.linger_seconds, longest, following - shape.gap_seconds
        )
        end = max(spoken_until, read_until, start + _SHORTEST)
        yield Cue(round(start, 3), round(end, 3), one.lines)
