"""Atoms -> lines: as few as fit, cut where the eye may rest, of about the same width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bili2text import cells
from bili2text.segments import Segment
from bili2text.subtitles.atoms import Atom, atoms
from bili2text.subtitles.breaks import break_cost

_UNEVEN = 40.0  # the cost of a line that is a whole line's width away from the mean
_TOGETHER = 8  # lines that are weighed at once; a text of more is no cue, and would take its length squared


class Ruler:
    """Widths of stretches of atoms, each in one step however long."""

    def __init__(self, pieces: Sequence[Atom]) -> None:
        self._pieces = pieces
        self._offsets = [0]
        for atom in pieces:
            self._offsets.append(self._offsets[-1] + atom.cells + atom.spaced)

    def cells(self, first: int, end: int) -> int:
        """Return the width of the line `pieces[first:end]`; the blank before it is not shown."""
        return self._offsets[end] - self._offsets[first] - self._pieces[first].spaced

    def reach(self, first: int, width: int) -> int:
        """Return where a line that begins at `first` must end at the latest; it holds one atom at least."""
        end = first + 1
        while end < len(self._pieces) and self.cells(first, end + 1) <= width:
            end += 1
        return end


def wrapped(text: str, width: int, language: str) -> tuple[str, ...]:
    """Return clean `text` as lines of at most `width` cells, cut where a reader of `language` may rest.

    No character is lost but the blanks at the cuts; a word wider than a line is alone on its line. No text,
    no lines.
    """
    if cells.width(text) <= width:
        return (text,) if text else ()
    pieces = atoms(Segment(0.0, 0.0, text))
    costs = [break_cost(pieces, index, language) for index in range(len(pieces) - 1)] + [0.0]
    return tuple(
        line
        for first, end in _stretches(pieces, width)
        for line in wrap(pieces[first:end], costs[first:end], width)
    )


def wrap(pieces: Sequence[Atom], costs: Sequence[float], width: int) -> tuple[str, ...]:
    """Return `pieces` as the fewest lines of at most `width` cells that hold them.

    `costs[i]` is the cost of a break after `pieces[i]`. An atom wider than a line is alone on its line.
    """
    ruler = Ruler(pieces)
    count, last = 0, 0
    while last < len(pieces):
        last = ruler.reach(last, width)
        count += 1
    even = ruler.cells(0, len(pieces)) / count
    ways: dict[int, tuple[float, tuple[int, ...]]] = {0: (0.0, ())}  # where a line ends -> cost, ends so far
    for line in range(1, count + 1):
        longer: dict[int, tuple[float, tuple[int, ...]]] = {}
        for first, (cost, ends) in ways.items():
            for end in _line_ends(ruler.reach(first, width), first, len(pieces), last=line == count):
                uneven = (ruler.cells(first, end) - even) / width
                rest = costs[end - 1] if end < len(pieces) else 0.0
                total = cost + _UNEVEN * uneven * uneven + rest
                if end not in longer or total < longer[end][0]:
                    longer[end] = (total, (*ends, end))
        ways = longer
    ends = ways[len(pieces)][1]
    return tuple(_joined(pieces[first:end]) for first, end in zip((0, *ends), ends, strict=False))


def _stretches(pieces: Sequence[Atom], width: int) -> Iterator[tuple[int, int]]:
    """Yield first and end of what is weighed at once: all of a text of usual length."""
    ruler, first = Ruler(pieces), 0
    while first < len(pieces):
        end = first
        for _ in range(_TOGETHER):
            if end < len(pieces):
                end = ruler.reach(end, width)
        yield first, end
        first = end


def _line_ends(furthest: int, first: int, total: int, *, last: bool) -> Sequence[int]:
    if last:
        return (total,) if furthest == total else ()
    return range(first + 1, min(furthest, total - 1) + 1)


def _joined(pieces: Sequence[Atom]) -> str:
    text = "".join(f" {atom.text}" if atom.spaced else atom.text for atom in pieces)
    return text.strip(" ")
