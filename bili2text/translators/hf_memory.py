"""The memory a generation takes, what is free for it, and how torch gives back what it keeps."""

from __future__ import annotations

from bili2text.errors import OutOfMemory
from bili2text.plan.machine import free_ram_gib
from bili2text.translators.hf_torch import Config, Device, libraries

_GIB = 1 << 30
_MIB = 1 << 20
_HALF = 2  # bytes
_LOGITS = 4 * 4  # bytes: float32, and the copies that choosing a token makes of them


def clear(device: Device) -> None:
    """Give back what torch keeps for later; a card's other programs cannot use it."""
    if device.type == "cuda":
        libraries()[0].cuda.empty_cache()


def free_bytes(device: Device) -> int:
    """Return the bytes that can still be had on the device, those that torch holds and does not use too."""
    if device.type == "cpu":
        return int(free_ram_gib() * _GIB)
    torch, _ = libraries()
    kept: int = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + kept


def needed_bytes(config: Config, rows: int, tokens: int) -> int:
    """Return the bytes that `rows` sequences of `tokens` tokens take beside the weights.

    The cache of keys and values in half precision, all layers and both kinds, and the logits of one step.
    0 for a model whose configuration does not tell its shape. Pure.
    """
    shape = config.to_dict()
    heads = shape.get("num_attention_heads") or 0
    width = shape.get("head_dim") or (shape.get("hidden_size") or 0) // max(1, heads)
    numbers = (shape.get("num_hidden_layers") or 0) * (shape.get("num_key_value_heads") or heads) * width
    cache = 2 * numbers * _HALF
    return int(rows * (tokens * cache + (shape.get("vocab_size") or 0) * _LOGITS))


def refuse_too_many(config: Config, device: Device, rows: int, tokens: int) -> None:
    """Raise OutOfMemory where a batch cannot fit: before it starts is cheaper than in its midst."""
    need, free = needed_bytes(config, rows, tokens), free_bytes(device)
    if need > free:
        raise OutOfMemory(
            f"{rows} sequences of {tokens} tokens need {need // _MIB} MiB, {free // _MIB} MiB are free",
            hint="use a smaller --batch-size or a smaller model",
        )
