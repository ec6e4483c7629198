"""What this computer has free now: RAM and cores."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import psutil

_GIB = 1024**3


def free_ram_gib() -> float:
    """Return the RAM a new process can have: what the system has left, or less under a cgroup's limit."""
    free = int(psutil.virtual_memory().available)
    with suppress(OSError, ValueError):
        # "max" is no number: no limit
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii"))
        used = int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii"))
        # files that were read count as used, and are given back the moment somebody needs the room
        stat = Path("/sys/fs/cgroup/memory.stat").read_text(encoding="ascii").split()
        cached = int(stat[stat.index("inactive_file") + 1])
        free = min(free, max(0, limit - used + cached))
    return free / _GIB


def cores() -> int:
    """Return the cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
