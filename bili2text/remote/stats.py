"""What a model's process took, and how its card is to be watched: values both ends know."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from bili2text.gpu.account import Watching
from bili2text.gpu.meter import Measured
from bili2text.gpu.monitor import Summary

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class AccountWish:
    """Measure what the model takes of a card: the memory pool counts per process, so its process does it."""

    uuid: str  # of the card or slice
    watching: Watching
    folder: Path  # for the log of a watch
    index: int = 0  # CUDA's, in the model's process; 0 where it is given that card alone


@dataclass(frozen=True, slots=True)
class EngineStats:
    """What a model's process took so far."""

    peak_rss_mib: int | None = None  # of RAM, by the whole process; None where the system does not tell
    taken: Measured | None = None  # of the card; None without an AccountWish
    watched: Summary | None = None  # the whole card, where it is watched
    log: Path | None = None  # where the watch writes


def peak_rss_mib() -> int | None:
    """Return the most RAM this process ever held, in MiB; None where the system does not tell."""
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset) // _MIB
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // _MIB
    # not getrusage: Linux hands its figure down from the parent through fork and exec
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(found[0]) // 1024 if found else None
