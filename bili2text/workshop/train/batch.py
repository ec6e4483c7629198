"""Examples as tensors: padded to the longest of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bili2text.workshop.train.examples import Example, Examples
from bili2text.workshop.train.loss import IGNORED


@dataclass(frozen=True, slots=True)
class Collate:
    """Makes a batch of examples; a class, so that it can be sent to a process of its own."""

    pad: int

    def __call__(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """Return input_ids, attention_mask [batch, source], labels [batch, target]; all int64.

        Where a teacher had its say also likely_tokens int64, likely_logits float16 [batch, target, k] and
        likely_whole float32 [batch, target, 2], infinite where it had none.
        """
        batch = {
            "input_ids": _padded([one.source for one in examples], self.pad),
            "attention_mask": _padded([(1,) * len(one.source) for one in examples], 0),
            "labels": _padded([one.labels for one in examples], IGNORED),
        }
        if any(one.likely is not None for one in examples):
            batch |= _likely(examples, batch["labels"].shape[1])
        return batch


@dataclass(frozen=True, slots=True)
class First:
    """The first `count` of the examples: what lies after them need not be there yet."""

    examples: Examples
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, place: int) -> Example:
        return self.examples[place]


def _padded(rows: Sequence[Sequence[int]], filling: int) -> Tensor:
    made = torch.full((len(rows), max(map(len, rows))), filling, dtype=torch.int64)
    for place, row in enumerate(rows):
        made[place, : len(row)] = torch.tensor(row, dtype=torch.int64)
    return made


def _likely(examples: Sequence[Example], length: int) -> dict[str, Tensor]:
    found = [one.likely for one in examples]
    k = max(one.tokens.shape[1] for one in found if one is not None)
    tokens = np.zeros((len(found), length, k), np.int64)
    logits = np.full((len(found), length, k), -np.inf, np.float16)
    whole = np.full((len(found), length, 2), np.inf, np.float32)
    for place, one in enumerate(found):
        if one is not None:
            labels, own = one.tokens.shape
            tokens[place, :labels] = one.tokens[:, :1]  # where k is less, a token that is named anyway
            tokens[place, :labels, :own] = one.tokens
            logits[place, :labels, :own] = one.logits
            whole[place, :labels] = one.whole
    return {
        "likely_tokens": torch.from_numpy(tokens),
        "likely_logits": torch.from_numpy(logits),
        "likely_whole": torch.from_numpy(whole),
    }
