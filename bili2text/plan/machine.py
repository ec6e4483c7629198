"""What this computer has free now: cards, RAM and cores."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import psutil

from bili2text.gpu.device import Cards
from bili2text.gpu.libraries import load_cublas
from bili2text.gpu.probe import probe
from bili2text.plan import ledger
from bili2text.plan.values import Machine, Wishes

_GIB = 1024**3


def this_machine(wishes: Wishes, environ: Mapping[str, str]) -> Machine:
    """Return what is free here now; no card is asked when the CPU is wanted."""
    library = version("ctranslate2")
    if wishes.device == "cpu":
        return Machine(Cards((), "the CPU was asked for"), free_ram_gib(), cores(), library=library)
    # the probe counts cards in the order of the bus; CUDA must too, or "card 0" is two different cards
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    cards = probe(environ)
    known = ledger.read(ledger.ledger_file(environ))
    return Machine(cards, free_ram_gib(), cores(), load_cublas() if cards.devices else "", library, known)


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
