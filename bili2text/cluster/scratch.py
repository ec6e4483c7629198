"""A worker's folder on its node: locked while it lives, swept away by the next when it died."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock

from bili2text.errors import StorageError
from bili2text.files import storage_error
from bili2text.jobs.lock import hold, let_go, try_hold

_FOLDER = "cluster"


class Scratch:
    """A folder that nobody else uses. Close it."""

    def __init__(self, cache: Path) -> None:
        """Make it below the cache, after those of the dead are gone. Raises StorageError."""
        sweep(cache)
        # the process it belongs to is in the name, for whoever wonders what it is
        self.folder = cache / _FOLDER / f"{os.getpid()}-{secrets.token_hex(4)}"
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self._lock = hold(self.folder, None)
            for name in ("in", "out"):
                (self.folder / name).mkdir(parents=True)
        except OSError as error:
            raise storage_error(error, self.folder) from error

    def emptied(self, name: str) -> Path:
        """Return the folder "in" or "out" of it, with nothing in it. Raises StorageError."""
        path = self.folder / name
        try:
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, path) from error
        return path

    def close(self) -> None:
        """Remove it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        let_go(self._lock)


def sweep(cache: Path) -> int:
    """Remove what workers that are no more left half done; return how many of them there were.

    That is their folders, and files that they were writing in journals' folders: what was heard stays, for
    whoever has the recording next on this machine.
    """
    dead = [lock_file.with_suffix("") for lock_file in _those_in(cache / _FOLDER, "*.lock")]
    jobs = _those_in(cache / "jobs", "*")
    for half in (half for job in jobs for half in _those_in(job, ".*.part")):
        with _held(half.parent) as lock:
            if lock is not None:
                half.unlink(missing_ok=True)
    count = 0
    for folder in dead:
        with _held(folder) as lock:
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                let_go(lock)
                count += 1
    return count


def _those_in(folder: Path, pattern: str) -> list[Path]:
    try:
        return list(folder.glob(pattern))
    except OSError:  # somebody else swept it away meanwhile
        return []


@contextmanager
def _held(folder: Path) -> Iterator[BaseFileLock | None]:
    """Hold a folder's lock for a moment; None where somebody has it, or it cannot be told."""
    try:
        lock = try_hold(folder)
    except StorageError:
        lock = None
    try:
        yield lock
    finally:
        if lock is not None:
            lock.release()
