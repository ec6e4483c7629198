"""Which precisions a card computes fast and right, best first. Pure.

What CTranslate2 accepts by capability: its docs/quantization.md, src/types.cc and src/cuda/utils.cc.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bili2text.gpu.device import Device

Policy = Literal["fp16", "chosen", "dynamic", "mixed"]

ON_CPU = ("float32", "int8", "int8_float32", "int16")
# Turing without tensor cores: float16 is accepted, and the text is all "!" (SYSTRAN/faster-whisper#689)
_NO_HALF = (
    "GTX 16", "MX450", "MX550", "T400", "T500", "T550", "T600", "T1000", "T1200", "T2000", "CMP 30HX",
)  # fmt: skip
_LARGE_CARD_MIB = 20 * 1024  # the guide's "dynamic": float16 on cards under 20 GB


@dataclass(frozen=True, slots=True)
class PrecisionWish:
    """What the settings say of half precision; the names are those of the guide."""

    use_fp16: bool = True
    use_int8: bool | None = None  # None: where float16 does not fit; True: first; False: never
    policy: Policy = "fp16"
    fp16_models: tuple[str, ...] = ()  # for the policy "chosen"


def unusable(device: Device) -> str:
    """Return why CTranslate2 cannot run on a card at all, or "".

    Its wheel has code for 5.3 to 8.6; newer cards translate the 8.6 code, which from 9.0 on takes a driver
    that knows CUDA 12.8 (OpenNMT/CTranslate2#1978).
    """
    if device.capability == (0, 0):
        return "the driver does not tell its compute capability"
    if device.capability < (5, 3):
        return f"capability {_dotted(device)} is too old: CTranslate2 needs 5.3 or newer"
    major = device.driver.partition(".")[0]
    if device.capability >= (9, 0) and major.isdigit() and int(major) < 570:
        return f"a card of capability {_dotted(device)} needs driver 570 or newer, this is {device.driver}"
    return ""


def refusal(device: Device, compute_type: str, library: str) -> str:
    """Return why a card must not be given a precision, or "". `library` is CTranslate2's version."""
    half = not (device.capability < (7, 0) or without_half(device))
    if compute_type == "float32":
        return ""
    if compute_type == "int16":
        return "int16 is for CPUs"
    if "bfloat16" in compute_type and device.capability < (8, 0):
        return f"capability {_dotted(device)} has no bfloat16"
    if "float16" in compute_type and not half:
        if without_half(device):
            return f"{device.name} has no tensor cores: float16 gives no text there"
        return f"capability {_dotted(device)} has no fast float16"
    if compute_type.startswith("int8"):
        return _int8_refusal(device, library)
    return ""


def _int8_refusal(device: Device, library: str) -> str:
    if device.capability < (6, 1) or device.capability == (6, 2):
        return f"capability {_dotted(device)} has no int8"
    # refused or crashing until the matrices were padded (OpenNMT/CTranslate2#1865, #1937, #1982)
    if device.capability >= (10, 0) and version(library) < (4, 7):
        return f"int8 on a card of capability {_dotted(device)} needs CTranslate2 4.7"
    return ""


def ladder(device: Device, wish: PrecisionWish, model: str, library: str) -> tuple[str, ...]:
    """Return the precisions to try for a model on a card, best first; () where none is allowed.

    float32 is not better than float16 in what it writes, and takes twice the room: it is tried where
    float16 is not, or the policy asks for it.
    """
    half = not refusal(device, "float16", library)
    if half and wish.use_fp16 and not _full(device, wish, model):
        wanted = ["float16", "int8_float16"]
    elif half and wish.use_fp16 and wish.policy == "dynamic":
        wanted = ["float32", "float16", "int8_float16"]
    elif half:
        wanted = ["float32", "int8_float32"]
    else:
        # these cards are several times faster in int8 than in float32
        wanted = ["int8_float32", "float32"]
    if wish.use_int8 is False:
        wanted = [one for one in wanted if not one.startswith("int8")]
    elif wish.use_int8:
        wanted.sort(key=lambda one: not one.startswith("int8"))
    return tuple(one for one in wanted if not refusal(device, one, library))


def without_half(device: Device) -> bool:
    """Return whether a card says it knows float16 and computes nonsense in it."""
    return device.capability == (7, 5) and any(part in device.name.upper() for part in _NO_HALF)


def resolved(compute_type: str, device: Device, library: str) -> str:
    """Return what CTranslate2 makes of "int8" on a card."""
    if compute_type != "int8":
        return compute_type
    return "int8_float32" if refusal(device, "float16", library) else "int8_float16"


def version(text: str) -> tuple[int, ...]:
    """Return "4.8.5" as (4, 8, 5); what is no number ends it."""
    found = []
    for part in text.split("."):
        if not part.isdigit():
            break
        found.append(int(part))
    return tuple(found)


def _full(device: Device, wish: PrecisionWish, model: str) -> bool:
    """Return whether the policy wants float32 for this model on a card that knows float16."""
    if wish.policy == "chosen":
        return model not in wish.fp16_models
    return wish.policy == "dynamic" and device.total_mib >= _LARGE_CARD_MIB


def _dotted(device: Device) -> str:
    return ".".join(map(str, device.capability))
