"""The guide's table of memory, and what fits by it. Pure.

The rows of tiny ... large are the guide's, in GB of VRAM. Turbo and distil are not in it: theirs are computed
from their shapes at batch 8 and rounded up, not measured. So is what a CPU needs: int8 weights, the file
being read, and the activations of a batch in float32.
"""

from __future__ import annotations

from dataclasses import dataclass

from bili2text.gpu.device import Device


@dataclass(frozen=True, slots=True)
class Need:
    """Memory a model wants, in GB."""

    fp32: float
    fp16: float
    cpu: float  # int8, batch 4, of free RAM


NEEDS = {
    "tiny": Need(1.5, 1.0, 1.0),
    "base": Need(1.5, 1.0, 1.2),
    "small": Need(2.5, 1.5, 2.0),
    "medium": Need(5.0, 3.0, 4.5),
    "large": Need(10.0, 6.0, 8.0),
    "turbo": Need(5.5, 3.0, 5.0),
    "distil-large": Need(5.5, 3.0, 5.0),
}

# Turing without tensor cores: float16 is accepted, and the text is all "!" (SYSTRAN/faster-whisper#689)
_NO_HALF = ("GTX 16", "MX450", "MX550", "T400", "T500", "T600", "T1000", "T1200", "T2000")


def need(name: str) -> Need:
    """Return the row for a model's name; an unknown model is taken for a large one."""
    for row in ("tiny", "base", "small", "medium", "turbo", "distil-large", "large"):
        if row in name:
            return NEEDS[row]
    return NEEDS["large"]


def precision(device: Device) -> str:
    """Return the compute type a card runs fast and right (CTranslate2 docs/quantization.md)."""
    if device.capability == (6, 1) or any(part in device.name for part in _NO_HALF):
        return "int8_float32"
    if device.capability < (7, 0):
        return "float32"
    return "float16"


def fits_gpu(name: str, compute_type: str, free_gib: float) -> bool:
    """Return whether the guide's table allows the model; int8 is counted as float16, on the safe side."""
    row = need(name)
    return free_gib >= (row.fp32 if "32" in compute_type else row.fp16)


def fits_cpu(name: str, free_gib: float) -> bool:
    """Return whether the model runs in this much free RAM."""
    return free_gib >= need(name).cpu
