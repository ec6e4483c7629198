"""Where a plan's memory comes from: torch, imported only when it is asked."""

from __future__ import annotations

from collections.abc import Sequence

from bili2text.errors import DependencyError
from bili2text.progress import Stage
from bili2text.workshop.costs.plan import Measure
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


def measuring(stage: Stage) -> Measure:
    """Return `measured`, which tells a stage how many lengths were tried."""

    def told(
        shape: Shape, train: TrainSettings, lengths: Sequence[int], stock: bool
    ) -> tuple[float, tuple[float, ...]]:
        found = measured(shape, train, lengths, stock)
        stage.advance(len(lengths))
        return found

    return told
