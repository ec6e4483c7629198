"""From the values of the options to what is wished of a plan."""

from __future__ import annotations

from typing import Any

from bili2text.errors import UsageError
from bili2text.models.catalog import LocalFolder, resolve
from bili2text.plan.precision import PrecisionWish
from bili2text.plan.values import Wishes
from bili2text.transcribe.language_names import code


def wishes(values: dict[str, Any]) -> Wishes:
    """Return what is wished of the plan. Raises UsageError for a device or a model there is not."""
    where = device(values)
    if not values["batched"] and (values["batch_size"] or 1) > 1:
        raise UsageError(
            "--no-batched decodes one window after the other", hint="leave it out, or --batch-size auto"
        )
    compute_type = values["compute_type"]
    if values["fp16"] is not None and compute_type == "auto":
        compute_type = "float16" if values["fp16"] else "float32"
    return Wishes(
        model=values["model"],
        device=where,
        gpu=values.get("gpu") or None,
        compute_type=compute_type,
        batch_size=values["batch_size"],
        beam_size=values["beam_size"],
        best_of=values["best_of"],
        threads=values["threads"] or 0,
        cpu_fallback=values.get("cpu_fallback", True),
        language=code(values["language"]),
        task=values["task"],
        prefer=values["prefer"],
        policy=values.get("policy", "measured"),
        precision=precision_wish(values),
        auto_optimize=values.get("auto_optimize", True),
        vram_budget_mib=values.get("vram_budget"),
        reserve_mib=values.get("reserve") or 0,
        max_model=values["max_model"],
        min_model=values["min_model"],
        batched=values["batched"],
        word_timestamps=values["word_timestamps"],
        gpu_wait=values.get("gpu_wait", Wishes().gpu_wait),
    )


def device(values: dict[str, Any]) -> str:
    """Return the device that was asked for. Raises UsageError for one there is not."""
    named, index = str(values.get("device", "cpu")).lower(), values.get("device_index")
    if named not in ("auto", "cpu", "cuda") and not named.removeprefix("cuda:").isdigit():
        raise UsageError(f"no such device: {named!r}", hint="use auto, cpu, cuda or cuda:0")
    if index is None or named == f"cuda:{index}":
        return named
    if named not in ("auto", "cuda"):
        raise UsageError(
            f"--device {named} and --device-index {index} contradict each other", hint="use one of them"
        )
    return f"cuda:{index}"


def precision_wish(values: dict[str, Any]) -> PrecisionWish:
    """Return what the options say of half precision. Raises UsageError for a model there is not."""
    named = values.get("fp16_models") or ""
    return PrecisionWish(
        use_fp16=values.get("use_fp16", True),
        use_int8=values.get("use_int8"),
        policy=values.get("precision_policy", "fp16"),
        fp16_models=tuple(_model_name(name) for name in named.split(",") if name.strip()),
    )


def _model_name(text: str) -> str:
    """Return the name of a model as we write it. Raises UsageError for one there is not."""
    from bili2text.translators.catalog import card_of

    translator = card_of(text.strip())
    if translator is not None:
        return translator.name
    model = resolve(text.strip())
    return text.strip() if isinstance(model, LocalFolder) else model.name
