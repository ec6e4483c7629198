"""What the kernel's control groups leave a process of the computer: containers and services are bounded so.

Both versions are read (kernel documentation: admin-guide/cgroup-v2.rst, admin-guide/cgroup-v1/memory.rst,
scheduler/sched-bwc.rst). A limit holds for all groups below the one it is set on, so the group of this
process and each above it count. In a container its group is often mounted as the root, whatever its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_MOUNT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


def cpus(mount: Path = _MOUNT, own: Path = _OWN) -> float | None:
    """Return how many CPUs' time this process may use; None where nothing bounds it."""
    found = [quota for folder in _groups("", mount, own) if (quota := _quota(folder / "cpu.max"))]
    for folder in _groups("cpu", mount, own):
        quota, period = (_number(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
        if quota is not None and period and quota > 0:  # -1 is no limit
            found.append(quota / period)
    return min(found, default=None)


def free_memory(mount: Path = _MOUNT, own: Path = _OWN) -> int | None:
    """Return the bytes this process may still take; None where nothing bounds it.

    Files that were read count as used, and are given back the moment somebody needs the room.
    """
    found = [
        _left(folder, "memory.max", "memory.current", "inactive_file") for folder in _groups("", mount, own)
    ]
    found += [
        _left(folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        for folder in _groups("memory", mount, own)
    ]
    return min((left for left in found if left is not None), default=None)


def _groups(controller: str, mount: Path, own: Path) -> Iterator[Path]:
    """Yield the folders of this process's group and of those above it; "" is version 2, with its one tree."""
    with suppress(OSError, ValueError):
        for line in own.read_text(encoding="utf-8").splitlines():
            _, names, path = line.split(":", 2)
            if controller not in names.split(","):
                continue
            # a path with ".." is above what is mounted here
            parts = [part for part in path.split("/") if part and part != ".."]
            for root in (mount / names, mount / controller):
                for depth in range(len(parts), -1, -1):
                    yield root.joinpath(*parts[:depth])


def _quota(file: Path) -> float | None:
    """Return the CPUs of a line "quota period"; None for "max", which is no limit."""
    with suppress(OSError, ValueError):
        quota, period = map(int, file.read_text(encoding="ascii").split())
        return quota / period if period else None
    return None


def _left(folder: Path, limit: str, used: str, cached: str) -> int | None:
    most, taken = _number(folder / limit), _number(folder / used)
    if most is None or taken is None:
        return None
    given_back = 0
    with suppress(OSError, ValueError, IndexError):
        stat = (folder / "memory.stat").read_text(encoding="ascii").split()
        given_back = int(stat[stat.index(cached) + 1])
    return max(0, most - taken + given_back)


def _number(file: Path) -> int | None:
    """Return the number in a file; None for "max", which is no limit, and where there is no file."""
    with suppress(OSError, ValueError):
        return int(file.read_text(encoding="ascii"))
    return None
