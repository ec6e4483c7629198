"""Atoms -> lines: as few as fit, cut where the eye may rest, of about the same width."""

from __future__ import annotations

from collections.abc import Sequence

from bili2text.subtitles.atoms import Atom

_UNEVEN = 40.0  # the cost of a line that is a whole line's width away from the mean


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


def _line_ends(furthest: int, first: int, total: int, *, last: bool) -> Sequence[int]:
    if last:
        return (total,) if furthest == total else ()
    return range(first + 1, min(furthest, total - 1) + 1)


def _joined(pieces: Sequence[Atom]) -> str:
    text = "".join(f" {atom.text}" if atom.spaced else atom.text for atom in pieces)
    return text.strip(" ")
