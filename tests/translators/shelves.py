"""Folders of models with nothing in them but what tells what they are, and computers to choose on."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

from bili2text.gpu.device import Cards, Device
from bili2text.gpu.known import simulated
from bili2text.plan.values import Machine
from bili2text.translators.catalog import absent, card_of
from bili2text.translators.values import Float8, FoundModel, Shape

READY, NO_KERNEL = Float8(True), Float8(False, "the kernel is not in the cache")
CT2 = "4.8.5"


def card(text: str, index: int = 0) -> Device:
    return replace(simulated(text), index=index, uuid=f"GPU-{index:04}")


def machine(*cards: Device, ram: float = 32.0, **more: Any) -> Machine:
    reason = "" if cards else "no NVIDIA driver is installed"
    return Machine(Cards(tuple(cards), reason), ram, 8, library=CT2, **more)


def model(name: str, /, **more: Any) -> FoundModel:
    """Return a model of the catalogue as if it were on the disk."""
    known = card_of(name)
    assert known is not None
    there = absent(known)
    assert there is not None
    return replace(there, **{"path": Path("/models") / name, **more})


def converted(name: str) -> FoundModel:
    """Return the int8 conversion of a model of the catalogue."""
    folder = f"{name}-ct2"
    return model(
        name,
        name=folder,
        path=Path("/models") / folder,
        engine="ctranslate2",
        quantization="int8",
        dtype="int8",
    )


def other(name: str, shape: Shape) -> FoundModel:
    return FoundModel(name, Path("/models") / name, "transformers", shape, 0, "llama", dtype="bfloat16")


def write_folder(folder: Path, config: dict[str, Any], *, shards: int = 1) -> Path:
    """Write the folder of a model: real safetensors headers over zeros, a tokenizer's name, a template."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    names = (
        ["model.safetensors"]
        if shards == 1
        else [f"model-{i}-of-{shards}.safetensors" for i in range(shards)]
    )
    for name in names:
        write_weights(folder / name)
    if shards > 1:
        index = {"weight_map": {f"w{i}": name for i, name in enumerate(names)}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def write_weights(path: Path, size: int = 64) -> None:
    header = json.dumps(
        {"__metadata__": {}, "w": {"dtype": "BF16", "shape": [size // 2], "data_offsets": [0, size]}}
    )
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode() + bytes(size))


def config(**more: Any) -> dict[str, Any]:
    """Return Qwen3-0.6B's, as its hub has it."""
    return {
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 1024, "intermediate_size": 3072,
        "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128,
        "vocab_size": 151936, "tie_word_embeddings": True, "torch_dtype": "bfloat16", **more,
    }  # fmt: skip
