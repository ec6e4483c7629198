"""What one loaded model takes of its card, from before it is loaded until it is let go."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bili2text.errors import StorageError
from bili2text.gpu.memory_log import MemoryLog
from bili2text.gpu.meter import Measured, Meter
from bili2text.gpu.monitor import MemoryWatch, Summary
from bili2text.gpu.pool import DriverPool
from bili2text.gpu.probe import device_now, free_mib_now

_KEPT = 20  # logs of watched runs: each model that is loaded begins one


@dataclass(frozen=True, slots=True)
class Watching:
    """Whether a card's memory is watched during a run, and below what free memory is warned."""

    enabled: bool = False
    min_free_mib: int = 2048


class Account:
    """Measures a card while a model is on it; close it. Nothing here breaks the run."""

    def __init__(
        self, index: int, uuid: str, watching: Watching, folder: Path, warn: Callable[[str], None]
    ) -> None:
        """Begin, before the model is loaded.

        A watch writes its log into `folder`, named by the time; of the logs there the newest stay.
        """
        self._stack = ExitStack()
        self._meter = self._stack.enter_context(Meter(lambda: free_mib_now(uuid), DriverPool(index)))
        self._watch: MemoryWatch | None = None
        self.log: Path | None = None
        if watching.enabled:
            log = self._logged(folder, warn)
            self._watch = self._stack.enter_context(
                MemoryWatch(lambda: device_now(uuid), warn, min_free_mib=watching.min_free_mib, log=log)
            )

    @property
    def measured(self) -> Measured:
        """What the model took so far."""
        return self._meter.measured

    @property
    def watched(self) -> Summary | None:
        """What the whole card looked like so far, where it is watched."""
        return None if self._watch is None else self._watch.summary

    def close(self) -> None:
        """End; the figures stay."""
        self._stack.close()

    def _logged(self, folder: Path, warn: Callable[[str], None]) -> MemoryLog | None:
        path = folder / f"vram-{datetime.now():%Y%m%d-%H%M%S-%f}.csv"
        try:
            log = MemoryLog(path)
        except StorageError as error:
            warn(f"GPU memory is not logged: {error.message}")
            return None
        self.log = path
        _remove_old(folder)
        return self._stack.enter_context(log)


def _remove_old(folder: Path) -> None:
    """Keep the newest logs alone; their names sort by time. One that cannot be removed is left."""
    with suppress(OSError):
        for log in sorted(folder.glob("vram-*.csv"))[:-_KEPT]:
            with suppress(OSError):
                log.unlink()
