"""What a job has done, record by record: what is in the journal survives the death of the process.

A record is on the disk before `append` returns. A kill, a full disk or a flipped bit costs the records from
the first bad one on, never the ones before it, and never gives a record that was not written.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from bili2text.errors import StorageError
from bili2text.files import clean_text, storage_error
from bili2text.jobs.lines import LIMIT, canonical, line, record_of
from bili2text.jobs.lock import hold

if TYPE_CHECKING:
    from filelock import BaseFileLock

    from bili2text.subtitles.writers import Json

NAME = "journal.jsonl"
# a link is not followed, a pipe not waited for, and Windows changes no line ends
_FLAGS = (
    os.O_RDWR
    | os.O_CREAT
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)


class Journal:
    """The journal of one job, which no other process has meanwhile; a context manager."""

    def __init__(self, path: Path, handle: int, lock: BaseFileLock, found: _Found) -> None:
        self._path = path
        self._handle = handle
        self._lock = lock
        self._number = len(found.records)
        self._length = found.length
        self._open = True
        self.records: tuple[Mapping[str, Any], ...] = found.records[1:]
        self.discarded = ""

    @classmethod
    def open(
        cls, folder: Path, header: Mapping[str, Json], *, wait: Callable[[], None] | None = None
    ) -> Journal:
        """Return the journal in `folder`, made where there is none, with `header` as its first record.

        `records` is what was in it after the header, `discarded` one line on what was not kept, or "". The
        file is cut off at the first line that is not as it was written. A journal that begins with another
        header is renamed to "journal.broken-<time>" and a new one begun. While another process has the job,
        this one waits, and calls `wait` once. Raises StorageError; ValueError for NaN in the header.
        """
        first = line(0, header)
        try:
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, folder) from error
        lock = hold(folder, wait)
        try:
            return cls._opened(folder, header, first, lock)
        except BaseException as error:
            lock.release()
            if isinstance(error, OSError):
                raise storage_error(error, folder / NAME) from error
            raise

    @classmethod
    def _opened(cls, folder: Path, header: Mapping[str, Json], first: bytes, lock: BaseFileLock) -> Journal:
        path = folder / NAME
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)
            _sync_folder(folder.parent)
        handle, found = _read(path)
        discarded = f"{found.cut} bytes of it were damaged and are done again" if found.cut else ""
        if found.records and canonical(found.records[0]) != canonical(header):
            os.close(handle)  # Windows renames no open file
            path.replace(path.with_name(f"journal.broken-{datetime.now(timezone.utc):%Y%m%dT%H%M%S.%fZ}"))
            handle, found = _read(path)
            discarded = "other versions of the programs wrote it; it is set aside and a new one begun"
        journal = cls(path, handle, lock, found)
        journal.discarded = discarded and f"{clean_text(str(path))}: {discarded}"
        try:
            journal._cut()
            if not found.records:
                journal._write(first)
                _sync_folder(folder)
        except BaseException:
            os.close(handle)
            raise
        return journal

    def append(self, record: Mapping[str, Json]) -> None:
        """Add a record; when this returns, the disk has it.

        Raises ValueError or TypeError before a byte is written for what JSON cannot hold (NaN, infinities),
        and StorageError when the disk does not take it: then nothing of the record stays, and a later append
        may succeed.
        """
        if not self._open:
            raise ValueError("the journal is closed")
        raw = line(self._number, record)
        try:
            self._cut()
            self._write(raw)
        except OSError as error:
            with suppress(OSError):  # else the next append cuts it off, or the next process that reads
                self._cut()
            raise storage_error(error, self._path) from error

    @property
    def empty(self) -> bool:
        """Whether nothing is in it but its header."""
        return self._number <= 1

    def close(self) -> None:
        """Let the job go to the next process. Closing twice is closing once."""
        if self._open:
            self._open = False
            os.close(self._handle)
            self._lock.release()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _cut(self) -> None:
        """Remove what is behind the last good record. Raises OSError."""
        if os.fstat(self._handle).st_size != self._length:
            os.ftruncate(self._handle, self._length)
            os.fsync(self._handle)
        os.lseek(self._handle, self._length, os.SEEK_SET)

    def _write(self, raw: bytes) -> None:
        left = memoryview(raw)
        while left:
            left = left[os.write(self._handle, left) :]
        os.fsync(self._handle)
        self._length += len(raw)
        self._number += 1


@dataclass(frozen=True, slots=True)
class _Found:
    """What is good in a journal, and how much is not."""

    records: tuple[dict[str, Any], ...]  # the header first
    length: int  # bytes they take
    cut: int  # bytes behind them


def _read(path: Path) -> tuple[int, _Found]:
    """Return the journal, open for reading and writing, and what is in it. Raises OSError, StorageError."""
    if path.is_symlink():  # Windows has no O_NOFOLLOW
        raise _not_plain(path)
    try:
        handle = os.open(path, _FLAGS, 0o600)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise _not_plain(path) from error
        raise
    try:
        return handle, _found(handle, path)
    except BaseException:
        os.close(handle)
        raise


def _found(handle: int, path: Path) -> _Found:
    facts = os.fstat(handle)
    if not stat.S_ISREG(facts.st_mode):
        raise _not_plain(path)
    records: list[dict[str, Any]] = []
    length = 0
    with os.fdopen(handle, "rb", closefd=False) as file:
        while raw := file.readline(LIMIT):
            record = record_of(raw, len(records))
            if record is None:
                break
            records.append(record)
            length += len(raw)
    return _Found(tuple(records), length, facts.st_size - length)


def _not_plain(path: Path) -> StorageError:
    return StorageError(f"not a plain file: {clean_text(str(path))}", hint="remove it and run again")


def _sync_folder(folder: Path) -> None:
    """Make sure that the names in a folder outlive a loss of power."""
    if os.name != "posix":
        return  # Windows has no way to open a folder for this
    with suppress(OSError):  # some network file systems cannot sync a folder; the file itself is synced
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
