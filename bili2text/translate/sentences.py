"""Lines -> sentences: what a translator is given at once, and which part of it each line shows. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby

from bili2text.captions.values import Line
from bili2text.cells import width
from bili2text.subtitles.atoms import Atom, unspaced
from bili2text.subtitles.breaks import break_cost
from bili2text.translate.copied import has_letters
from bili2text.translate.stretches import Stretch, ends, span, stretches, text_of
from bili2text.translate.values import Piece, Sentence

LONGEST = 200.0  # Latin letters, or 80 Chinese characters: what has no end is cut before that
UNMARKED = 0.75 * LONGEST  # ... and in a text without any marks, where more is surely several sentences
WHOLE = 1.5 * LONGEST  # a sentence with a mark at its end stays whole up to this: half of one reads badly
_SHORTEST = 0.3  # of the longest; no part of what is cut is shorter
_DENSE = 1.25  # times the two cells of a Chinese character: 80 of them are as long as 200 letters
_EVEN = 4.0  # the cost, on the scale of breaks.py, of a part that is the longest's length off the mean
_EDGE_GAIN = 2.0  # a line's end is a better place to cut than another of its kind


def sentences(lines: Sequence[Line], language: str) -> tuple[Sentence, ...]:
    """Return the sentences of `lines`, in order; `language` is Whisper's code of what they are written in.

    The texts of the pieces are those of the lines: no character but blanks is lost, added or moved. A
    sentence ends with its mark, at a pause, with its speaker, and before it is too long; no word is cut. A
    line that holds nothing to translate is a sentence of its own, copied, its text as it is.
    """
    found: list[Sentence] = []
    paces = [_seconds(line) / max(1, width(line.text)) for line in lines]
    for stretch in stretches(lines, language):
        if not stretch.pieces:
            (line,) = stretch.owners
            text = lines[line].text
            found.append(Sentence(len(found), text, (Piece(line, text, 1.0),), copied=True))
        for first, end in _cut(stretch, language):
            text = text_of(stretch.pieces[first:end])
            pieces = _pieces(stretch, first, end, paces)
            found.append(Sentence(len(found), text, pieces, copied=not has_letters(text)))
    return tuple(found)


def _cut(stretch: Stretch, language: str) -> Iterator[tuple[int, int]]:
    """Yield first and end of each sentence of a stretch."""
    pieces, owners = stretch.pieces, stretch.owners
    sizes = [0.0, *accumulate(_size(atom) for atom in pieces)]
    costs = [
        break_cost(pieces, index, language) - _EDGE_GAIN * (owners[index] != owners[index + 1])
        for index in range(len(pieces) - 1)
    ]
    for first, end in _by_marks(pieces):
        begin, whole = first, ends(pieces, end - 1)
        while begin + 1 < end:
            longest = LONGEST if stretch.marked[begin] else UNMARKED
            if sizes[end] - sizes[begin] <= (WHOLE if whole else longest):
                break
            at = _best(sizes, costs, (begin, end), longest)
            yield begin, at
            begin = at
        yield begin, end


def _size(atom: Atom) -> float:
    return atom.spaced + atom.cells * (_DENSE if unspaced(atom.text[0]) else 1.0)


def _by_marks(pieces: Sequence[Atom]) -> Iterator[tuple[int, int]]:
    """Yield first and end of what marks end; what has no letters ("1.") is no sentence, but a part of one."""
    found: list[tuple[int, int]] = []
    first, worded = 0, False
    for index, atom in enumerate(pieces):
        worded = worded or has_letters(atom.text)
        last = index + 1 == len(pieces)
        if last and not worded and found:
            first, _ = found.pop()
        if last or (worded and ends(pieces, index)):
            found.append((first, index + 1))
            first, worded = index + 1, False
    yield from found


def _best(sizes: Sequence[float], costs: Sequence[float], within: tuple[int, int], longest: float) -> int:
    """Return where the first part of too long a text best ends; after one atom too large for any part."""
    first, end = within
    rest = sizes[end] - sizes[first]
    even = sizes[first] + rest / math.ceil(rest / longest)
    shortest = _SHORTEST * longest
    least = bisect_left(sizes, sizes[first] + shortest, first + 1, end - 1)
    most = bisect_right(sizes, sizes[first] + min(longest, rest - shortest), first + 1, end) - 1

    def cost(at: int) -> float:
        return costs[at - 1] + _EVEN * abs(sizes[at] - even) / longest

    return min(range(least, most + 1), key=cost, default=least)


def _pieces(stretch: Stretch, first: int, end: int, paces: Sequence[float]) -> tuple[Piece, ...]:
    """Return the pieces of a sentence; `paces` are the seconds each line takes for a cell."""
    parts = [
        (line, text_of([stretch.pieces[index] for index in indexes]))
        for line, indexes in groupby(range(first, end), key=stretch.owners.__getitem__)
    ]
    widths = [float(width(text)) for _, text in parts]
    seconds = [paces[line] * wide for (line, _), wide in zip(parts, widths, strict=True)]
    shares = next((each for each in (seconds, widths) if all(each)), [1.0] * len(parts))
    total = sum(shares)
    return tuple(Piece(line, text, share / total) for (line, text), share in zip(parts, shares, strict=True))


def _seconds(line: Line) -> float:
    times = span(line)
    return times[1] - times[0] if times else 0.0
