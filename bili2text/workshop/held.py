"""What holds before a run is written to: it is trained, and no other process writes the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bili2text.errors import ModelError, UsageError
from bili2text.files import clean_text, prove_writable
from bili2text.jobs.lock import let_go, try_hold
from bili2text.workshop.run import Run


@contextmanager
def held(target: Path) -> Iterator[None]:
    """Hold a file or folder to be written for this process; the lock, `NAME.lock` beside it, goes at the end.

    Raises UsageError where another process has it, StorageError where nothing can be written there.
    """
    prove_writable(target.parent)
    lock = try_hold(target)
    if lock is None:
        raise UsageError(
            f"another process is writing {clean_text(str(target))}", hint="wait for its end, or stop it"
        )
    try:
        yield
    finally:
        let_go(lock)


def refuse_untrained(run: Run) -> None:
    """Raise ModelError for a folder that holds no trained model."""
    if not (run.model / "config.json").is_file():
        raise ModelError(
            f"no trained model in {clean_text(str(run.folder))}",
            hint="name the folder that `workshop finetune` or `workshop distil` wrote, --out",
        )
