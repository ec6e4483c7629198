"""Disks that are full: every size from none to enough, so that every write of a run meets the end."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from soaking.inside import kept_engine, refusal
from soaking.job import Job

_PAGE = 4096  # bytes: the least by which such a disk can be larger
_LIMIT_STEP = 64  # bytes of the largest file
_MOST = 400  # sizes tried


@dataclass(slots=True)
class Disks:
    """What became of the runs."""

    means: str = ""
    tried: int = 0
    refused: int = 0  # disks that were too small
    untold: int = 0  # of these, runs whose error was not one on the disk
    partial: int = 0  # files that are there and not whole
    litter: int = 0  # temporary files left
    different: int = 0  # outputs of the same command once there is room
    failed: int = 0
    examples: list[str] = field(default_factory=list)


def full_disks(job: Job, stride: int) -> list[Disks]:
    """Run on larger and larger disks until one is large enough; after each, run again with room.

    Of the sizes each `stride`-th is tried: as a limit on files, and as a small disk in memory where one can
    be mounted.
    """
    return [_filled(job, disk, stride) for disk in (Limited(job), Mounted(job)) if disk.possible()]


def _filled(job: Job, disk: Limited | Mounted, stride: int) -> Disks:
    request, environ = job.request(), job.environ
    found = Disks(disk.means)
    with kept_engine(request, environ):
        job.forget()
        if why := refusal(request, environ):
            raise RuntimeError(f"an undisturbed run failed: {why}")
        expected = job.outputs()
        for number in range(1, _MOST, stride):
            found.tried += 1
            with disk.of(number) as more:
                why = refusal(request, environ)
                found.refused += bool(why)
                found.untold += bool(why) and "full" not in why
                found.litter += len(job.litter())
                found.partial += sum(not _whole(path, expected) for path in job.folder.glob("*.*"))
                more()
                if again := refusal(request, environ) if why else "":
                    found.failed += 1
                    found.examples.append(f"size {number}: {why}; then {again}")
                elif job.outputs() != expected:
                    found.different += 1
                    found.examples.append(f"size {number}: {why}; then other files")
            if not why:
                break
    return found


class Limited:
    """Files that may not grow beyond a size, `_LIMIT_STEP` bytes more with every number."""

    means = "RLIMIT_FSIZE"

    def __init__(self, job: Job) -> None:
        self._job = job

    def possible(self) -> bool:
        """Return whether there is such a limit here."""
        return sys.platform != "win32"

    @contextmanager
    def of(self, number: int) -> Iterator[Callable[[], None]]:
        """Set the limit of that number; yield what lifts it."""
        self._job.forget()
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (number * _LIMIT_STEP, before[1]))
        try:
            yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


class Mounted:
    """A disk in memory under a job's folders, a page larger with every number."""

    means = "a small tmpfs"

    def __init__(self, job: Job) -> None:
        self._job = job

    def possible(self) -> bool:
        """Return whether one can be mounted here."""
        if sys.platform != "linux" or os.geteuid():
            return False
        place = str(self._job.place)
        command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            return False
        subprocess.run(["umount", place], check=True)
        return True

    @contextmanager
    def of(self, number: int) -> Iterator[Callable[[], None]]:
        """Mount the disk of that number; yield what makes it large."""
        self._job.forget()
        place = str(self._job.place)
        _mount("-t", "tmpfs", "-o", f"size={number * _PAGE}", "tmpfs", place)
        try:
            yield lambda: _mount("-o", "remount,size=64m", place)
        finally:
            subprocess.run(["umount", place], check=True)


def _mount(*options: str) -> None:
    subprocess.run(["mount", *options], check=True)


def _whole(path: Path, expected: dict[str, bytes]) -> bool:
    """Return whether a file is whole: valid JSON, or subtitles that are the beginning of the expected."""
    raw = path.read_bytes()
    if path.suffix == ".json":
        try:
            json.loads(raw)
        except ValueError:
            return False
        return True
    return raw == expected[path.name] or (
        raw.endswith(b"\n") and expected[path.name].startswith(raw.rstrip())
    )
