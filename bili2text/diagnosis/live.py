"""A card's memory as it changes: lines for a person, a log, and a picture at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from bili2text.errors import UsageError
from bili2text.files import clean_text, refuse_target
from bili2text.gpu.device import Device
from bili2text.gpu.memory_log import MemoryLog, read_log
from bili2text.gpu.monitor import Sample, Summary, warning, watch
from bili2text.gpu.plot import plot
from bili2text.gpu.probe import device_now

_ANOTHER = "name another file"
Watch = Callable[[Callable[[], Device | None]], Iterator[Sample]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a card is watched, and what is kept of it."""

    seconds: float | None = None  # stop after as many; None: at Ctrl-C
    every: float = 1.0  # seconds between two samples
    min_free_mib: int = 0  # warn under it; 0 never warns
    log: Path | None = None
    png: Path | None = None
    overwrite: bool = False


def follow(
    device: Device,
    wanted: Wanted,
    say: Callable[[str], None],
    warn: Callable[[str], None],
    samples: Watch | None = None,
) -> Summary:
    """Watch a card until the time is over, Ctrl-C is pressed or the card is gone; return what was seen.

    Each sample is said, and logged at once; the picture is drawn at the end. `samples` stands in for
    asking the driver every `wanted.every` seconds. Raises StorageError, DependencyError without matplotlib,
    UsageError when log and picture are one file.
    """
    _refuse_one_file(wanted.log, wanted.png)
    for target in (wanted.log, wanted.png):
        if target is not None:
            refuse_target(target, overwrite=wanted.overwrite, instead=_ANOTHER)
    samples = samples or (lambda look: watch(look, every=wanted.every))
    seen: list[Sample] = []
    summary, low = Summary(), False
    with ExitStack() as stack:
        log = None
        if wanted.log is not None:
            log = stack.enter_context(MemoryLog(wanted.log, overwrite=wanted.overwrite))
        with suppress(KeyboardInterrupt):
            for sample in samples(lambda: device_now(device.uuid)):
                summary = summary.plus(sample)
                say(line(sample, summary.peak_mib))
                low, text = warning(sample, wanted.min_free_mib, low)
                if text:
                    warn(text)
                if log is not None:
                    log.write(sample)
                if wanted.png is not None:
                    seen.append(replace(sample, holders=()))
                if wanted.seconds is not None and sample.at >= wanted.seconds:
                    break
            else:
                warn("the card does not answer any more")
    if wanted.png is not None and seen:
        _draw(seen, wanted.png, device.total_mib, device.name, wanted.min_free_mib)
    return summary


def draw(log: Path, png: Path, wanted: Wanted) -> int:
    """Draw a finished log; return how many samples it has.

    The size of the card is not in a log: the most that was ever used and free together is taken for it.
    Raises UsageError for what is no log, or for one file as both, StorageError or DependencyError when no
    picture can be made.
    """
    _refuse_one_file(log, png)
    refuse_target(png, overwrite=wanted.overwrite, instead=_ANOTHER)
    samples = read_log(log)
    if not samples:
        raise UsageError(
            f"no sample is in this log: {clean_text(str(log))}", hint="let the watch run for a moment"
        )
    total = max(sample.used_mib + sample.free_mib for sample in samples)
    _draw(samples, png, total, log.name, wanted.min_free_mib)
    return len(samples)


def line(sample: Sample, peak_mib: int) -> str:
    """Return a sample as a line: time, used, free, the peak until now, and who holds how much."""
    held = (
        f"{clean_text(one.name) or 'no name'} ({one.pid}) {'?' if one.used_mib is None else one.used_mib}"
        for one in sample.holders
    )
    figures = f"{sample.at:8.1f} s  used {sample.used_mib:6}  free {sample.free_mib:6}  peak {peak_mib:6} MiB"
    return f"{figures}  {', '.join(held)}".rstrip()


def summed(summary: Summary) -> str:
    """Return what was seen in one line."""
    return (
        f"{summary.seconds:.0f} s, {summary.samples} samples: peak {summary.peak_mib} MiB, "
        f"mean {summary.mean_mib} MiB, least free {summary.lowest_free_mib} MiB"
    )


def _refuse_one_file(log: Path | None, png: Path | None) -> None:
    if log is not None and png is not None and log.resolve() == png.resolve():
        raise UsageError("--log and --png name the same file", hint="give each a name of its own")


def _draw(samples: list[Sample] | tuple[Sample, ...], png: Path, total: int, title: str, least: int) -> None:
    plot(samples, png, total_mib=total, title=f"GPU memory, {title}", min_free_mib=least or None)
