"""What a model's config.json says of it: its shape, how it is packed, what it is. Nothing in it is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bili2text.errors import ModelError
from bili2text.files import clean_text
from bili2text.models.json_object import read_json
from bili2text.translators.values import Shape

# No model comes near; a number beyond is a mistake or a trick, and would make sums that mean nothing.
_LIMITS = {
    "layers": 1024, "hidden": 1 << 17, "intermediate": 1 << 20, "heads": 4096, "kv_heads": 4096,
    "head_dim": 8192, "vocab": 1 << 24,
}  # fmt: skip
_WITH_ENCODER = ("marian", "m2m_100", "nllb", "t5", "mt5", "umt5", "bart", "mbart", "whisper")
_WRITES = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")  # classes of transformers


@dataclass(frozen=True, slots=True)
class Config:
    """What config.json says."""

    family: str  # `model_type`
    shape: Shape
    quantization: str  # `quant_method`: "fp8", "awq", "gptq" ...; "" for none
    dtype: str  # of the weights; "" where it is not said


def config_of(folder: Path) -> Config:
    """Return what `folder`/config.json says of a decoder.

    Raises ModelError for a model with an encoder, and for numbers that are missing or make no sense.
    """
    whole = read_json(folder / "config.json")
    family = _text(whole.get("model_type"))
    if whole.get("is_encoder_decoder") is True or family in _WITH_ENCODER:
        raise ModelError(
            f"{family or 'this model'} is an encoder with a decoder, not supported yet: {folder}",
            hint="take a chat model: Qwen3-4B, say",
        )
    classes = whole.get("architectures")
    if isinstance(classes, list) and classes and not any(str(one).endswith(_WRITES) for one in classes):
        raise ModelError(f"{family or 'this model'} writes no text: {folder}", hint="take a chat model")
    told = whole.get("text_config")  # models that also see or hear have the text's part by itself
    text = told if isinstance(told, dict) else whole
    try:
        shape = shape_of(text, tied=whole.get("tie_word_embeddings"))
    except (ValueError, TypeError) as error:
        raise ModelError(f"config.json does not tell the model's {error}: {folder}") from error
    packed = whole.get("quantization_config")
    method = _text(packed.get("quant_method")) if isinstance(packed, dict) else ""
    dtype = _text(text.get("dtype") or text.get("torch_dtype") or whole.get("torch_dtype"))
    return Config(family, shape, method, dtype.removeprefix("torch."))


def shape_of(config: Mapping[str, Any], *, tied: object = None) -> Shape:
    """Return the shape in a configuration of transformers.

    Raises ValueError with the name of the number that is missing or beyond all sense.
    """
    hidden = _number(config, "hidden", "hidden_size")
    heads = _number(config, "heads", "num_attention_heads")
    inside = config.get("tie_word_embeddings", tied)
    return Shape(
        layers=_number(config, "layers", "num_hidden_layers"),
        hidden=hidden,
        intermediate=_number(config, "intermediate", "intermediate_size"),
        heads=heads,
        kv_heads=_number(config, "kv_heads", "num_key_value_heads", usual=heads),
        head_dim=_number(config, "head_dim", "head_dim", usual=hidden // heads),
        vocab=_number(config, "vocab", "vocab_size"),
        tied=inside is True,
    )


def _number(config: Mapping[str, Any], name: str, key: str, *, usual: int | None = None) -> int:
    value = config.get(key)
    value = usual if value is None else value
    if type(value) is not int or not 1 <= value <= _LIMITS[name]:
        raise ValueError(key)
    return value


def _text(value: object) -> str:
    """Return a word of a configuration, fit to be shown; "" for what is no text."""
    return clean_text(value)[:64].lower() if isinstance(value, str) else ""
