"""What a folder for transformers holds, and which precision it is computed in. Pure but for `read`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bili2text.errors import ModelError, PrecisionFailure
from bili2text.models.json_object import read_json
from bili2text.translators.values import Float8

_FLOATS = ("float32", "bfloat16", "float16", "mixed")
_AGAIN = "download the model again"


@dataclass(frozen=True, slots=True)
class Held:
    """How a folder's weights are stored."""

    dtype: str = "bfloat16"  # of what is not quantised
    method: str = ""  # transformers' quant_method: "fp8", "awq", "gptq"...; "" for none
    bits: int = 0  # of quantised weights; 0: not said
    block: tuple[int, int] | None = None  # of FP8 weights with a scale each
    kept: tuple[str, ...] = ()  # modules that were not quantised


@dataclass(frozen=True, slots=True)
class Able:
    """What the device can do."""

    device: str  # "cpu" or "cuda"
    bfloat16: bool  # computes it natively
    float8: Float8


def read(folder: Path) -> Held:
    """Return how the weights in `folder` are stored. Raises ModelError where they are not for us.

    Pickled weights execute what they like when loaded, and an adapter makes transformers load another
    folder: neither is taken.
    """
    name = folder.name
    config = read_json(folder / "config.json")
    if (folder / "adapter_config.json").exists():
        raise ModelError(f"{name} is an adapter, not a model", hint="merge it into its model first")
    if not any(folder.glob("*.safetensors")):
        pickled = any(folder.glob("*.bin")) or any(folder.glob("*.pt"))
        why = "only pickled weights, which are never loaded" if pickled else "no weights"
        raise ModelError(f"{name} holds {why}", hint="download its *.safetensors files")
    return _held(config)


def _held(config: dict[str, Any]) -> Held:
    said = config.get("dtype") or config.get("torch_dtype")
    dtype = said if said in ("float32", "float16", "bfloat16") else "bfloat16"
    stored = config.get("quantization_config")
    if not isinstance(stored, dict):
        return Held(dtype)
    block = stored.get("weight_block_size")
    kept = stored.get("modules_to_not_convert") or stored.get("ignored_layers")
    bits = stored.get("bits")
    return Held(
        dtype,
        str(stored.get("quant_method") or "unknown"),
        bits if isinstance(bits, int) else 0,
        (int(block[0]), int(block[1])) if isinstance(block, list) and len(block) == 2 else None,
        tuple(map(str, kept)) if isinstance(kept, list) else (),
    )


def resolved(wish: str, held: Held, able: Able) -> str:
    """Return the precision to compute in. Raises PrecisionFailure where folder or device rule the wish out.

    "auto" is as the folder holds it: FP8 where that is at hand, float32 as float32, and half precision in
    the kind that the device knows. CPUs without bfloat16 are faster in float32 than in either half.
    """
    if held.method and held.method != "fp8":
        return _quantised(wish, held)
    if wish == "float8" or (wish == "auto" and held.method == "fp8" and able.float8.ready):
        why = "" if held.method == "fp8" else "the folder holds no FP8 weights"
        why = why or ("" if able.device == "cuda" else "CPUs do not compute FP8")
        why = why or ("" if able.float8.ready else able.float8.why)
        if why and wish == "float8":
            raise PrecisionFailure(f"FP8 cannot be computed: {why}", hint="use --precision auto")
        if not why:
            return "float8"
    if wish == "auto":
        return _full_or_half(held, able)
    if wish in _FLOATS or wish in ("int8", "int4"):
        return wish
    raise PrecisionFailure(f"transformers does not compute in {wish}", hint="use --precision auto")


def half(able: Able) -> str:
    """Return the half precision that the device computes fastest; bfloat16 has no overflow."""
    return "bfloat16" if able.bfloat16 or able.device == "cpu" else "float16"


def _full_or_half(held: Held, able: Able) -> str:
    if held.dtype == "float32" and not held.method:
        return "float32"
    if able.device == "cpu":
        return "bfloat16" if able.bfloat16 else "float32"
    return "float16" if held.dtype == "float16" else half(able)


def _quantised(wish: str, held: Held) -> str:
    """Return the name of what is computed as it is stored: int4 for AWQ, as a rule."""
    stored = f"int{held.bits or 4}"
    if wish in ("auto", stored):
        return stored
    raise PrecisionFailure(
        f"the folder holds {held.method} weights, which are not computed in {wish}",
        hint="use --precision auto",
    )
