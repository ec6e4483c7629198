"""Calls side by side. Python's lock is free while a library computes, so threads are enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import groupby
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
K = TypeVar("K", bound=tuple[int, ...])


class Abreast:
    """At most so many calls at once, each in a thread of its own."""

    def __init__(self, workers: int) -> None:
        """Start nothing yet; with one worker nothing is ever started."""
        self.workers = workers
        self._pool = ThreadPoolExecutor(workers, "abreast") if workers > 1 else None

    def map(self, work: Callable[[T], R], things: Sequence[T]) -> list[R]:
        """Return what `work` makes of each thing, in their order.

        All calls are over when it returns, and when it raises the first error of those that failed.
        """
        if self._pool is None or len(things) < 2:
            return [work(thing) for thing in things]
        begun = [self._pool.submit(work, thing) for thing in things]
        wait(begun)
        return [one.result() for one in begun]

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()


def shares(kinds: Sequence[K], weights: Sequence[int], workers: int) -> list[list[int]]:
    """Return the numbers of all things in batches of one kind, about the same weight for each worker.

    The heaviest batch comes first: a worker that is done takes the next one.
    """
    order = sorted(range(len(kinds)), key=kinds.__getitem__)
    whole, below = sum(weights) or 1, 0
    worker: dict[int, int] = {}
    for one in order:
        worker[one] = int((below + weights[one] / 2) * workers / whole)
        below += weights[one]
    found = [list(same) for _, same in groupby(order, key=lambda one: (worker[one], kinds[one]))]
    return sorted(found, key=lambda batch: -sum(weights[one] for one in batch))
