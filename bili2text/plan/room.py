"""How much of a card's memory, or of the RAM, a plan may use. Pure."""

from __future__ import annotations

from bili2text.gpu.device import Device
from bili2text.plan.values import Machine, Room, Wishes

# What the computed need may be wrong by, and what others may take while we run: docs/memory.md
_SHARE = 0.06
_LEAST = 256  # MiB
_SCREEN = 256  # MiB: a desktop opens windows while we run
_RAM_LEAST = 512  # MiB
_RAM_SHARE = 0.10


def on_card(device: Device, wishes: Wishes) -> Room:
    """Return what a plan may use of a card: what is free now, less a margin and what the user reserves.

    The margin grows with the free memory, by more where a screen hangs on the card, and is doubled
    where too large a demand would not be refused but spill into slow memory (WSL, Windows).
    """
    times = 2 if device.spills else 1
    # doubled before it is rounded: a MiB more that is free must not make the margin two larger
    margin = max(times * _LEAST, round(times * _SHARE * device.free_mib))
    named = [f"{margin} margin"]
    if device.display or device.spills:
        margin += times * _SCREEN
        named = [f"{margin} margin with a screen"]
    if device.spills:
        named = [f"{margin} margin, doubled under {device.driver_model.upper()}"]
    left = device.free_mib - margin - wishes.reserve_mib
    if wishes.reserve_mib:
        named.append(f"{wishes.reserve_mib} reserved")
    said = f"{device.free_mib} free - {' - '.join(named)} = {left} MiB"
    if wishes.vram_budget_mib is not None and wishes.vram_budget_mib < left:
        left = wishes.vram_budget_mib
        said += f", of which a budget of {left} may be used"
    return Room(max(0, left), device.free_mib, said)


def in_ram(machine: Machine) -> Room:
    """Return what a plan may use of the free RAM."""
    free = int(machine.ram_gib * 1024)
    margin = max(_RAM_LEAST, round(_RAM_SHARE * free))
    left = free - margin
    return Room(max(0, left), free, f"{free} free RAM - {margin} margin = {left} MiB")
