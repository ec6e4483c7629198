"""The targets of a small translator, and whether a measurement meets them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Quantity = Literal["BLEU", "mean latency", "peak memory", "int8 file"]
MB = 1_000_000  # bytes, as disks count; what a process holds is given in the same


@dataclass(frozen=True, slots=True)
class Targets:
    """What a translator for a small device shall reach: more than, or less than these."""

    bleu: float = 30.0  # more
    mean_ms: float = 30.0  # less, for a sentence
    peak_mb: float = 512.0  # less, of RAM, by the whole process
    int8_mb: float = 100.0  # less, of model.bin


SPECIFIED = Targets()


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of one model on one test set, one direction. None: not measured."""

    bleu: float
    mean_ms: float | None
    peak_mb: float | None
    weight_mb: float
    precision: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target, and what was measured."""

    quantity: Quantity
    target: float
    measured: float | None
    met: bool | None  # None: not measured


def verdicts(figures: Figures, targets: Targets) -> tuple[Verdict, ...]:
    """Return what holds of each target; that of the int8 file is for int8 models alone."""
    return tuple(_verdicts(figures, targets))


def excess(figures: Figures, targets: Targets) -> float:
    """Return how far the worst of latency, memory and size is over its target: 1.0 is at it, less is better.

    What was not measured counts as far over.
    """
    ratios = [
        float("inf") if one.measured is None else one.measured / one.target
        for one in _verdicts(figures, targets)
        if one.quantity != "BLEU"
    ]
    return max(ratios)


def _verdicts(figures: Figures, targets: Targets) -> Iterator[Verdict]:
    yield Verdict("BLEU", targets.bleu, figures.bleu, figures.bleu > targets.bleu)
    yield _below("mean latency", targets.mean_ms, figures.mean_ms)
    yield _below("peak memory", targets.peak_mb, figures.peak_mb)
    if figures.precision.startswith("int8"):
        yield _below("int8 file", targets.int8_mb, figures.weight_mb)


def _below(quantity: Quantity, target: float, measured: float | None) -> Verdict:
    return Verdict(quantity, target, measured, None if measured is None else measured < target)
