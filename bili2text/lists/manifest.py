"""What is known of a list, on the disk before the work goes on; for one process at a time.

A journal of small records, as that of a job: a kill costs the last record at most. Several threads may
write; what they read is a copy.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from bili2text.errors import StorageError, UsageError
from bili2text.files import clean_text
from bili2text.jobs.journal import NAME, Journal
from bili2text.jobs.lines import LIMIT, canonical, record_of
from bili2text.lists.records import HEADER, Senseless, added, asked, asked_of, change_of, changed, entry_of
from bili2text.lists.values import Asked, Entry, Kind, Place


class Manifest:
    """A list that this process has; a context manager."""

    def __init__(self, folder: Path, journal: Journal) -> None:
        self.folder = folder
        self.discarded = journal.discarded  # one line on what was not kept, or ""
        self._journal = journal
        self._lock = threading.RLock()
        self._asked, self._entries = _read(journal.records, folder)
        self._links = {(one.place[:-1], one.link): one.place for one in self._entries.values()}
        self._last: dict[Place, int] = {}
        for place in self._entries:
            self._last[place[:-1]] = max(place[-1], self._last.get(place[:-1], 0))

    @classmethod
    def open(cls, folder: Path) -> Manifest:
        """Return the list in `folder`, made where there is none.

        Raises UsageError while another process has it, StorageError for one that cannot be read or written.
        """

        def refuse() -> None:
            raise UsageError(
                f"another process is at the list {folder.name}", hint="wait for it, or pass another --name"
            )

        journal = Journal.open(folder, HEADER, wait=refuse)
        try:
            return cls(folder, journal)
        except BaseException:
            journal.close()
            raise

    @property
    def name(self) -> str:
        """What the list is called."""
        return self.folder.name

    @property
    def asked(self) -> Asked | None:
        """How it was asked for the last time; None for a new one."""
        return self._asked

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Everything in the list, in its order: what a list holds comes after the list."""
        with self._lock:
            return tuple(self._entries[place] for place in sorted(self._entries))

    def entry(self, place: Place) -> Entry:
        """Return an entry as it is now. Raises KeyError."""
        with self._lock:
            return self._entries[place]

    def ask(self, what: Asked) -> None:
        """Write down how it is asked for now. Raises StorageError."""
        with self._lock:
            self._journal.append(asked(what))
            self._asked = what

    def add(
        self, parent: Place, kind: Kind, link: str, name: str, *, index: int = 0, address: str | None = None
    ) -> Entry:
        """Return the entry of a link below `parent`, added as the last there unless it is there already.

        Raises StorageError.
        """
        with self._lock:
            known = self._links.get((parent, link))
            if known is not None:
                return self._entries[known]
            last = self._last.get(parent, 0) + 1
            entry = Entry((*parent, last), kind, link, name, index, address)
            self._journal.append(added(entry))
            self._last[parent] = last
            self._links[parent, link] = entry.place
            self._entries[entry.place] = entry
            return entry

    def change(self, place: Place, **now: Any) -> Entry:  # noqa: ANN401 - fields of an Entry
        """Return the entry with these fields changed, and that on the disk. Raises StorageError."""
        with self._lock:
            before = self._entries[place]
            entry = replace(before, **now)
            if entry != before:
                self._journal.append(changed(before, entry))
                self._entries[place] = entry
            return entry

    def __enter__(self) -> Manifest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._journal.close()


def look(folder: Path) -> tuple[Asked | None, tuple[Entry, ...]] | None:
    """Return how the list in `folder` was asked for, and its entries, as far as they are whole.

    Nothing is locked or changed. None for what is no list of ours; StorageError for one that cannot be read.
    """
    path = folder / NAME
    try:
        if path.is_symlink() or not path.is_file():
            return None
        with path.open("rb") as file:
            records: list[dict[str, Any]] = []
            while raw := file.readline(LIMIT):
                record = record_of(raw, len(records))
                if record is None:
                    break
                records.append(record)
    except OSError as error:
        shown = clean_text(str(path))
        raise StorageError(f"cannot read {shown}: {error.strerror}", hint="check its permissions") from error
    if not records or canonical(records[0]) != canonical(HEADER):
        return None
    how, entries = _read(records[1:], folder)
    return how, tuple(entries[place] for place in sorted(entries))


def _read(records: Iterable[Mapping[str, Any]], folder: Path) -> tuple[Asked | None, dict[Place, Entry]]:
    how: Asked | None = None
    entries: dict[Place, Entry] = {}
    for record in records:
        try:
            if record.get("what") == "asked":
                how = asked_of(record)
                continue
            one = entry_of(record) if record.get("what") == "entry" else change_of(record, entries)
        except Senseless as error:
            raise StorageError(
                f"the list {folder.name} holds what this program did not write ({error})",
                hint=f"remove {clean_text(str(folder))}, or pass another --name",
            ) from error
        entries[one.place] = one
    return how, entries
