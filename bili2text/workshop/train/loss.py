"""The loss of a training step, with the vocabulary computed for a few target positions at a time.

A vocabulary of 256,206 tokens costs 1 MB of logits a position in float32, and the stock loss keeps several
copies of them for all positions: that, and not the model, is what does not fit on a 16 GB card. Here they
are computed chunk by chunk, and computed again for the gradients (torch.utils.checkpoint).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from transformers.trainer_pt_utils import LabelSmoother

from bili2text.workshop.values import TrainSettings

IGNORED = -100  # a label that is padding; transformers' number
_UNTOLD = 1e-6  # a share of what is left that float32 sums cannot tell from nothing
_NEVER = -1e4  # a logit whose exponential is 0 in float32, and finite: 0 x it is no NaN


@dataclass(frozen=True, slots=True)
class Losses:
    """What the loss is made of."""

    smoothing: float = 0.0
    chunk: int = 256  # positions; 0: all at once, by transformers' own code
    distil: float = 0.0  # share of the teacher's distribution where there is one
    temperature: float = 1.0

    @classmethod
    def of(cls, train: TrainSettings) -> Losses:
        """Return what a training's settings say."""
        return cls(train.label_smoothing, train.loss_chunk, train.distil_weight, train.temperature)


@dataclass(frozen=True, slots=True)
class Head:
    """What makes logits of the decoder's output."""

    weight: Tensor  # [vocabulary, width]
    bias: Tensor | None = None  # [vocabulary]; Marian's final_logits_bias

    def __call__(self, hidden: Tensor) -> Tensor:
        """Return logits, [..., vocabulary]."""
        return functional.linear(hidden, self.weight, self.bias)


@dataclass(frozen=True, slots=True)
class Teacher:
    """A teacher's k likeliest tokens for each label; `whole` is infinite where it has none."""

    tokens: Tensor  # [positions, k], int64
    logits: Tensor  # [positions, k]
    whole: Tensor  # [positions], log of the sum of exp(logits / T) over the whole vocabulary

    def part(self, first: int, end: int) -> Teacher:
        """Return that of some positions."""
        return Teacher(self.tokens[first:end], self.logits[first:end], self.whole[first:end])


def summed(hidden: Tensor, labels: Tensor, head: Head, how: Losses, teacher: Teacher | None = None) -> Tensor:
    """Return the loss summed over all labels that are not IGNORED, a float32 scalar.

    `hidden`: [positions, width], the decoder's output. `labels`: [positions]. Each label costs its cross
    entropy with smoothing e, (1 - e) * -log p(label) + e * -mean(log p) over the vocabulary (Szegedy 2016,
    https://arxiv.org/abs/1512.00567, as transformers' LabelSmoother has it). Where the teacher has a
    distribution, that has the weight 1 - `distil`, and the rest is T^2 times the divergence of `divergence`
    (Hinton 2015, https://arxiv.org/abs/1503.02531).
    """
    if not how.chunk:
        return _part(hidden, labels, head, how, teacher, stock=True)
    total = hidden.new_zeros((), dtype=torch.float32)
    for first in range(0, len(labels), how.chunk):
        end = first + how.chunk
        part = teacher.part(first, end) if teacher else None
        total = total + checkpoint(
            _part, hidden[first:end], labels[first:end], head, how, part, use_reentrant=False
        )
    return total


def divergence(logits: Tensor, teacher: Teacher, temperature: float) -> Tensor:
    """Return KL(teacher || student) at a temperature for each position, over k + 1 events: [positions].

    The k tokens that the teacher named, and any other one: what is left of its mass is known from `whole`, so
    that the student is not taught that the k are everything, as plain top-k teaches
    (https://arxiv.org/abs/2503.16870). With k = vocabulary this is the full divergence. 0 where the teacher
    has none. Logits: [positions, vocabulary], float32.
    """
    told = teacher.whole.isfinite()
    whole = teacher.whole.float().masked_fill(~told, 0.0)
    known = (teacher.logits.float() / temperature - whole[:, None]).masked_fill(~told[:, None], _NEVER)
    shares = known.exp()
    rest = 1.0 - shares.sum(-1)
    rest = torch.where(rest < _UNTOLD, 0.0, rest)
    scaled = logits / temperature
    student = scaled.log_softmax(-1)
    own = student.gather(-1, teacher.tokens)
    others = student.scatter(-1, teacher.tokens, _NEVER).logsumexp(-1)
    named = (torch.xlogy(shares, shares) - shares * own).sum(-1)
    return (named + torch.xlogy(rest, rest) - rest * others).masked_fill(~told, 0.0)


def _part(
    hidden: Tensor, labels: Tensor, head: Head, how: Losses, teacher: Teacher | None, *, stock: bool = False
) -> Tensor:
    logits = head(hidden).float()
    kept = labels.ne(IGNORED)
    if teacher is None or not how.distil:
        return (
            _stock(logits, labels, how.smoothing) if stock else (_smoothed(logits, labels, how) * kept).sum()
        )
    share = how.distil * teacher.whole.isfinite()
    taught = divergence(logits, teacher, how.temperature) * how.temperature**2
    return (((1 - share) * _smoothed(logits, labels, how) + share * taught) * kept).sum()


def _smoothed(logits: Tensor, labels: Tensor, how: Losses) -> Tensor:
    likely = logits.log_softmax(-1)
    right = -likely.gather(-1, labels.clamp(min=0)[:, None]).squeeze(-1)
    return (1 - how.smoothing) * right - how.smoothing * likely.mean(-1)


def _stock(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    if smoothing:  # it gives a mean over the labels that are not ignored
        return LabelSmoother(epsilon=smoothing)({"logits": logits}, labels) * labels.ne(IGNORED).sum()
    return functional.cross_entropy(logits, labels, ignore_index=IGNORED, reduction="sum")
