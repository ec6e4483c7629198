"""Folders and files that one process at a time writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bili2text.errors import UsageError
from bili2text.files import clean_text, prove_writable
from bili2text.jobs.lock import let_go, try_hold


@contextmanager
def alone(folder: Path, work: str) -> Iterator[None]:
    """Make a folder, and hold it for this process, for one kind of work: "training", "labelling".

    Raises UsageError where another process has it, StorageError.
    """
    with _holding(folder / work, f"{work} in {clean_text(str(folder))}"):
        yield


@contextmanager
def held(target: Path) -> Iterator[None]:
    """Hold a file or folder to be written for this process; the lock, `NAME.lock` beside it, goes at the end.

    Raises UsageError where another process has it, StorageError where nothing can be written there.
    """
    with _holding(target, f"writing {clean_text(str(target))}"):
        yield


@contextmanager
def _holding(name: Path, doing: str) -> Iterator[None]:
    prove_writable(name.parent)
    lock = try_hold(name)
    if lock is None:
        raise UsageError(f"another process is {doing}", hint="wait for its end, or stop it")
    try:
        yield
    finally:
        let_go(lock)
