"""How near one engine's numbers are to another's. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bili2text.workshop.exports.exported import Check, Nearness

Numbers = npt.NDArray[np.float32]


def nearness(found: Sequence[Numbers], wanted: Sequence[Numbers]) -> Nearness:
    """Return the largest difference and the lowest cosine of any row (the last axis) of two lists of arrays.

    Arrays at one place have one shape. NaN or infinity anywhere gives an infinite difference and cosine -1.
    Raises ValueError for lists without any row, or of different shapes.
    """
    pairs = zip(found, wanted, strict=True)
    # one after another: in float64 all of them at once may be several GB
    return worst([_nearness(_rows(one), _rows(other)) for one, other in pairs if one.size])


def worst(found: Sequence[Nearness]) -> Nearness:
    """Return what holds of all of them. Raises ValueError for none."""
    if not found:
        raise ValueError("there is nothing to compare")
    return Nearness(max(one.largest for one in found), min(one.cosine for one in found))


def together(checks: Sequence[Check]) -> Check:
    """Return the checks of one precision on different sentences as one. Raises ValueError for none."""
    states, logits = worst([one.states for one in checks]), worst([one.logits for one in checks])
    return replace(
        checks[0],
        sentences=sum(one.sentences for one in checks),
        equal=sum(one.equal or 0 for one in checks),
        steps=sum(one.steps for one in checks),
        agreeing=sum(one.agreeing for one in checks),
        states=states,
        logits=logits,
    )


def agreeing(found: Sequence[Numbers], wanted: Sequence[Numbers]) -> int:
    """Return in how many rows the largest number stands at the same place."""
    pairs = zip(found, wanted, strict=True)
    return sum(int((one.argmax(-1) == other.argmax(-1)).sum()) for one, other in pairs)


def _nearness(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> Nearness:
    if one.shape != other.shape:
        raise ValueError(f"{one.shape} is compared with {other.shape}")
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return Nearness(float("inf"), -1.0)
    return Nearness(float(np.abs(one - other).max()), _cosine(one, other))


def _rows(numbers: Numbers) -> npt.NDArray[np.float64]:
    return numbers.reshape(-1, numbers.shape[-1]).astype(np.float64)


def _cosine(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    lengths = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    # two rows of zeros are the same, one alone is not
    both = (one == other).all(axis=-1).astype(np.float64)
    found = np.where(lengths > 0, (one * other).sum(-1) / np.where(lengths > 0, lengths, 1.0), both)
    return float(found.min())
