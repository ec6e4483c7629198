"""The memory of the card that would be used, as the guide reports it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bili2text.gpu.device import Cards


@dataclass(frozen=True, slots=True)
class GpuMemory:
    """The memory of a card, in GiB; all 0 without one."""

    name: str = ""
    total: float = 0.0
    allocated: float = 0.0  # by all programs
    reserved: float = 0.0  # by the driver for itself
    free: float = 0.0

    def __str__(self) -> str:
        """As one line, as it is reported."""
        if not self.name:
            return "no graphics card: 0 GB"
        first = f"{self.name}: {self.total:.2f} GB total, {self.allocated:.2f} GB allocated"
        return f"{first}, {self.reserved:.2f} GB reserved, {self.free:.2f} GB free"


def memory_of(cards: Cards) -> GpuMemory:
    """Return the memory of the card with the most free; of none, zeros."""
    card = max(cards.devices, key=lambda one: (one.free_mib, -one.index), default=None)
    if card is None:
        return GpuMemory()
    figures = (card.total_mib, card.used_mib, card.reserved_mib, card.free_mib)
    total, allocated, reserved, free = (mib / 1024 for mib in figures)
    return GpuMemory(card.name, total, allocated, reserved, free)
