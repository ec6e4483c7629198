"""In which precisions a translator may be run at a place, best first. Pure.

The policies of half precision are those of plan/precision.py, whose ladder is CTranslate2's own; transformers
computes in bfloat16 where the card has it, for float16 overflows in some Qwens and the text is then all "!"
(QwenLM/Qwen3#761, #868).
"""

from __future__ import annotations

from dataclasses import dataclass

from bili2text.gpu.device import Device
from bili2text.plan import precision
from bili2text.translators.values import FLOAT8_FROM, Float8, FoundModel, TranslatorWishes

_BRAIN_FROM = (8, 0)
_TORCH = ("float32", "float16", "bfloat16", "mixed", "float8", "int8", "int4")
_TORCH_ON_CPU = ("float32", "bfloat16", "mixed", "int8", "int4")
_CT2 = ("float32", "float16", "bfloat16", "int8", "int8_float32", "int8_float16", "int8_bfloat16")
_CT2_ON_CPU = ("float32", "int8", "int8_float32")
_PACKED = ("int8", "int4")  # what transformers packs weights into as it loads them
_OURS = ("auto", "default")  # precisions that leave it to us


@dataclass(frozen=True, slots=True)
class Ladder:
    """The precisions to try, best first, and what is to be said of them."""

    precisions: tuple[str, ...]
    why: str = ""  # why there is none, or not the one expected; a clause


def packed(model: FoundModel) -> bool:
    """Return whether a folder's weights can only be computed as they are: AWQ, GPTQ and the like."""
    return model.engine == "transformers" and model.quantization not in ("", "fp8")


def float8_refusal(device: Device | None, float8: Float8) -> str:
    """Return why FP8 weights cannot be computed as such at a place, or ""."""
    if device is None:
        return "a CPU does not compute in FP8"
    if device.capability < FLOAT8_FROM:
        return f"{device.name} has capability {_dotted(device)}, FP8 needs 8.9"
    return "" if float8.ready else f"FP8 cannot be used: {float8.why or 'its kernel is not at hand'}"


def ladder(
    model: FoundModel,
    device: Device | None,
    wishes: TranslatorWishes,
    float8: Float8,
    library: str,
    packing: str = "",
) -> Ladder:
    """Return the precisions in which `model` may run on `device`, or on the CPU with None.

    `library` is CTranslate2's version, `packing` why transformers packs no weights here, or "". What was
    asked for stands alone; where it cannot be had, it gives way to the usual ones, unless nothing may.
    """
    asked = wishes.precision
    usual = _usual(model, device, wishes, float8, library)
    if packing and model.engine == "transformers" and _PACKED[0] in usual.precisions:
        left = tuple(one for one in usual.precisions if one not in _PACKED)
        usual = Ladder(left, "; ".join(filter(None, (usual.why, packing))))
    if asked in _OURS:
        return usual
    if model.engine == "ctranslate2" and asked == "int8":
        asked = _int8(device, library)
    if not (why := refusal(model, device, asked, float8, library, packing)):
        return Ladder((asked,))
    return Ladder(usual.precisions if wishes.auto_optimize else (), why)


def refusal(
    model: FoundModel, device: Device | None, asked: str, float8: Float8, library: str, packing: str = ""
) -> str:
    """Return why a model cannot be run in a precision at a place, or ""."""
    if packed(model):
        return f"{model.name} is packed ({model.quantization}): it is computed as it is"
    if model.engine == "ctranslate2":
        if asked not in (_CT2 if device else _CT2_ON_CPU):
            return f"CTranslate2 does not compute in {asked}{'' if device else ' on a CPU'}"
        return precision.refusal(device, asked, library) if device else ""
    if asked not in (_TORCH if device else _TORCH_ON_CPU):
        return f"transformers does not compute in {asked}{'' if device else ' on a CPU'}"
    if asked == "float8":
        return float8_refusal(device, float8) if model.quantization == "fp8" else "its weights are not FP8"
    if asked in _PACKED:
        return f"its weights are {model.quantization.upper()} already" if model.quantization else packing
    return _torch_refusal(device, asked, library) if device else ""


def _torch_refusal(device: Device, asked: str, library: str) -> str:
    if asked == "mixed":
        return "" if _half(device, library) else f"{device.name} does not compute in half precision"
    return precision.refusal(device, asked, library) if asked in ("float16", "bfloat16") else ""


def _usual(
    model: FoundModel, device: Device | None, wishes: TranslatorWishes, float8: Float8, library: str
) -> Ladder:
    if packed(model):
        if device is None:
            return Ladder((), f"{model.quantization.upper()} weights need a graphics card")
        return Ladder(("auto",))
    if model.engine == "ctranslate2":
        return Ladder(_ct2(model, device, wishes, library))
    found = _torch(model, device, wishes, library)
    if model.quantization != "fp8":
        return Ladder(found)
    if why := float8_refusal(device, float8):
        return Ladder(found, why)
    half = found[0] in ("float16", "bfloat16")
    return Ladder(("float8", *found)) if half else Ladder(found)


def _torch(
    model: FoundModel, device: Device | None, wishes: TranslatorWishes, library: str
) -> tuple[str, ...]:
    wish = wishes.wish
    int8 = ("int8",) if wish.use_int8 and not model.quantization else ()
    if device is None:
        # the same text; half the RAM, and slow where the CPU has no instructions for it
        return (*int8, "float32", *(("bfloat16",) if wish.use_fp16 else ()))
    half = "mixed" if wish.policy == "mixed" else _half(device, library)
    wanted = precision.ladder(device, wish, _known_as(model), library)
    found = [half if one == "float16" else one for one in wanted if not one.startswith("int8")]
    return (*int8, *(found or ["float32"]))


def _ct2(model: FoundModel, device: Device | None, wishes: TranslatorWishes, library: str) -> tuple[str, ...]:
    stored = model.quantization == "int8"
    if device is None:
        if wishes.wish.use_int8 is False:
            return ("float32",)
        if model.ways and wishes.wish.use_int8 is None and not stored:
            return ("float32",)  # of a small model both are kept: the one that was named is meant
        return ("int8_float32",) if stored else ("int8_float32", "float32")
    wanted = precision.ladder(device, wishes.wish, _known_as(model), library)
    if stored and any(one.startswith("int8") for one in wanted):
        wanted = tuple(one for one in wanted if one.startswith("int8"))
    if device.capability >= _BRAIN_FROM:
        wanted = tuple(one.replace("float16", "bfloat16") for one in wanted)
    return wanted


def _int8(device: Device | None, library: str) -> str:
    """Return what CTranslate2 makes of "int8", in bfloat16 beside it where the card has it."""
    if device is None:
        return "int8_float32"
    resolved = precision.resolved("int8", device, library)
    return resolved.replace("float16", "bfloat16") if device.capability >= _BRAIN_FROM else resolved


def _half(device: Device, library: str) -> str:
    """Return a card's half precision, or "" where it has none that is fast and right."""
    if device.capability >= _BRAIN_FROM:
        return "bfloat16"
    return "" if precision.refusal(device, "float16", library) else "float16"


def _known_as(model: FoundModel) -> str:
    """Return the name that the policy "chosen" goes by."""
    return model.card.name if model.card else model.name


def _dotted(device: Device) -> str:
    return ".".join(map(str, device.capability))
