"""Folders that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bili2text.files import storage_error, sync


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the name `folder` once the block ends unharmed; what was there goes.

    The disk has every byte before the name appears. After an error, `folder` is what it was. A process that
    is killed between the two renames leaves the former one as `.NAME.old`; the next call puts it back first.
    Raises StorageError when the disk does not take it.
    """
    staging, old = (folder.with_name(f".{folder.name}.{what}") for what in ("writing", "old"))
    try:
        if old.exists() and not folder.exists():
            old.rename(folder)
        for left in (staging, old):
            shutil.rmtree(left, ignore_errors=True)
        staging.mkdir(parents=True)
        yield staging
        sync_tree(staging)
        _swap(staging, folder, old)
    except OSError as error:
        raise storage_error(error, folder) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def sync_tree(folder: Path) -> None:
    """Wait until the disk has every file below a folder, and their names. Raises OSError."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            sync(path)
        else:
            sync_folder(path)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in a folder, where the system can tell."""
    if os.name == "nt":
        return
    with suppress(OSError):  # some network file systems cannot sync a folder
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _swap(staging: Path, folder: Path, old: Path) -> None:
    if folder.exists():
        folder.rename(old)
    try:
        staging.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    sync_folder(folder.parent)
    shutil.rmtree(old, ignore_errors=True)
