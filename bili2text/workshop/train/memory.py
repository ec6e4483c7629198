"""How much memory of a card a training needs at most: found without a card, by tensors that hold nothing.

The steps run as they are (rehearsal.py) under torch's FakeTensorMode, which computes shapes only, and every
storage that comes and goes is counted, in blocks of 512 bytes as CUDA's allocator has them. torch cannot do
that for a card it is not built for, so tensors are said to be on the CPU, and the functions that keep
something else there than on a card are replaced by what a card has:

- attention: the memory-efficient kernel, to which a mask leads; a CPU keeps all scores.
- dropout keeps a byte of each number, the CPU a number.
- softmax, log_softmax and cross entropy are float32 under autocast, as torch's list for CUDA says.

Not in it: the CUDA context, cuBLAS's workspaces, fragmentation (see cards.OVERHEAD_GIB).
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bili2text.workshop.costs.shapes import Shape
from bili2text.workshop.train.rehearsal import Rehearsal, rehearsal
from bili2text.workshop.values import TrainSettings

_BLOCK = 512  # bytes: kMinBlockSize of c10/cuda/CUDACachingAllocator
_GIB = 2**30
_FLOAT32 = ("softmax", "log_softmax", "cross_entropy")
_KEEPING = ("dropout", "scaled_dot_product_attention")


@dataclass(frozen=True, slots=True)
class Peaks:
    """What was found, GiB."""

    parameters: int
    states: float  # weights, gradients and the optimiser's means
    peaks: tuple[float, ...]  # for each length, states included


def peaks(
    shape: Shape, train: TrainSettings, lengths: Sequence[int], *, stock: bool = False, likely: int = 0
) -> Peaks:
    """Return the peak of a step on batches whose sides are both of that many tokens, for each length.

    The gradients of earlier batches of the same step are there, as with accumulation. `stock`: with
    transformers' own loss. `likely`: with a teacher's distribution over so many tokens at each position.
    """
    live = _Live()
    with warnings.catch_warnings(), _as_on_a_card(), FakeTensorMode(), live:
        warnings.simplefilter("ignore")
        found = rehearsal(shape, train, torch.device("cpu"), stock=stock, likely=likely)
        _with_gradients(found)
        found.step()
        _with_gradients(found)
        states = live.now
        each = tuple(live.peak_of(partial(found.micro, length, length)) for length in lengths)
        step = live.peak_of(found.step)
        count = sum(one.numel() for one in found.model.parameters() if one.requires_grad)
    return Peaks(count, states / _GIB, tuple(max(one, step) / _GIB for one in each))


def _with_gradients(found: Rehearsal) -> None:
    for one in found.model.parameters():
        if one.requires_grad:
            one.grad = torch.zeros_like(one)


class _Live(TorchDispatchMode):  # type: ignore[misc, unused-ignore]  # torch is not looked into
    """Counts the bytes of storages that are there."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self._peak = 0
        self._sizes: dict[int, int] = {}

    def peak_of(self, action: Callable[[], object]) -> int:
        """Do something, and return the most bytes that were there meanwhile."""
        self._peak = self.now
        action()
        return self._peak

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: Sequence[type],  # of the tensors
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        made = func(*args, **(kwargs or {}))
        for one in tree_leaves(made):
            if isinstance(one, Tensor):
                self._add(one.untyped_storage())
        return made

    def _add(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata  # noqa: SLF001 - what tells one storage from another
        if key in self._sizes:
            return
        self._sizes[key] = -(-storage.nbytes() // _BLOCK) * _BLOCK
        self.now += self._sizes[key]
        self._peak = max(self._peak, self.now)
        weakref.finalize(storage, self._drop, key)

    def _drop(self, key: int) -> None:
        self.now -= self._sizes.pop(key)


@contextmanager
def _as_on_a_card() -> Iterator[None]:
    theirs = {name: getattr(functional, name) for name in (*_FLOAT32, *_KEEPING)}
    ours = {"dropout": _dropout, "scaled_dot_product_attention": _attention}
    ours |= {name: _in_float32(theirs[name]) for name in _FLOAT32}
    for name, function in ours.items():
        setattr(functional, name, function)
    try:
        yield
    finally:
        for name, function in theirs.items():
            setattr(functional, name, function)


def _in_float32(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda numbers, *args, **kwargs: function(numbers.float(), *args, **kwargs)


def _dropout(numbers: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:  # noqa: ARG001 - torch's
    return torch.native_dropout(numbers, p, True)[0] if training and p else numbers


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,  # noqa: ARG001 - of models that are not trained here
) -> Tensor:
    if attn_mask is not None:
        if attn_mask.dtype is torch.bool:
            attn_mask = torch.zeros_like(attn_mask, dtype=query.dtype)
        attn_mask = attn_mask.expand(*query.shape[:3], key.shape[2])
    found = torch.ops.aten._scaled_dot_product_efficient_attention(  # noqa: SLF001 - what the card runs
        query, key, value, attn_mask, True, dropout_p, is_causal, scale=scale
    )
    return found[0]
