"""A small file in the cache that only ever helps: nothing that is wrong with it stops a run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from bili2text.errors import Bili2TextError
from bili2text.files import clean_text, prove_writable, write_whole

TEXT = 300  # characters of a name or a reason
_WAIT_SECONDS = 10.0  # for another process; it holds the lock for milliseconds

Kept = TypeVar("Kept")


def read(path: Path, parsed: Callable[[bytes], Kept], empty: Kept, limit: int) -> Kept:
    """Return what `parsed` makes of the file's bytes; `empty` when there is none or it cannot be read.

    A file that `parsed` does not take (ValueError, TypeError, KeyError, AttributeError, RecursionError), or
    of more than `limit` bytes, is renamed to "<name>.broken": it can be looked at, and a new one begins.
    Raises nothing.
    """
    try:
        if not path.is_file():
            return empty
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except OSError:
        return empty
    if len(raw) <= limit:
        with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return parsed(raw)
    with suppress(OSError):
        path.replace(path.with_name(path.name + ".broken"))
    return empty


def update(path: Path, text: Callable[[], str]) -> str:
    """Write what `text` returns, called with the file locked; return "", or in one line why that failed.

    Processes wait for each other, so none loses what another learned. A full or read-only disk raises
    nothing: what was learned is lost, the run is not.
    """
    try:
        prove_writable(path.parent)  # where no file can be made, the lock would be waited for
        with FileLock(path.with_name(path.name + ".lock"), timeout=_WAIT_SECONDS):
            write_whole(path, text(), overwrite=True)
    except Bili2TextError as error:
        return error.message
    except (OSError, NotImplementedError) as error:  # some network file systems have no locks
        return f"cannot keep what was learned: {clean_text(str(error))}"
    return ""


def line(value: object) -> str:
    """Return a name or a reason as it may be shown. Raises ValueError for what is no text, or too long."""
    if not isinstance(value, str) or len(value) > TEXT:
        raise ValueError(type(value))
    return clean_text(value)


def whole(value: object, limit: int, *, least: int = 1) -> int:
    """Return a whole number between `least` and `limit`. Raises ValueError for anything else."""
    if type(value) is not int or not least <= value <= limit:
        raise ValueError(value)
    return value


def flag(value: object) -> bool:
    """Return a truth value. Raises ValueError for anything else."""
    if type(value) is not bool:
        raise ValueError(value)
    return value
