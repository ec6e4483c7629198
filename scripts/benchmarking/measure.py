"""One process, and all below it: its time, its memory, and when it said its first words. Linux and macOS."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarking.values import Taken

_LOOK = 0.05  # seconds between two looks at the memory
_CHILDREN = 5  # looks at the memory for one look for new children
_MIB = 2**20


def measure(
    command: Sequence[str], environ: Mapping[str, str], place: Path, prints: str, limit: float
) -> Taken:
    """Run `command` in `place` and return what it took; it and all it started are killed after `limit`
    seconds (the exit code is then -9). `prints` is what its first line of text matches.

    CPU seconds are the kernel's, of the process and of the children it waited for. Raises OSError where the
    command cannot be started.
    """
    load, busy, began = os.getloadavg()[0], _busy(), time.monotonic()
    process = subprocess.Popen(
        command,
        env=dict(environ),
        cwd=place,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    heard, memory = _Listener(process, prints, began), _Memory(process.pid)
    killer = threading.Timer(limit, _kill, [process.pid])
    killer.start()
    try:
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        killer.cancel()
        _kill(process.pid)  # what it left running
        memory.end()
    heard.join()
    others = max(0.0, (_busy() - busy - used.ru_utime - used.ru_stime) / wall)
    return Taken(
        process.returncode, wall, used.ru_utime, used.ru_stime, memory.peak / _MIB, heard.first, others, load,
        tuple(heard.lines),
    )  # fmt: skip


class _Listener(threading.Thread):
    """Reads what is printed, and notes when the first line came that matches."""

    def __init__(self, process: subprocess.Popen[str], prints: str, began: float) -> None:
        super().__init__(daemon=True)
        self._stream, self._began = process.stdout or (), began
        self._wanted = re.compile(prints) if prints else None
        self.first: float | None = None
        self.lines: list[str] = []
        self.start()

    def run(self) -> None:
        for line in self._stream:
            if self.first is None and self._wanted and self._wanted.search(line):
                self.first = time.monotonic() - self._began
            self.lines.append(line.rstrip("\n"))


class _Memory(threading.Thread):
    """Looks again and again at the memory of a process and all below it."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self._over = pid, threading.Event()
        self.peak = 0
        self.start()

    def run(self) -> None:
        with suppress(psutil.NoSuchProcess):
            top, looks = psutil.Process(self._pid), 0
            while not self._over.wait(_LOOK):
                if looks % _CHILDREN == 0:  # to look for them costs as much as many looks at their memory
                    tree = [top, *top.children(recursive=True)]
                looks += 1
                self.peak = max(self.peak, sum(map(_rss, tree)))

    def end(self) -> None:
        self._over.set()
        self.join()


def _rss(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def _busy() -> float:
    """Return the CPU seconds this machine has worked since it started."""
    now = psutil.cpu_times()
    return float(now.user + now.system + getattr(now, "nice", 0.0))


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
