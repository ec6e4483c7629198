"""What a training step is made of: numbered tokens, and what a teacher thought of them. No torch in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bili2text.seq2seq.values import Way


@dataclass(frozen=True, slots=True)
class Likely:
    """A teacher's distribution over each label of a target: the k likeliest tokens and what is left.

    `logits` are raw; `whole` is the log of the sum over the whole vocabulary of exp(logits / T), for
    T = 1 and T = 2, so that the share of all other tokens is known at both temperatures.
    """

    tokens: npt.NDArray[np.int32]  # [labels, k], in the student's numbers
    logits: npt.NDArray[np.float16]  # [labels, k]
    whole: npt.NDArray[np.float32]  # [labels, 2]


@dataclass(frozen=True, slots=True)
class Example:
    """A source and its target, one direction."""

    way: Way
    source: tuple[int, ...]  # Codec.source
    labels: tuple[int, ...]  # Codec.target
    likely: Likely | None = None  # None: only the labels are learned


class Examples(Protocol):
    """Examples in the order of training: batch n of a run takes those from n * batch on.

    The order of all epochs is in it, so `len` is a multiple of batch x accumulate. What is read twice is the
    same.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, place: int) -> Example: ...
