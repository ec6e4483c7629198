"""The next of many things, made from a stream by a thread, while this one is in use."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")


@contextmanager
def read_ahead(stream: Iterator[S], make: Callable[[Iterator[S]], Iterator[T]]) -> Iterator[Iterator[T]]:
    """Open what `make` makes of the stream: each thing is made while the caller has the one before.

    For what waits or computes outside Python, as decoding does. One thread reads the stream, and no more of
    it once the block is left: then at most one element is waited for. An error of the making comes in its
    place.
    """
    left = threading.Event()

    def while_wanted() -> Iterator[S]:
        for one in stream:
            if left.is_set():
                return
            yield one

    with ThreadPoolExecutor(1, "read-ahead") as pool:
        try:
            yield _made(pool, make(while_wanted()))
        finally:
            left.set()


def _made(pool: ThreadPoolExecutor, things: Iterator[T]) -> Iterator[T]:
    end = object()
    coming = pool.submit(next, things, end)
    while (one := coming.result()) is not end:
        coming = pool.submit(next, things, end)
        yield one  # type: ignore[misc]
