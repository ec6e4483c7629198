"""A card's memory over time: samples, what they amount to, warnings, and a watch beside a run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from bili2text.errors import Bili2TextError
from bili2text.files import clean_text
from bili2text.gpu.device import Device, Holder

_MISSES = 3  # looks without an answer, one after the other, until the card counts as gone
_BACK = 1.05  # of the limit: free memory that hovers around it shall not warn again and again
_PATIENCE = 2.0  # seconds for a look under way to end


@dataclass(frozen=True, slots=True)
class Sample:
    """A card's memory at one moment."""

    at: float  # seconds since the watch began
    used_mib: int
    free_mib: int
    holders: tuple[Holder, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """What samples amount to. Samples are added one at a time, so that a watch of days needs no more room."""

    samples: int = 0
    peak_mib: int = 0
    lowest_free_mib: int | None = None  # None: no sample yet
    first_at: float = 0.0
    last_at: float = 0.0
    sum_mib: int = 0

    @property
    def mean_mib(self) -> int:
        """Mean of the memory in use, in MiB, over the samples."""
        return round(self.sum_mib / self.samples) if self.samples else 0

    @property
    def seconds(self) -> float:
        """Time from the first sample to the last."""
        return self.last_at - self.first_at

    def plus(self, sample: Sample) -> Summary:
        """Return the summary with one sample more, the latest."""
        lowest = (
            sample.free_mib if self.lowest_free_mib is None else min(self.lowest_free_mib, sample.free_mib)
        )
        return Summary(
            self.samples + 1,
            max(self.peak_mib, sample.used_mib),
            lowest,
            self.first_at if self.samples else sample.at,
            sample.at,
            self.sum_mib + sample.used_mib,
        )


class Log(Protocol):
    """Where samples are written down; see `memory_log.MemoryLog`."""

    def write(self, sample: Sample) -> None:
        """Write one sample so that it is there at once. Raises StorageError."""


def watch(
    look: Callable[[], Device | None],
    *,
    every: float = 1.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[Sample]:
    """Yield a sample at once and then every `every` seconds; ticks that were missed are left out.

    `look` returns the card as it is now, None when it does not answer; the third None in a row is the end.
    """
    began = clock()
    tick = misses = 0
    while True:
        device = look()
        if device is not None:
            misses = 0
            yield _sample(device, clock() - began)
        else:
            misses += 1
            if misses == _MISSES:
                return
        passed = clock() - began
        tick = max(tick, int(passed / every)) + 1
        sleep(max(0.0, tick * every - passed))


def warning(sample: Sample, min_free_mib: int, low: bool) -> tuple[bool, str]:
    """Return whether memory is low after `sample`, and what to say about it: "" when that is no news.

    `low` is what the call before returned. Memory is low once less than `min_free_mib` is free, and no more
    once 5 % beyond it are.
    """
    if not low and sample.free_mib < min_free_mib:
        text = f"free GPU memory fell to {sample.free_mib} MiB, under {min_free_mib} MiB"
        return True, text + _largest(sample.holders)
    if low and sample.free_mib >= min_free_mib * _BACK:
        return False, f"free GPU memory is back at {sample.free_mib} MiB"
    return low, ""


class MemoryWatch:
    """Watches a card in a thread of its own while a `with` block runs; never disturbs the block."""

    def __init__(
        self,
        look: Callable[[], Device | None],
        warn: Callable[[str], None],
        *,
        min_free_mib: int = 0,
        every: float = 1.0,
        log: Log | None = None,
    ) -> None:
        """`warn` is called from the watch's thread; `min_free_mib` of 0 never warns."""
        self.summary = Summary()
        self.reason = ""  # why the watch ended before the block did
        self._look = look
        self._warn = warn
        self._min_free_mib = min_free_mib
        self._every = every
        self._log = log
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory-watch", daemon=True)

    def __enter__(self) -> MemoryWatch:
        """Begin to watch."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the watch; a driver that hangs is left behind."""
        self._end.set()
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        try:
            self._follow()
        except Exception as error:  # noqa: BLE001 - whatever the driver does, the run goes on
            self.reason = f"GPU memory is no longer watched: {error}"

    def _follow(self) -> None:
        low = False
        for sample in watch(self._look, every=self._every, sleep=self._end.wait):
            self.summary = self.summary.plus(sample)
            low, text = warning(sample, self._min_free_mib, low)
            if text:
                self._warn(text)
            self._write(sample)
            if self._end.is_set():
                return
        self.reason = "GPU memory is no longer watched: the card does not answer"

    def _write(self, sample: Sample) -> None:
        if self._log is None:
            return
        try:
            self._log.write(sample)
        except Bili2TextError as error:
            self._log = None
            self._warn(f"GPU memory is no longer logged: {error.message}")


def _sample(device: Device, at: float) -> Sample:
    used = (
        device.used_mib or device.total_mib - device.free_mib
    )  # 0: only CUDA answered, which knows no `used`
    return Sample(at, used, device.free_mib, device.holders)


def _largest(holders: tuple[Holder, ...]) -> str:
    known = [holder for holder in holders if holder.used_mib is not None]
    if not known:
        return ""
    most = max(known, key=lambda holder: holder.used_mib or 0)
    name = clean_text(most.name) or "a process"
    return f"; {name} (pid {most.pid}) holds {most.used_mib} MiB"
