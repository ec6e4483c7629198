"""Progress on standard error: a live bar for a person, JSON lines for a program, remarks alone for a log."""

from __future__ import annotations

import json
import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from bili2text.files import clean_lines, clean_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from bili2text.progress import Progress, Stage

MODES = ("auto", "bar", "plain", "json", "none")
_EVERY = 0.5  # seconds between two JSON lines of one stage


def console(mode: str, *, quiet: bool = False) -> Progress:
    """Return the Progress for a mode; "auto" is a bar on a terminal and remarks alone elsewhere."""
    stream = sys.stderr
    if quiet or mode == "none":
        return _Lines(stream, remarks=False)
    if mode == "json":
        return _Json(stream)
    if mode == "bar" or (mode == "auto" and stream.isatty()):
        return _Bar(stream)
    return _Lines(stream, remarks=True)


def clock(seconds: float) -> str:
    """Return a length of time as a person reads it: 0:07, 12:30, 1:02:03."""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


class _Work:
    """A stage under way: what is done of how much, since when."""

    def __init__(self, name: str, total: float | None, unit: str) -> None:
        self.name = name
        self.total = total
        self.unit = unit
        self.done = 0.0
        self.began = time.monotonic()
        self.failed = False

    def advance(self, amount: float) -> None:
        self.done += amount
        self.changed()

    def grow(self, total: float) -> None:
        self.total = total
        self.changed()

    def changed(self) -> None:
        """Show it, where there is something to show."""

    def finished(self) -> None:
        """Take it off the screen."""

    def __enter__(self) -> _Work:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.failed = kind is not None
        self.finished()


class _Lines:
    """Remarks and warnings as lines; no bar."""

    def __init__(self, stream: TextIO, *, remarks: bool) -> None:
        self._stream = stream
        self._remarks = remarks

    def stage(self, name: str, total: float | None, unit: str) -> Stage:
        return _Work(name, total, unit)

    def note(self, text: str) -> None:
        if self._remarks:
            _line(self._stream, clean_text(text))

    def warn(self, text: str) -> None:
        _line(self._stream, f"warning: {clean_text(text)}")

    def show(self, text: str) -> None:
        _line(self._stream, "\n".join(clean_lines(text)))


class _Json:
    """One JSON object a line: {"event": "progress" | "done" | "failed" | "note" | "warning", ...}."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def stage(self, name: str, total: float | None, unit: str) -> Stage:
        return _JsonWork(self, name, total, unit)

    def note(self, text: str) -> None:
        self.line({"event": "note", "text": clean_text(text)})

    def warn(self, text: str) -> None:
        self.line({"event": "warning", "text": clean_text(text)})

    def show(self, text: str) -> None:
        self.line({"event": "shown", "lines": clean_lines(text)})

    def line(self, event: dict[str, Any]) -> None:
        _line(self._stream, json.dumps(event, ensure_ascii=False))


class _JsonWork(_Work):
    def __init__(self, out: _Json, name: str, total: float | None, unit: str) -> None:
        super().__init__(name, total, unit)
        self._out = out
        self._shown = 0.0

    def changed(self) -> None:
        now = time.monotonic()
        if now - self._shown >= _EVERY:
            self._shown = now
            self._out.line({"event": "progress", **self._state(now)})

    def finished(self) -> None:
        event = "failed" if self.failed else "done"
        self._out.line({"event": event, **self._state(time.monotonic())})

    def _state(self, now: float) -> dict[str, Any]:
        elapsed = max(now - self.began, 1e-6)
        rate = self.done / elapsed
        left = (self.total - self.done) / rate if self.total and rate else None
        return {
            "stage": self.name,
            "done": round(self.done, 2),
            "total": self.total,
            "unit": self.unit,
            "speed": round(rate, 2),
            "elapsed": round(elapsed, 1),
            "left": None if left is None else round(max(0.0, left), 1),
        }


class _Bar:
    """A live line with done, speed and time left; remarks scroll above it."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self._console = Console(file=stream, highlight=False)
        self._bars: RichProgress | None = None  # of the stages under way: a terminal has one live display
        self._stages = 0
        self._lock = threading.Lock()  # a download may go on in a thread of its own

    def stage(self, name: str, total: float | None, unit: str) -> Stage:
        with self._lock:
            if self._bars is None:
                self._bars = self._made()
                self._bars.start()
            self._stages += 1
            return _BarWork(self._bars, self._ended, name, total, unit)

    def _ended(self) -> None:
        with self._lock:
            self._stages -= 1
            if self._stages == 0 and self._bars is not None:
                self._bars.stop()
                self._bars = None

    def note(self, text: str) -> None:
        self._console.print(clean_text(text), markup=False)

    def warn(self, text: str) -> None:
        self._console.print(f"warning: {clean_text(text)}", markup=False, style="yellow")

    def show(self, text: str) -> None:
        self._console.print("\n".join(clean_lines(text)), markup=False, soft_wrap=True)

    def _made(self) -> RichProgress:
        from rich.progress import BarColumn, Progress, TextColumn

        return Progress(
            TextColumn("{task.description:<10}", markup=False),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[done]}", markup=False),
            TextColumn("{task.fields[speed]}", markup=False),
            TextColumn("{task.fields[left]}", markup=False),
            console=self._console,
            transient=True,
        )


class _BarWork(_Work):
    def __init__(
        self, bar: RichProgress, ended: Callable[[], None], name: str, total: float | None, unit: str
    ) -> None:
        super().__init__(name, total, unit)
        self._bar = bar
        self._ended = ended
        self._task: TaskID = bar.add_task(name, total=total, done="", speed="", left="")

    def changed(self) -> None:
        elapsed = max(time.monotonic() - self.began, 1e-6)
        rate = self.done / elapsed
        left = (self.total - self.done) / rate if self.total and rate else None
        self._bar.update(
            self._task,
            completed=self.done,
            total=self.total,
            done=_amount(self.done, self.total, self.unit),
            speed=_speed(rate, self.unit),
            left="" if left is None else f"{clock(max(0.0, left))} left",
        )

    def finished(self) -> None:
        self._bar.remove_task(self._task)
        self._ended()


def _line(stream: TextIO, text: str) -> None:
    # in one write: another thread may have something to say at this moment
    stream.write(f"{text}\n")
    stream.flush()


def _amount(done: float, total: float | None, unit: str) -> str:
    if unit == "s":
        return f"{clock(done)} / {clock(total)}" if total else clock(done)
    if unit == "B":
        return f"{done / 1e6:.1f} / {total / 1e6:.1f} MB" if total else f"{done / 1e6:.1f} MB"
    return f"{done:.0f} / {total:.0f} {unit}" if total else f"{done:.0f} {unit}"


def _speed(rate: float, unit: str) -> str:
    """Return how fast it goes: seconds of audio in one second, or what the unit says."""
    if unit == "s":
        return f"{rate:.1f}x"
    return f"{rate / 1e6:.1f} MB/s" if unit == "B" else f"{rate:.1f}/s"
