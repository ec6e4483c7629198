"""What this computer has free now: cards, RAM and cores."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from math import ceil

import psutil

from bili2text.gpu.device import Cards
from bili2text.gpu.libraries import card_problem
from bili2text.gpu.probe import probe
from bili2text.plan import cgroup, ledger
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
    return Machine(cards, free_ram_gib(), cores(), card_problem() if cards.devices else "", library, known)


def free_ram_gib() -> float:
    """Return the RAM a new process can have: what the system has left, or less in a container."""
    free = int(psutil.virtual_memory().available)
    bound = cgroup.free_memory()
    return (free if bound is None else min(free, bound)) / _GIB


def cores() -> int:
    """Return the cores this process may use: those it may run on, or fewer where its CPU time is bounded."""
    able = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    bound = cgroup.cpus()
    return able if bound is None else max(1, min(able, ceil(bound)))
