"""A recommendation as settings: from then on every run uses it."""

from __future__ import annotations

from pathlib import Path

from bili2text import settings
from bili2text.plan.values import Plan


def as_settings(plan: Plan) -> dict[str, str | int]:
    """Return the settings that make a run use the plan, by the names of the options. Pure.

    The device is not among them: a card that is gone, or comes, is no mistake.
    """
    return {
        "model": plan.model,
        "compute-type": plan.compute_type,
        "batch-size": plan.batch_size,
        "beam-size": plan.beam_size,
        "best-of": plan.best_of,
    }


def write(plan: Plan, path: Path) -> tuple[str, ...]:
    """Put the plan into the settings file; return its lines. Raises UsageError or StorageError."""
    for name, value in as_settings(plan).items():
        settings.write(path, name, value)
    return tuple(f"{name} = {value}" for name, value in as_settings(plan).items())
