"""Loads a model for transformers: offline, safetensors alone, no code of the folder's, all on one device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bili2text.errors import DependencyError, DeviceFailure, ModelError
from bili2text.translators.engine import Load
from bili2text.translators.float8 import float8
from bili2text.translators.hf_errors import loading
from bili2text.translators.hf_folder import Able, read, resolved
from bili2text.translators.hf_torch import Device, Model, Torch, Transformers, libraries
from bili2text.translators.hf_weights import full_output_layer, settle, weights
from bili2text.translators.values import FLOAT8_FROM, Float8

# CPU instructions that multiply bfloat16 (torch.cpu.get_capabilities): x86, then ARM
_CPU_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory."""

    model: Model
    precision: str
    device: Device


def loaded(load: Load, environ: Mapping[str, str]) -> Loaded:
    """Return the model of `load`, with all of it on the one device.

    Raises ModelError for a folder that is not whole or not for us, PrecisionFailure where the precision
    cannot be had, DependencyError, OutOfMemory or DeviceFailure.
    """
    held = read(load.folder)
    torch, transformers = libraries()
    _refuse_device(torch, load)
    if load.threads:
        torch.set_num_threads(load.threads)
    on_card = load.device == "cuda"
    with loading(load.folder.name, "the GPU" if on_card else "memory"):
        device = torch.device("cuda", load.device_index) if on_card else torch.device("cpu")
        able = _able(torch, device, environ)
        precision = resolved(load.precision, held, able)
        how = weights(torch, transformers, held, precision, able)
        model = _model(transformers, load.folder, device, how)
        refuse_offload(model, device)
        if held.method == "fp8" and precision != "float8":
            settle(model, how["dtype"])
        if precision == "mixed":
            full_output_layer(torch, model)
        # what the folder wants of sampling: `generate` fills in from it whatever it is not told
        model.generation_config = transformers.GenerationConfig()
    return Loaded(model.eval(), precision, device)


def refuse_offload(model: Model, device: Device) -> None:
    """Raise DeviceFailure unless every weight is on `device`: elsewhere they make it 10 to 100 times slower.

    accelerate offloads without a word where memory is short (LLaMA-Factory#4697); what it put on the disk
    looks like a weight on the device "meta".
    """
    places = {str(place) for place in getattr(model, "hf_device_map", {}).values()}
    mapped = {f"{device.type}:{place}" if place.isdigit() else place for place in places}
    held = {str(one.device) for one in (*model.parameters(), *model.buffers())}
    strangers = sorted((mapped | held) - {str(device), device.type})
    if strangers:
        raise DeviceFailure(
            f"parts of the model were put on {', '.join(strangers)} instead of {device}",
            hint="use a smaller model, or --device cpu",
        )


def _refuse_device(torch: Torch, load: Load) -> None:
    if load.device != "cuda" or torch.cuda.is_available():
        return
    if torch.version.cuda is None:
        raise DependencyError("this torch was built without CUDA", hint="run with --device cpu")
    raise DeviceFailure("torch sees no graphics card", hint="run with --device cpu")


def _able(torch: Torch, device: Device, environ: Mapping[str, str]) -> Able:
    if device.type == "cpu":
        # older versions of torch do not tell
        found = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
        native = any(found.get(name) for name in _CPU_BFLOAT16)
        return Able("cpu", native, Float8(False, "CPUs do not compute FP8"))
    native = torch.cuda.is_bf16_supported(including_emulation=False)
    capability = torch.cuda.get_device_capability(device)
    if capability < FLOAT8_FROM:
        return Able("cuda", native, Float8(False, f"capability {'.'.join(map(str, capability))} has no FP8"))
    return Able("cuda", native, float8(environ))


def _model(transformers: Transformers, folder: Path, device: Device, how: dict[str, Any]) -> Model:
    place = device.index if device.type == "cuda" else "cpu"
    model, told = transformers.AutoModelForCausalLM.from_pretrained(
        str(folder),
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        device_map={"": place},
        attn_implementation="sdpa",  # a folder's own choice may name a kernel of the hub
        **how,
        output_loading_info=True,
    )
    _refuse_gaps(folder.name, told)
    return model


def _refuse_gaps(name: str, told: Mapping[str, Any]) -> None:
    """Raise ModelError for weights that were not there, or not read: transformers only warns.

    It fills what is missing with random numbers; a scale that is left over is missing in its weights.
    """
    missing = sorted(map(str, (*told["missing_keys"], *told["mismatched_keys"])))
    if missing:
        raise ModelError(
            f"{name} lacks {len(missing)} of its weights, {missing[0]} first", hint="download the model again"
        )
    scales = sorted(key for key in map(str, told["unexpected_keys"]) if "scale" in key)
    if scales:
        raise ModelError(
            f"{name} has weights that its config.json does not tell how to read, {scales[0]} first",
            hint="download the model again",
        )
