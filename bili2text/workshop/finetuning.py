"""What is asked of `workshop finetune`, and whether a run's folder is for it. No torch in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bili2text.errors import SourceError, UsageError
from bili2text.files import prove_writable, write_whole
from bili2text.jobs.lock import let_go, try_hold
from bili2text.workshop import checkpoints
from bili2text.workshop.presets import read, save
from bili2text.workshop.run import Run
from bili2text.workshop.train.lesson import Device
from bili2text.workshop.values import Preset

_ASKED = "finetune.json"  # what the settings do not say: the pairs, and where the order ends


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


@contextmanager
def alone(run: Run) -> Iterator[None]:
    """Hold the run for this process. Raises UsageError where another has it, StorageError."""
    prove_writable(run.folder)
    lock = try_hold(run.folder / "finetune")
    if lock is None:
        raise UsageError(f"another process trains in {run.folder}", hint="wait for its end")
    try:
        yield
    finally:
        let_go(lock)


def settled(run: Run, request: FinetuneRequest) -> FinetuneRequest:
    """Return the request, with what a run that goes on was begun with where that is not said again.

    Raises UsageError where the folder holds a training that this one is not, or a finished one.
    """
    if run.model.is_dir():
        raise UsageError(f"{run.folder} is trained already", hint="pass another --out")
    if not run.settings.is_file() and checkpoints.newest(run.checkpoints) is None:
        return request
    if not request.resume:
        raise UsageError(f"{run.folder} was begun already", hint="pass --resume to go on, or another --out")
    kept = _read(run.folder / _ASKED)
    request = _completed(request, kept)
    differ = differences(read(run.settings), request.preset)
    differ += [
        f"{key} {kept.get(key)}, not {value}"
        for key, value in _asked(request).items()
        if kept.get(key) != value
    ]
    if differ:
        raise UsageError(f"{run.folder} was begun with {', '.join(differ)}", hint="pass another --out")
    return request


def write_down(run: Run, request: FinetuneRequest) -> None:
    """Write what a run was begun with, settings.toml last. Raises StorageError."""
    write_whole(run.folder / _ASKED, json.dumps(_asked(request), indent=1) + "\n", overwrite=True)
    save(request.preset, run.settings)  # last: a folder that has it was begun


def _completed(request: FinetuneRequest, kept: Mapping[str, object]) -> FinetuneRequest:
    steps, vocabulary = kept.get("max_steps"), kept.get("vocabulary")
    if request.max_steps is None and isinstance(steps, int):
        request = replace(request, max_steps=steps)
    if request.vocabulary is None and isinstance(vocabulary, str):
        request = replace(request, vocabulary=Path(vocabulary))
    return request


def _asked(request: FinetuneRequest) -> dict[str, object]:
    told = _read(request.data / "data.json")
    prints = told.get("sha256")
    known: Mapping[str, object] = prints if isinstance(prints, dict) else {}
    return {
        "pairs": known.get("train"),
        "dev": known.get("dev"),
        "max_steps": request.max_steps,
        "vocabulary": str(request.vocabulary) if request.vocabulary else None,
    }


def _read(path: Path) -> dict[str, object]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read {path}") from error
    return told if isinstance(told, dict) else {}
