"""A recommendation as settings: from then on every run uses it."""

from __future__ import annotations

from pathlib import Path

from bili2text import settings
from bili2text.models.catalog import card_named
from bili2text.plan.values import Plan, Wishes

_OURS = ("auto", "default")


def as_settings(plan: Plan, wishes: Wishes, model_dir: Path | None = None) -> dict[str, str]:
    """Return the settings that make a run use the plan's model and precision, by the names of the options.

    What the plan was wished for with goes along, for the model may be right for that alone: one that knows
    English alone never goes without its language. Device, batch and beams do not: a card that is gone, or
    comes, is no mistake, and each run fits its sizes to what is free then. So is the precision of a CPU,
    unless it was asked for: a card that comes has a better one.
    """
    asked = wishes.compute_type not in _OURS
    found = {"model": _whole(plan.model)}
    found["compute-type"] = plan.compute_type if asked or plan.device == "cuda" else "auto"
    card = card_named(plan.model)
    language = wishes.language or ("en" if card is not None and card.english_only else None)
    if language is not None:
        found["language"] = language
    if wishes.task != "transcribe":
        found["task"] = wishes.task
    if wishes.prefer != "quality":
        found["prefer"] = wishes.prefer
    if model_dir is not None:
        found["model-dir"] = str(model_dir.expanduser().absolute())
    return found


def write(found: dict[str, str], path: Path) -> tuple[str, ...]:
    """Put settings into the file; return its lines. Raises UsageError or StorageError."""
    for name, value in found.items():
        settings.write(path, name, value)
    return tuple(f"{name} = {value}" for name, value in found.items())


def _whole(model: str) -> str:
    """Return a model's name, or, for a folder, its path from the root: runs begin in any folder."""
    if card_named(model) is not None:
        return model
    folder = Path(model).expanduser()
    return str(folder.absolute()) if folder.is_dir() else model
