"""Where a plan's memory comes from: torch, imported only when it is asked."""

from __future__ import annotations

from collections.abc import Sequence

from bili2text.errors import DependencyError
from bili2text.workshop.costs.shapes import Shape
from bili2text.workshop.values import TrainSettings


def measured(
    shape: Shape,
    train: TrainSettings,
    lengths: Sequence[int],
    stock: bool,
) -> tuple[float, tuple[float, ...]]:
    """Return what plan.Measure promises, by train.memory. Raises DependencyError without torch."""
    try:
        from bili2text.workshop.train.memory import peaks
    except ImportError as error:
        raise DependencyError(
            f"a plan needs torch and transformers: {error}", hint='pip install "bili2text[workshop]"'
        ) from error
    found = peaks(shape, train, lengths, stock=stock)
    return found.states, found.peaks
