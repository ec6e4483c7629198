"""Where a training computes, and in which precision it can there."""

from __future__ import annotations

import torch

from bili2text.errors import DeviceFailure
from bili2text.workshop.train.lesson import Device
from bili2text.workshop.values import TrainPrecision

_AMPERE = (
    8  # the first compute capability with bfloat16 (CUDA C++ Programming Guide, arithmetic instructions)
)
_VOLTA = 7  # the first with tensor cores for float16


def on_card(device: Device) -> bool:
    """Return whether to compute on a CUDA card. Raises DeviceFailure where there is none to be had."""
    there = device != "cpu" and torch.cuda.is_available()
    if device == "cuda" and not there:
        raise DeviceFailure("there is no CUDA card that torch can use", hint="pass --device cpu")
    return there


def precision_of(asked: TrainPrecision, *, capability: tuple[int, int] | None) -> tuple[TrainPrecision, str]:
    """Return the precision to compute in, and a remark where it is not the one that was asked for.

    `capability` of the card, None on a CPU: there it is float32, without a remark, for nobody gains by less.
    """
    if asked == "fp32" or capability is None:
        return "fp32", ""
    major = capability[0]
    if asked == "bf16" and major < _AMPERE:
        other: TrainPrecision = "fp16" if major >= _VOLTA else "fp32"
        return other, f"this card has no bfloat16: it computes in {other}"
    if asked == "fp16" and major < _VOLTA:
        return "fp32", "this card is no faster in float16: it computes in fp32"
    return asked, ""


def capability_of(device: Device) -> tuple[int, int] | None:
    """Return the compute capability of the card in use, None on a CPU. Raises DeviceFailure."""
    return torch.cuda.get_device_capability() if on_card(device) else None
