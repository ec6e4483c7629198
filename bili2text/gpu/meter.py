"""How much of the card one run took.

Two sources. The card's free memory counts everybody: a neighbour that grows during the run makes the figure
too high, and between two looks a peak goes unseen. The driver's pool of this process counts ours alone and
remembers its peak, but not what lies outside it (CUDA context, kernels, cuBLAS). So where a pool is in use,
the peak is its high mark plus what lies outside; else it is the fall of the card's free memory.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

from bili2text.gpu.pool import Pool, PoolState

Origin = Literal["pool", "card", "unknown"]

_MIB = 1024 * 1024
_PATIENCE = 2.0  # seconds for a look under way to end; a driver that hangs shall not hold up the run


@dataclass(frozen=True, slots=True)
class Look:
    """The card and the pool at one moment."""

    free_mib: int | None
    pool: PoolState | None
    steady: bool = True  # the pool did not change while the card was asked: the two figures belong together


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run took of the card beyond what its process had before, in MiB; None: cannot be told."""

    peak_mib: int | None
    mean_mib: int | None  # over the looks, which are evenly spaced; with a pool, over those since it exists
    lowest_free_mib: int | None  # of the card, whoever took the rest
    origin: Origin  # where peak and mean are from
    outside_mib: int | None  # the part of the peak that lies outside the pool; None when origin is not "pool"
    samples: int
    reason: str = ""  # what could not be had, or why sampling ended early


class Tally:
    """Looks, added up. Pure."""

    def __init__(self, first: Look, *, fresh_marks: bool = True) -> None:
        """`fresh_marks`: the pool's high marks tell of nothing before `first`."""
        self._free_before = first.free_mib
        self._pool_before = first.pool.reserved if first.pool else 0
        self._fresh_marks = fresh_marks
        self._looks = 0
        self._lowest: int | None = None
        self._taken: list[int] = [0, 0, 0]  # of the card, in MiB: most, sum, count
        self._pooled: list[int] = [0, 0, 0]  # of the pool, in bytes: most, sum, count
        self._outside: Counter[int] = Counter()  # MiB -> how often seen
        self.add(first)

    def add(self, look: Look) -> None:
        """Count one look."""
        self._looks += 1
        taken = None
        if look.free_mib is not None:
            self._lowest = look.free_mib if self._lowest is None else min(self._lowest, look.free_mib)
            if self._free_before is not None:
                taken = self._free_before - look.free_mib
                _count(self._taken, taken, taken)
        if look.pool is None:
            return
        # a mark that could not be reset may be from an earlier run; then only what was seen counts
        high = look.pool.reserved_high if self._fresh_marks else look.pool.reserved
        _count(self._pooled, high - self._pool_before, look.pool.reserved - self._pool_before)
        if taken is not None and look.steady:
            self._outside[taken - _mib(look.pool.reserved - self._pool_before)] += 1

    def measured(self, reason: str = "") -> Measured:
        """Return what the looks so far amount to."""
        most, total, count = self._pooled
        if most > 0:  # a pool that never held anything belongs to an engine with another allocator
            # The median: outside the pool little happens after the first window, and a neighbour that
            # comes or goes for less than half of the run leaves it as it is.
            outside = max(0, _median(self._outside)) if self._outside else None
            if outside is None:
                reason = reason or "what lies outside the pool is not counted: the card does not tell"
            peak, mean = _mib(most) + (outside or 0), _mib(total // count) + (outside or 0)
            return Measured(peak, mean, self._lowest, "pool", outside, self._looks, reason)
        most, total, count = self._taken
        if count:
            mean = max(0, total // count)
            return Measured(max(0, most), mean, self._lowest, "card", None, self._looks, reason)
        reason = reason or "the driver does not tell how much memory is free"
        return Measured(None, None, self._lowest, "unknown", None, self._looks, reason)


class Meter:
    """Looks at the card in a thread of its own while a `with` block runs; never disturbs the block."""

    def __init__(
        self, free_now: Callable[[], int | None], pool: Pool | None = None, every: float = 0.05
    ) -> None:
        """`free_now` returns the card's free MiB, without a CUDA context; `every` is in seconds.

        The pool need not answer yet: it is asked again at every look, so a model may be loaded in the block.
        """
        self._free_now = free_now
        self._pool = pool
        self._every = every
        self._reason = ""
        self._tally: Tally | None = None
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="memory-meter", daemon=True)

    @property
    def measured(self) -> Measured:
        """What was taken so far; after the block, by the whole of it."""
        with self._lock:
            if self._tally is None:
                return Measured(
                    None, None, None, "unknown", None, 0, self._reason or "nothing was measured yet"
                )
            return self._tally.measured(self._reason)

    def __enter__(self) -> Meter:
        """Take the first look, which all others are compared with."""
        try:
            fresh = self._pool is None or self._pool.reset() or self._pool.state() is None
            self._tally = Tally(self._look(), fresh_marks=fresh)
            self._thread.start()
        except Exception as error:  # noqa: BLE001 - whatever the driver does, the run goes on
            self._reason = f"memory was not measured: {error}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the last look: the high mark is still there when the model is not."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE)
        if not self._reason and not self._thread.is_alive():
            self._sample()

    def _follow(self) -> None:
        while not self._end.wait(self._every) and self._sample():
            pass

    def _sample(self) -> bool:
        try:
            look = self._look()
        except Exception as error:  # noqa: BLE001 - whatever the driver does, the run goes on
            self._reason = f"sampling ended early: {error}"
            return False
        with self._lock:
            if self._tally is not None:
                self._tally.add(look)
        return True

    def _look(self) -> Look:
        before = self._pool.state() if self._pool else None
        free = self._free_now()
        after = self._pool.state() if self._pool else None
        steady = before is not None and after is not None and before.reserved == after.reserved
        return Look(free, after, steady)


def _count(totals: list[int], most: int, value: int) -> None:
    totals[0] = max(totals[0], most)
    totals[1] += value
    totals[2] += 1


def _median(seen: Counter[int]) -> int:
    half = (seen.total() + 1) // 2
    for value in sorted(seen):
        half -= seen[value]
        if half <= 0:
            return value
    return 0


def _mib(amount: int) -> int:
    return -(-amount // _MIB)
