"""How near one engine's numbers are to another's. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bili2text.workshop.exports.exported import Nearness

Numbers = npt.NDArray[np.float32]


def nearness(found: Sequence[Numbers], wanted: Sequence[Numbers]) -> Nearness:
    """Return the largest difference and the lowest cosine of any row (the last axis) of two lists of arrays.

    Arrays at one place have one shape. NaN or infinity anywhere gives an infinite difference and cosine -1.
    Raises ValueError for lists without any row, or of different shapes.
    """
    pairs = [(_rows(one), _rows(other)) for one, other in zip(found, wanted, strict=True)]
    if not sum(len(one) for one, _ in pairs):
        raise ValueError("there is nothing to compare")
    if not all(np.isfinite(one).all() and np.isfinite(other).all() for one, other in pairs):
        return Nearness(float("inf"), -1.0)
    largest = max(float(np.abs(one - other).max()) for one, other in pairs)
    return Nearness(largest, min(_cosine(one, other) for one, other in pairs))


def agreeing(found: Sequence[Numbers], wanted: Sequence[Numbers]) -> int:
    """Return in how many rows the largest number stands at the same place."""
    pairs = zip(found, wanted, strict=True)
    return sum(int((_rows(one).argmax(-1) == _rows(other).argmax(-1)).sum()) for one, other in pairs)


def _rows(numbers: Numbers) -> npt.NDArray[np.float64]:
    return numbers.reshape(-1, numbers.shape[-1]).astype(np.float64)


def _cosine(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    if one.shape != other.shape:
        raise ValueError(f"{one.shape} is compared with {other.shape}")
    lengths = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    # two rows of zeros are the same, one alone is not
    both = (one == other).all(axis=-1).astype(np.float64)
    found = np.where(lengths > 0, (one * other).sum(-1) / np.where(lengths > 0, lengths, 1.0), both)
    return float(found.min())
