"""The table of what is chosen on twenty cards, which scripts/make_docs.py writes into docs/plan.md.

Every plan is what `choose` gives now, by arithmetic: no card was asked, and nothing in it is measured.
"""

from __future__ import annotations

from dataclasses import replace

from bili2text.errors import Bili2TextError
from bili2text.gpu.device import Cards, Device
from bili2text.gpu.known import simulated
from bili2text.models.catalog import CARDS
from bili2text.plan.choose import choose
from bili2text.plan.values import Machine, Plan, Stock, Wishes

NAMES = (
    "MX450", "GTX 1050", "GTX 1060 3 GB", "GTX 1650", "RTX 3050 Laptop", "GTX 1060", "GTX 1660 Ti",
    "RTX 2060", "RTX 4050 Laptop", "GTX 1080", "RTX 4060", "RTX 3080", "GTX 1080 Ti", "RTX 3060", "P100",
    "T4", "RTX 4080", "RTX 4090", "RTX 5090", "H100",
)  # fmt: skip
SITUATIONS = ("idle", "desktop in use", "half busy")
_DESKTOP_MIB = 819  # 0.8 GiB, what a desktop with a browser is taken to use
_LIBRARY = "4.8.5"  # of CTranslate2: the oldest that is installed with us


def card(name: str, situation: str) -> Device:
    """Return a known card, idle (3 % taken), with a desktop on it, or with half of its memory taken."""
    device = simulated(name)
    if situation == "desktop in use":
        return replace(device, display=True, free_mib=device.total_mib - _DESKTOP_MIB, used_mib=_DESKTOP_MIB)
    if situation == "half busy":
        half = device.total_mib // 2
        return replace(device, free_mib=half, used_mib=half)
    return device


# Chinese may have to be given marks, as by default
USUAL = Wishes(cpu_fallback=False, marks=True)


def plan(name: str, situation: str, wishes: Wishes = USUAL) -> Plan:
    """Return the plan for a card alone in a computer, all models on its disk. Raises what `choose` does."""
    machine = Machine(Cards((card(name, situation),)), ram_gib=16.0, cores=8, library=_LIBRARY)
    return choose(wishes, machine, Stock(CARDS))


def golden_table() -> str:
    """Return the table as Markdown, a line for each card, a column for each situation."""
    lines = [f"| card | GB | {' | '.join(SITUATIONS)} |", "|---" * (len(SITUATIONS) + 2) + "|"]
    for name in NAMES:
        cells = [_cell(name, situation) for situation in SITUATIONS]
        lines.append(f"| {name} | {simulated(name).total_mib / 1024:.0f} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(name: str, situation: str) -> str:
    try:
        found = plan(name, situation)
    except Bili2TextError as error:
        return error.message
    at_once = "" if found.encoder_batch is None else f" ({found.encoder_batch})"
    searched = f"{found.batch_size}{at_once}/{found.beam_size}/{found.best_of}"
    return f"{found.model} {found.compute_type}, {searched}, {found.need_mib}"
