"""What this computer says of itself that bears on its cards."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

System = Literal["linux", "wsl", "windows"]

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Host:
    """The computer a card sits in."""

    system: System
    total_mib: int  # RAM: the memory of a card that has none of its own
    free_mib: int  # what a new program can have of it now


def look() -> Host:
    """Return the facts of this computer."""
    kernel = ""
    with suppress(OSError):
        kernel = Path("/proc/sys/kernel/osrelease").read_text(encoding="utf-8", errors="replace")
    memory = psutil.virtual_memory()
    return Host(system_of(sys.platform, kernel), int(memory.total) // _MIB, int(memory.available) // _MIB)


def system_of(platform: str, kernel: str) -> System:
    """Return what hands out a card's memory here, from `sys.platform` and the kernel's release.

    Under WSL the kernel calls itself "...-microsoft-standard-WSL2", in its containers too.
    """
    if platform == "win32":
        return "windows"
    return "wsl" if "microsoft" in kernel.lower() else "linux"


def process_name(pid: int) -> str:
    """Return the file name of a program that runs, or "" when the system does not tell."""
    with suppress(psutil.Error, OSError, ValueError, OverflowError):
        return str(psutil.Process(pid).name())
    return ""
