"""The card a plan is made for: its memory, and what it computes at most. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bili2text.errors import UsageError
from bili2text.gpu.known import simulated

# Dense 16-bit peaks with float32 sums, TFLOPS: NVIDIA's datasheets and architecture whitepapers (Volta,
# Turing, Ampere, Ada, Hopper). Of Ada's "Super", which those leave out, 4 x CUDA cores x the boost clock,
# which gives the figures of the others, too. V100 and T4: float16, for they have no bfloat16
PEAKS = {
    "T4": 65.0, "V100": 125.0, "A100": 312.0, "A100 80 GB": 312.0, "A10": 125.0, "RTX 3090": 71.0,
    "RTX 4070 Ti Super": 88.2, "RTX 4080": 97.5, "RTX 4080 Super": 104.4, "RTX 4090": 165.2,
    "L4": 121.0, "L40S": 362.0, "H100": 989.0, "H200": 989.0,
}  # fmt: skip
USUAL = "RTX 4080 Super"  # where nothing better is known
FREE = 0.97  # of an idle card without a screen, as the rest of the program assumes (gpu/known.py)
# The CUDA context, cuBLAS's workspaces and what the allocator cannot use. Assumed: not measured
OVERHEAD_GIB = 0.75
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:gib|gb|g)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Card:
    """A card as a plan sees it."""

    name: str
    gib: float  # in all
    peak: float  # TFLOPS
    peak_of: str  # whose peak that is, or "as told"

    @property
    def usable_gib(self) -> float:
        """What a training can have of it."""
        return self.gib * FREE


def card_of(text: str, tflops: float | None = None) -> Card:
    """Return the card a text names: "16GB", "RTX 4080 Super", "RTX 4080S, 16 GB"; `tflops` is its peak.

    A card whose peak is not known is taken for one with that of USUAL, and `peak_of` says so.
    Raises UsageError for what is no card.
    """
    sized = _SIZE.fullmatch(text)
    if sized:
        gib, name = float(sized[1]), ""
    else:
        found = simulated(re.sub(r"\b(\d{4})S\b", r"\1 Super", text))
        gib, name = found.total_mib / 1024, found.name
    if gib <= 0:
        raise UsageError(f"no card has no memory: {text!r}", hint='write it like "16GB" or "RTX 4090"')
    if tflops:
        return Card(name, gib, tflops, "as told")
    known = name if name in PEAKS else USUAL
    return Card(name, gib, PEAKS[known], known)
