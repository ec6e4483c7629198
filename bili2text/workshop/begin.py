"""What the work in a folder was begun with, and whether there is a trained model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from bili2text.errors import ModelError, UsageError
from bili2text.files import clean_text, write_whole
from bili2text.workshop import checkpoints
from bili2text.workshop.run import Run

FINETUNE, DISTIL = "finetune.json", "distil.json"  # what the settings of a run do not say


def kept(path: Path) -> Mapping[str, object] | None:
    """Return what a run was begun with, None where nothing was. Raises ModelError for a broken record."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _broken(path) from error
    if not isinstance(found, dict):
        raise _broken(path)
    return found


def keep(path: Path, asked: Mapping[str, object]) -> None:
    """Write down what a run is begun with, whole or not at all. Raises StorageError."""
    write_whole(path, json.dumps(asked, ensure_ascii=False, indent=1) + "\n", overwrite=True)


def differing(one: Mapping[str, object], other: Mapping[str, object]) -> tuple[str, ...]:
    """Return the names of what is not the same in two records. Pure."""
    return tuple(name for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name))


def refuse_used(run: Run) -> None:
    """Raise UsageError where a folder holds anything of a run: a new one would go on from it, or bury it."""
    names = (
        run.settings,
        run.vocabulary,
        run.model,
        run.shards,
        *(run.folder / one for one in (FINETUNE, DISTIL)),
    )
    if any(path.exists() for path in names) or checkpoints.newest(run.checkpoints) is not None:
        raise UsageError(f"{clean_text(str(run.folder))} holds another training", hint="pass another --out")


def _broken(path: Path) -> ModelError:
    return ModelError(f"{clean_text(str(path))} is no record of a run", hint="begin in another folder")


def refuse_untrained(run: Run) -> None:
    """Raise ModelError for a folder that holds no trained model."""
    if not (run.model / "config.json").is_file():
        raise ModelError(
            f"no trained model in {clean_text(str(run.folder))}",
            hint="name the folder that `workshop finetune` or `workshop distil` wrote, --out",
        )
