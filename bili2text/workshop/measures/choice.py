"""Which of several translators is the best for a small device. Pure.

The rule of the guide, "best by BLEU, latency and memory", made one that decides: of those that meet the
targets of latency and memory the one of the highest BLEU; where the difference may be chance, the smaller.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bili2text.workshop.measures.evaluate import Evaluation, Row
from bili2text.workshop.measures.targets import Figures, Targets, excess


@dataclass(frozen=True, slots=True)
class Candidate:
    """One translator on one test set, both directions: the mean of BLEU, the worst of what it takes."""

    name: str
    test: str
    n: int
    parameters: int
    half: float  # half the width of the 95 % interval of BLEU's mean
    figures: Figures


@dataclass(frozen=True, slots=True)
class Choice:
    """What came of the choice."""

    best: Candidate | None  # None: none meets the targets
    nearest: Candidate | None  # then the one whose worst figure is the least over its target
    why: str  # one line


def candidate(found: Evaluation) -> Candidate:
    """Return a translator as it is compared: int8 where it was measured, on the CPU, on the first test set.

    Directions are scored independently, so the interval of their mean is that of a sum of independent ones.
    """
    first = found.rows[0]
    rows = [row for row in found.rows if (row.test, row.device) == (first.test, first.device)]
    small = [row for row in rows if row.precision.startswith("int8")]
    rows = small or [row for row in rows if row.precision == first.precision]
    return Candidate(
        name=found.name,
        test=first.test,
        n=first.score.n,
        parameters=found.parameters,
        half=math.sqrt(sum(row.score.half**2 for row in rows)) / len(rows),
        figures=_worst(rows),
    )


def choose(candidates: Sequence[Candidate], targets: Targets) -> Choice:
    """Return the best of at least one candidate, or which is the nearest to the targets."""
    fitting = [one for one in candidates if excess(one.figures, targets) < 1.0]
    if not fitting:
        nearest = min(candidates, key=lambda one: (excess(one.figures, targets), -one.figures.bleu))
        over = excess(nearest.figures, targets)
        said = f"{over:.1f} times a target" if math.isfinite(over) else "not all of it was measured"
        return Choice(None, nearest, f"none meets the targets; the nearest is {nearest.name}: {said}")
    top = max(fitting, key=lambda one: one.figures.bleu)
    level = [one for one in fitting if top.figures.bleu - one.figures.bleu <= max(top.half, one.half)]
    best = min(level, key=lambda one: (one.figures.weight_mb, -one.figures.bleu))
    return Choice(best, None, _why(best, top, targets))


def _why(best: Candidate, top: Candidate, targets: Targets) -> str:
    said = f"{best.name} is the best on {best.test} (n {best.n}): "
    if best is top:
        said += "the highest BLEU of those that meet the targets of latency and memory"
    else:
        said += f"smaller than {top.name}, whose BLEU is higher by no more than chance"
    if best.figures.bleu <= targets.bleu:
        said += f"; BLEU over {targets.bleu:g} is not met"
    return said


def _worst(rows: Sequence[Row]) -> Figures:
    """Return the mean of BLEU, and the worst of all else; what one row does not know, nobody does."""
    figures = [row.figures() for row in rows]
    return Figures(
        bleu=sum(one.bleu for one in figures) / len(figures),
        mean_ms=_most([one.mean_ms for one in figures]),
        peak_mb=_most([one.peak_mb for one in figures]),
        weight_mb=max(one.weight_mb for one in figures),
        precision=figures[0].precision,
    )


def _most(found: Sequence[float | None]) -> float | None:
    known = [one for one in found if one is not None]
    return max(known) if len(known) == len(found) else None
