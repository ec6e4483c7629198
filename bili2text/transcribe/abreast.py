"""Calls side by side. Python's lock is free while a library computes, so threads are enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


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


def parts(count: int, most: int) -> list[slice]:
    """Return 0..count-1 in at most `most` parts, in order, their lengths as equal as can be."""
    number = max(1, min(count, most))
    edges = [count * one // number for one in range(number + 1)]
    return [slice(start, end) for start, end in pairwise(edges)]
