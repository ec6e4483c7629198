"""Why a model's process ended. Pure but for `memory`, which reads the system's own counters."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from bili2text.errors import (
    Bili2TextError,
    DependencyError,
    DeviceFailure,
    Interrupted,
    OutOfMemory,
    RuntimeFailure,
)
from bili2text.files import clean_text
from bili2text.gpu import cuda
from bili2text.remote.words import Words

_SCARCE = 0.05  # of the RAM; earlyoom and systemd-oomd begin to end programs at about this
_SAID = 200  # characters of the last line in a message
# What a user, a terminal or a system that shuts down sends: no other plan would help
_ASKED = ("by SIGTERM", "by SIGINT", "by SIGHUP")
_FOR_MEMORY = ("by SIGKILL", "by SIGTERM")  # the kernel's way, and earlyoom's first try
_NO_RAM = "bad_alloc"  # C++'s name for it
_KILLS = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Memory:
    """The RAM at one moment."""

    kills: int  # programs the kernel ended for want of memory, since it started; summed over its counters
    available: float  # 0..1, the share that a program can still have


def memory(root: Path = Path("/")) -> Memory:
    """Return what the system tells now; a counter it does not have counts as 0."""
    found = psutil.virtual_memory()
    kills = 0
    for place in _counters(root):
        with suppress(OSError, ValueError):
            kills += sum(int(count) for count in _KILLS.findall(place.read_text(encoding="ascii")))
    return Memory(kills, found.available / found.total if found.total else 1.0)


def starved(before: Memory, after: Memory) -> bool:
    """Return whether the machine ran out of memory in between, or is about to."""
    return after.kills > before.kills or after.available < _SCARCE


def ended(code: int, said: str, *, words: Words, device: str, starved: bool) -> Bili2TextError:
    """Return our error for a process that ended by itself.

    `code` is subprocess's: the signal, negative, on POSIX; `said` the last line on its standard error, which
    is where C++ names the exception that ended it.
    """
    how = cuda.how(code)
    said = clean_text(said)
    what = f"{words.name} ended {how}"
    less = f"close other programs, or {words.smaller}"
    if starved and how in _FOR_MEMORY:
        return OutOfMemory(f"the machine has no memory left: {what}", hint=less)
    if how in _ASKED:
        return Interrupted(what, hint="run the same command again")
    if said and how not in _FOR_MEMORY:  # those come without a last word
        what += f": {said[:_SAID]}"
        known = words.meaning(said, "the GPU" if device == "cuda" else "memory")
        if isinstance(known, (OutOfMemory, DependencyError)):
            return type(known)(what, hint=known.hint)
        if _NO_RAM in said:
            return OutOfMemory(what, hint=less)
    if device == "cuda":
        return DeviceFailure(what, hint="try --device cpu")
    again = f"the same command goes on where it was; if it happens again, {words.smaller}"
    return RuntimeFailure(what, hint=again)


def _counters(root: Path) -> list[Path]:
    """Return the files that count such ends: the machine's, and those of the control groups we are in.

    Names and formats: proc(5), and the kernel's cgroup-v2.rst (memory.events) and cgroup-v1 memory.rst.
    """
    groups = root / "sys/fs/cgroup"
    places = [root / "proc/vmstat", groups / "memory.events"]
    with suppress(OSError, UnicodeDecodeError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, kinds, path = line.split(":", 2)
            if not kinds:
                places.append(groups / path.lstrip("/") / "memory.events")
            elif "memory" in kinds.split(","):
                places.append(groups / "memory" / path.lstrip("/") / "memory.oom_control")
    return list(dict.fromkeys(places))
