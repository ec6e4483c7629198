"""Checkpoints on disk: a name is given once all of it is there, so whatever has a name is whole."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bili2text.errors import StorageError
from bili2text.files import storage_error
from bili2text.workshop.folders import sync_folder, sync_tree

_NAME = re.compile(r"checkpoint-([0-9]+)")
_WRITING, _REMOVING = ".writing", ".removing"


def name(step: int) -> str:
    """Return what the checkpoint of a step is called; transformers' name."""
    return f"checkpoint-{step}"


def step_of(checkpoint: Path) -> int:
    """Return the step after which a checkpoint was written. Raises ValueError for another folder."""
    found = _NAME.fullmatch(checkpoint.name)
    if found is None:
        raise ValueError(f"no checkpoint: {checkpoint}")
    return int(found[1])


def all_of(folder: Path) -> list[Path]:
    """Return the whole checkpoints in a folder, oldest first; none where there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if _NAME.fullmatch(path.name)), key=step_of)


def newest(folder: Path) -> Path | None:
    """Return the whole checkpoint of the latest step, or None."""
    return next(reversed(all_of(folder)), None)


def sweep(folder: Path) -> None:
    """Remove what a killed process left half written or half removed. Raises StorageError."""
    for rest in (_WRITING, _REMOVING):
        _remove(folder / rest)


@contextmanager
def written(folder: Path, step: int) -> Iterator[Path]:
    """Yield a new folder to write NAME into; it takes its place in `folder` once the block ends unharmed.

    The disk has every byte before the name appears. An error leaves nothing. Raises StorageError when the
    disk does not take it.
    """
    staging = folder / _WRITING
    _remove(staging)
    try:
        staging.mkdir(parents=True)
        yield staging
        made = staging / name(step)
        sync_tree(made)
        _remove(folder / name(step))  # of a training that went back: the new one takes its place
        made.rename(folder / name(step))
        sync_folder(folder)
    except OSError as error:
        raise storage_error(error, folder / name(step)) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def keep_newest(folder: Path, count: int) -> None:
    """Remove all checkpoints but the `count` newest, each from its name first. Raises StorageError."""
    for old in all_of(folder)[: -max(count, 1)]:
        _remove(folder / _REMOVING)
        try:
            old.rename(folder / _REMOVING)
        except OSError as error:
            raise storage_error(error, old) from error
        _remove(folder / _REMOVING)


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(f"cannot remove {folder}: {error.strerror or error}") from error
