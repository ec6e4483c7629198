"""How transformers is asked for weights in a precision."""

from __future__ import annotations

import importlib.util
from typing import Any

from bili2text.errors import DependencyError, PrecisionFailure
from bili2text.translators.hf_folder import Able, Held, half
from bili2text.translators.hf_torch import Dtype, Model, Torch, Transformers

# what computes weights that are stored so (transformers, quantizers/)
_NEEDS = {"awq": "gptqmodel", "gptq": "gptqmodel", "compressed-tensors": "compressed-tensors"}
Quantisation = Any  # one of transformers' configurations
_AUTO = "use --precision auto"


def weights(
    torch: Torch, transformers: Transformers, held: Held, precision: str, able: Able
) -> dict[str, Any]:
    """Return the arguments of `from_pretrained` that say in what to compute.

    Raises DependencyError for a library that the precision needs, PrecisionFailure where it cannot be had.
    """
    found: dict[str, Any] = {"dtype": getattr(torch, _dtype(held, precision, able))}
    config = _quantisation(torch, transformers, held, precision, able)
    if (
        config is not None
    ):  # None would not leave it to the folder: its weights were read without their scales
        found["quantization_config"] = config
    return found


def settle(model: Model, dtype: Dtype) -> None:
    """Make all weights of a model that was FP8 of one type: what was not FP8 is left in the folder's.

    Weights alone: the frequencies of the positions, which are no weights, must stay float32.
    """
    for weight in model.parameters():
        weight.data = weight.data.to(dtype)


def full_output_layer(torch: Torch, model: Model) -> None:
    """Compute the output layer in float32; where it shares the embedding's weights, it gets its own."""
    head = model.get_output_embeddings()
    for name in ("weight", "bias"):
        held = getattr(head, name, None)
        if held is not None:
            setattr(head, name, torch.nn.Parameter(held.detach().float(), requires_grad=False))
    head.register_forward_pre_hook(lambda _, inputs: (inputs[0].float(), *inputs[1:]))


def _dtype(held: Held, precision: str, able: Able) -> str:
    if held.method in ("awq", "gptq"):
        return "float16"  # their kernels are for it (transformers, quantizers/quantizer_awq.py)
    return half(able) if precision in ("mixed", "float8", "int8", "int4") else precision


def _quantisation(
    torch: Torch, transformers: Transformers, held: Held, precision: str, able: Able
) -> Quantisation | None:
    if held.method == "fp8":
        return _from_float8(transformers, held, precision)
    if held.method:
        _refuse_missing(_NEEDS.get(held.method, ""), f"{held.method} weights")
        return None
    if precision not in ("int8", "int4"):
        return None
    _refuse_missing("bitsandbytes", f"{precision} with transformers")
    if precision == "int8":
        return transformers.BitsAndBytesConfig(load_in_8bit=True)
    return transformers.BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=getattr(torch, half(able))
    )


def _from_float8(transformers: Transformers, held: Held, precision: str) -> Quantisation | None:
    """Return how to take FP8 weights; what was kept out is said again, for it would be forgotten.

    A configuration that is given replaces the folder's `modules_to_not_convert` (FineGrainedFP8Config's
    get_loading_attributes).
    """
    if precision == "float8":
        return None
    if precision in ("int8", "int4"):
        raise PrecisionFailure(f"FP8 weights are not computed in {precision}", hint=_AUTO)
    return transformers.FineGrainedFP8Config(
        dequantize=True, weight_block_size=held.block, modules_to_not_convert=list(held.kept) or None
    )


def _refuse_missing(package: str, what: str) -> None:
    if package and importlib.util.find_spec(package.replace("-", "_")) is None:
        raise DependencyError(
            f"{what} need {package}", hint=f"pip install {package}, or use another model or precision"
        )
