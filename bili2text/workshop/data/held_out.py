"""Pairs that are not trained on: those that are given, and what keeps training pairs apart from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bili2text.progress import Stage
from bili2text.seq2seq.values import Pair
from bili2text.workshop.data import filters
from bili2text.workshop.data.pairs import Bad, Found
from bili2text.workshop.data.tally import Tally

EVERY = 1000  # pairs between two steps of a progress bar


def given(streams: Iterable[tuple[int, Iterable[Found]]], tally: Tally, stage: Stage) -> list[Pair]:
    """Return held-out pairs as they are: a test set that loses its hard sentences is another one.

    Of each stream at most as many as stand beside it; 0: all. Only what has an empty side is left out.
    """
    found: list[Pair] = []
    for most, stream in streams:
        end = len(found) + most
        for one in stream:
            if isinstance(one, Bad):
                tally.bad(one)
                continue
            pair = filters.cleaned(one)
            if not (pair.zh and pair.en):  # nothing but invisible characters
                tally.dropped["one-sided"] += 1
                continue
            found.append(pair)
            if len(found) % EVERY == 0:
                stage.advance(EVERY)
            if len(found) == end:
                break
    return found


class Apart:
    """Keeps pairs apart from those that are held out."""

    def __init__(self, tally: Tally) -> None:
        self._sides: set[bytes] = set()
        self._tally = tally

    def hold(self, pairs: Iterable[Pair]) -> None:
        """Hold these out from now on."""
        for pair in pairs:
            self._sides.update(filters.side_digests(pair))

    def outside(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """Yield the pairs that share no side with what is held; the others are counted."""
        for pair in pairs:
            if not self._sides or self._sides.isdisjoint(filters.side_digests(pair)):
                yield pair
            else:
                self._tally.dropped["overlap"] += 1
