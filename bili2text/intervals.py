"""Stretches of time in whole milliseconds: what is in one set of them and not in another. Pure.

Whole numbers, so that the parts add up to the whole exactly. A set is in order, and no two in it touch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TypeAlias

Interval: TypeAlias = tuple[int, int]  # start and end, start < end

_LATEST = 1e8  # seconds, three years; a time beyond it is a fault, not a recording


def joined(spans: Iterable[tuple[float, float]]) -> tuple[Interval, ...]:
    """Return the set of the times within spans (start, end) in seconds; what is no span is left out."""
    whole = sorted(_whole(start, end) for start, end in spans if _is_span(start, end))
    found: list[Interval] = []
    for start, end in whole:
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        elif start < end:
            found.append((start, end))
    return tuple(found)


def common(one: Iterable[Interval], other: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return what is in both sets."""
    return tuple(_common(iter(one), iter(other)))


def without(one: tuple[Interval, ...], other: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return what is in the first set and not in the other."""
    if not one:
        return ()
    holes: list[Interval] = []
    at = one[0][0]
    for start, end in other:
        if start > at:
            holes.append((at, start))
        at = max(at, end)
    if at < one[-1][1]:
        holes.append((at, one[-1][1]))
    return common(one, holes)


def total(intervals: Iterable[Interval]) -> int:
    """Return the milliseconds of a set."""
    return sum(end - start for start, end in intervals)


def _common(one: Iterator[Interval], other: Iterator[Interval]) -> Iterator[Interval]:
    left, right = next(one, None), next(other, None)
    while left is not None and right is not None:
        start, end = max(left[0], right[0]), min(left[1], right[1])
        if start < end:
            yield start, end
        if left[1] < right[1]:
            left = next(one, None)
        else:
            right = next(other, None)


def _is_span(start: float, end: float) -> bool:
    return math.isfinite(start) and math.isfinite(end) and start < end


def _whole(start: float, end: float) -> Interval:
    start, end = (min(max(time, 0.0), _LATEST) for time in (start, end))
    return round(start * 1000), round(end * 1000)
