"""What is asked of `workshop finetune`, and whether a run's folder is for it. No torch in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bili2text.errors import SourceError, UsageError
from bili2text.workshop import checkpoints
from bili2text.workshop.begin import FINETUNE, differing, keep, kept, refuse_used
from bili2text.workshop.presets import read, save
from bili2text.workshop.run import Run
from bili2text.workshop.train.lesson import Device
from bili2text.workshop.values import Preset


@dataclass(frozen=True, slots=True)
class FinetuneRequest:
    """What to train on what."""

    data: Path  # as `prepare` made it
    preset: Preset
    out: Path
    resume: bool = False
    device: Device = "auto"
    vocabulary: Path | None = None  # a Qwen's tokenizer.json, for the students of that vocabulary
    max_steps: int | None = None


def differences(first: Preset, second: Preset) -> list[str]:
    """Return which settings differ: "train.lr 8e-05, not 3e-05". Claims are no settings."""
    one, other = asdict(first), asdict(second)
    return [
        f"{section}.{key} {one[section][key]}, not {value}"
        for section in ("model", "data", "train", "decode")
        for key, value in other[section].items()
        if one[section][key] != value
    ]


def settled(run: Run, request: FinetuneRequest) -> FinetuneRequest:
    """Return the request, with what a run that goes on was begun with where that is not said again.

    Raises UsageError where the folder holds a training that this one is not, or a finished one; ModelError
    where what it was begun with cannot be read.
    """
    if run.model.is_dir():
        raise UsageError(f"{run.folder} is trained already", hint="pass another --out")
    begun = kept(run.folder / FINETUNE)
    if begun is None:
        refuse_used(run)
        return request
    if not run.settings.is_file() and checkpoints.newest(run.checkpoints) is None:
        return request
    if not request.resume:
        raise UsageError(f"{run.folder} was begun already", hint="pass --resume to go on, or another --out")
    request = _completed(request, begun)
    asked = _asked(request)
    differ = differences(read(run.settings), request.preset)
    differ += [f"{key} {begun.get(key)}, not {asked.get(key)}" for key in differing(begun, asked)]
    if differ:
        raise UsageError(f"{run.folder} was begun with {', '.join(differ)}", hint="pass another --out")
    return request


def write_down(run: Run, request: FinetuneRequest) -> None:
    """Write what a run was begun with, settings.toml last. Raises StorageError."""
    keep(run.folder / FINETUNE, _asked(request))
    save(request.preset, run.settings)  # last: a folder that has it was begun


def _completed(request: FinetuneRequest, begun: Mapping[str, object]) -> FinetuneRequest:
    steps, vocabulary = begun.get("max_steps"), begun.get("vocabulary")
    if request.max_steps is None and isinstance(steps, int):
        request = replace(request, max_steps=steps)
    if request.vocabulary is None and isinstance(vocabulary, str):
        request = replace(request, vocabulary=Path(vocabulary))
    return request


def _asked(request: FinetuneRequest) -> dict[str, object]:
    known = _sums(request.data / "data.json")
    return {
        "pairs": known.get("train"),
        "dev": known.get("dev"),
        "max_steps": request.max_steps,
        "vocabulary": str(request.vocabulary.absolute()) if request.vocabulary else None,
    }


def _sums(path: Path) -> Mapping[str, object]:
    """Return the sha256 of each split, by what `prepare` wrote. Raises SourceError."""
    try:
        sums = json.loads(path.read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"cannot read {path}", hint="prepare the pairs again") from error
    return sums if isinstance(sums, dict) else {}
