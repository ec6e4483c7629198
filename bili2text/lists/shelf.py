"""The lists of this computer: <cache>/lists/NAME/."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bili2text.errors import StorageError, UsageError
from bili2text.files import clean_text, safe_name
from bili2text.jobs.lines import canonical
from bili2text.jobs.lock import is_held
from bili2text.lists.manifest import look
from bili2text.lists.values import Asked, Entry

_NAME_BYTES = 60
_WORD_BYTES = 32


@dataclass(frozen=True, slots=True)
class Known:
    """A list as it is on the disk."""

    name: str
    asked: Asked | None
    entries: tuple[Entry, ...]
    running: bool
    fault: str = ""  # why it cannot be read


class Shelf:
    """The lists below a cache."""

    def __init__(self, cache: Path) -> None:
        self._root = cache / "lists"

    def folder(self, name: str) -> Path:
        """Return the folder of a list; it need not exist. Raises UsageError for what can be no name."""
        if not name or safe_name(name, limit=_NAME_BYTES) != name:
            raise UsageError(
                f"no name for a list: {clean_text(name)!r}", hint="letters, digits and dashes, not too many"
            )
        return self._root / name

    def known(self, name: str) -> Known:
        """Return a list. Raises UsageError where there is none of that name."""
        folder = self.folder(name)
        found = _known(folder)
        if found is None:
            raise UsageError(f"no list is called {name!r}", hint="`bili2text batch list` shows them")
        return found

    def all(self) -> tuple[Known, ...]:
        """Return every list, the one last worked on first."""
        try:
            folders = sorted(
                (one for one in self._root.iterdir() if one.is_dir()), key=_touched, reverse=True
            )
        except OSError:  # no folder, no lists
            return ()
        return tuple(found for folder in folders if (found := _known(folder)) is not None)


def default_name(sources: Sequence[str], mark: str) -> str:
    """Return what a list is called whose user says nothing: the same for the same sources and options."""
    digest = hashlib.sha256(canonical([*sources, mark]).encode("ascii")).hexdigest()[:8]
    first = sources[0] if sources else "list"
    try:
        path = urlsplit(first).path if "://" in first else first
    except ValueError:
        path = ""
    word = safe_name(
        path.rstrip("/\\").replace("\\", "/").rpartition("/")[2], fallback="list", limit=_WORD_BYTES
    )
    return f"{word}-{digest}"


def _known(folder: Path) -> Known | None:
    try:
        found = look(folder)
    except StorageError as error:
        return Known(folder.name, None, (), is_held(folder), error.message)
    return None if found is None else Known(folder.name, *found, is_held(folder))


def _touched(folder: Path) -> float:
    try:
        return (folder / "journal.jsonl").stat().st_mtime
    except OSError:
        return 0.0
