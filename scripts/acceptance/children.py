"""Runs a part of the acceptance in a process of its own: its memory goes with it, its crash is an answer."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

import psutil

from acceptance.values import Deadline, Json
from bili2text.gpu.cuda import ended

_LINE = 300  # characters kept of what a child complained


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended, and what it said until then."""

    said: Json  # its answers, the later over the earlier
    how: str  # "done", "time", or what the system says
    complaint: str = ""  # the end of its standard error

    @property
    def cut(self) -> bool:
        """Whether it was ended for want of time; what it said until then is true."""
        return self.how == "time"

    @property
    def wrong(self) -> str:
        """What went wrong, or ""."""
        if "error" in self.said:
            return f"{self.said['error']}: {self.said['message']}"
        if self.how in ("done", "time"):
            return ""
        return f"{self.how}: {self.complaint}" if self.complaint else self.how


def ask(
    module: str,
    argument: str,
    environ: Mapping[str, str],
    seconds: float,
    answer: Callable[[Json], str | None] = lambda _: None,
) -> Ended:
    """Run `python -m module argument`, for `seconds` at most, and return what it said.

    A child says lines of JSON. `answer` is called with each, and what it returns is written to the child.
    """
    with tempfile.TemporaryFile() as complaints:
        child = _started(module, argument, environ, complaints)
        try:
            said, how = _follow(child, Deadline(seconds), answer)
        finally:
            _end(child)
        return Ended(said, how, _last(complaints))


class Kept:
    """A child that does the same again each time it is asked. Close it.

    It begins with the first question, and anew with the first after a rest; it says a line of JSON with
    `turn` in it when it has done what was asked.
    """

    def __init__(self, module: str, argument: str, environ: Mapping[str, str]) -> None:
        self._what = (module, argument, environ)
        self._child: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._complaints: IO[bytes] | None = None
        self._said: Json = {}

    def ask(self, seconds: float) -> Ended:
        """Return its answers so far, `turn` the latest; it is ended when that takes longer or goes wrong."""
        deadline = Deadline(seconds)
        child = self._child or self._begin()
        self._said.pop("turn", None)
        _write(child, "go on")
        while "turn" not in self._said:
            try:
                line = self._lines.get(timeout=deadline.left)
            except queue.Empty:
                return self._over("time")
            if line is None:
                code = child.wait()
                return self._over("it ended without an answer" if code == 0 else ended(code))
            with suppress(ValueError, TypeError):  # a line of some library
                self._said |= json.loads(line)
        return Ended({**self._said}, "done")

    def close(self) -> None:
        """End it, and what it said is forgotten. Asked again, it begins anew."""
        if self._child is not None:
            _end(self._child)
        if self._complaints is not None:
            self._complaints.close()
        self._child, self._complaints, self._said = None, None, {}

    def _begin(self) -> subprocess.Popen[str]:
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        self._child = _started(*self._what, self._complaints)
        self._lines = queue.Queue()
        threading.Thread(target=_read, args=(self._child.stdout, self._lines), daemon=True).start()
        return self._child

    def _over(self, how: str) -> Ended:
        if self._child is not None:
            _end(self._child)  # first: what it complains of is whole then
        found = Ended({**self._said}, how, _last(self._complaints) if self._complaints else "")
        self.close()
        return found


def command(words: Sequence[str], environ: Mapping[str, str], seconds: float) -> tuple[str, str]:
    """Return what a program of ours wrote, and what went wrong, or "". Late, it ends with all it started."""
    with tempfile.TemporaryFile() as complaints:
        child = subprocess.Popen(
            [sys.executable, *words], stdout=subprocess.PIPE, stderr=complaints, env={**environ},
            text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
        try:
            said, _ = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            for one in psutil.Process(child.pid).children(recursive=True):
                with suppress(psutil.Error):
                    one.kill()
            return "", "ended for want of time"
        finally:
            _end(child)
        wrong = "" if child.returncode == 0 else _last(complaints) or ended(child.returncode)
        return said, wrong


def say(values: Json) -> None:
    """In a child: give an answer."""
    # one write: a child's threads must not mix their lines
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def _started(
    module: str, argument: str, environ: Mapping[str, str], complaints: IO[bytes]
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", module, argument],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=complaints,
        env={**environ},
        text=True,
        encoding="utf-8",
        errors="replace",
    )


def _follow(
    child: subprocess.Popen[str], deadline: Deadline, answer: Callable[[Json], str | None]
) -> tuple[Json, str]:
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read, args=(child.stdout, lines), daemon=True).start()
    said: Json = {}
    while True:
        try:
            line = lines.get(timeout=deadline.left)
        except queue.Empty:
            return said, "time"
        if line is None:
            break
        try:
            values = json.loads(line)
            said |= values
        except (ValueError, TypeError):  # a line of some library
            continue
        if (reply := answer(values)) is not None:
            _write(child, reply)
    try:
        code = child.wait(max(1.0, deadline.left))
        return said, "done" if code == 0 else ended(code)
    except subprocess.TimeoutExpired:
        return said, "time"


def _read(stream: IO[str] | None, lines: queue.Queue[str | None]) -> None:
    with suppress(ValueError):  # the pipe was closed under us
        for line in stream or ():
            lines.put(line)
    lines.put(None)


def _write(child: subprocess.Popen[str], line: str) -> None:
    with suppress(OSError):  # it ended meanwhile, which the next read tells
        print(line, file=child.stdin, flush=True)


def _end(child: subprocess.Popen[str]) -> None:
    if child.poll() is None:
        child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        with suppress(OSError):
            if pipe is not None:
                pipe.close()


def _last(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    lines = complaints.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1][-_LINE:] if lines else ""
