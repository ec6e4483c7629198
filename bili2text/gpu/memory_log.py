"""Samples of a card's memory as a CSV file that is valid at every moment, and its reader.

    time,used_mib,free_mib,processes
    2024-05-01T12:00:00.000+00:00,3072,5120,4711:python:2900;88:Xorg:172

A process without a figure ("88:Xorg:") is one whose memory the driver does not tell.
"""

from __future__ import annotations

import csv
import errno
import io
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import TracebackType

from bili2text.errors import UsageError
from bili2text.files import clean_text, refuse_target, storage_error
from bili2text.gpu.device import Holder
from bili2text.gpu.monitor import Sample

_HEADER = ["time", "used_mib", "free_mib", "processes"]


class MemoryLog:
    """A log being written; a context manager."""

    def __init__(self, path: Path, *, overwrite: bool = False, began: datetime | None = None) -> None:
        """Begin a new file; `began` is when samples were 0 seconds old (default: now).

        Raises StorageError when `path` is there and `overwrite` is False, or it cannot be written.
        """
        refuse_target(path, overwrite=overwrite)
        self._path = path
        self._began = began or datetime.now(timezone.utc)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open(
                "wb", buffering=0
            )  # a line is one write: it is there whole, or torn and last
        except OSError as error:
            raise storage_error(error, path) from error
        self._line(_HEADER)

    def write(self, sample: Sample) -> None:
        """Add one line. Raises StorageError."""
        when = (self._began + timedelta(seconds=sample.at)).isoformat(timespec="milliseconds")
        processes = ";".join(_process(holder) for holder in sample.holders)
        self._line([when, str(sample.used_mib), str(sample.free_mib), processes])

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> MemoryLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _line(self, cells: list[str]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(cells)
        line = text.getvalue().encode("utf-8")
        try:
            written = self._file.write(line)
        except OSError as error:
            raise storage_error(error, self._path) from error
        if written != len(line):  # what a disk does with its last bytes
            raise storage_error(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), self._path)


def read_log(path: Path) -> tuple[Sample, ...]:
    """Return a log's samples, the first at 0 seconds. A last line without its end was torn and is left out.

    Raises UsageError when the file cannot be read or is no such log.
    """
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"cannot read the memory log: {clean_text(str(path))}: {reason}") from error
    header, *lines = text.split("\n")[:-1] or [""]
    if header != ",".join(_HEADER):
        raise UsageError(f"not a log of GPU memory: {clean_text(str(path))}")
    samples: list[Sample] = []
    began: datetime | None = None
    for number, line in enumerate(lines, start=2):
        try:
            ((when, used, free, processes),) = csv.reader([line])
            moment = datetime.fromisoformat(when)
            began = began or moment
            holders = tuple(_holder(one) for one in processes.split(";") if one)
            samples.append(Sample((moment - began).total_seconds(), int(used), int(free), holders))
        except (ValueError, TypeError, csv.Error) as error:
            shown = clean_text(str(path))
            raise UsageError(f"line {number} of the memory log is damaged: {shown}") from error
    return tuple(samples)


def _process(holder: Holder) -> str:
    name = clean_text(holder.name).replace(";", ",")
    return f"{holder.pid}:{name}:{'' if holder.used_mib is None else holder.used_mib}"


def _holder(text: str) -> Holder:
    pid, rest = text.split(":", 1)
    name, used = rest.rsplit(":", 1)
    return Holder(int(pid), name, int(used) if used else None)
