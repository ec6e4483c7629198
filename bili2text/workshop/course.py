"""The order of a training, for all its epochs: it is data, so that a resume is exact. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bili2text.workshop.values import TrainSettings

_WINDOW = 64  # batches whose examples are sorted together: padding stays small, and the order random


def course(
    lengths: npt.NDArray[np.int64] | npt.NDArray[np.int32], train: TrainSettings, seed: int
) -> npt.NDArray[np.int64]:
    """Return the places of examples in the order of training, all epochs: [steps x batch x accumulate].

    `lengths` of each example, in tokens. Each epoch has every example once; the last step is filled up with
    the first ones of the epoch's order. An epoch is shuffled, cut into windows of 64 batches, each window
    sorted by length and cut into batches, and the batches of the whole epoch are shuffled: those of a batch
    are about as long as each other, and a step is no more of one length than chance makes it. The same for
    the same seed on every machine (PCG64, https://numpy.org/doc/stable/reference/random/bit_generators/pcg64.html).
    Raises ValueError where there is no example.
    """
    if not len(lengths):
        raise ValueError("there is no example to learn from")
    chance = np.random.Generator(np.random.PCG64(seed))
    return np.concatenate([_epoch(lengths, train, chance) for _ in range(train.epochs)])


def steps(examples: int, train: TrainSettings) -> int:
    """Return how many steps all epochs over so many examples are, as `course` makes them."""
    return train.epochs * -(-examples // (train.batch * train.accumulate))


def _epoch(
    lengths: npt.NDArray[np.int64] | npt.NDArray[np.int32], train: TrainSettings, chance: np.random.Generator
) -> npt.NDArray[np.int64]:
    count, step = len(lengths), train.batch * train.accumulate
    order = chance.permutation(count)
    order = np.resize(order, -(-count // step) * step)  # the last step is whole: it begins again
    window = _WINDOW * train.batch
    sorted_windows = [
        part[np.argsort(lengths[part], kind="stable")]
        for part in (order[first : first + window] for first in range(0, len(order), window))
    ]
    batches = np.concatenate(sorted_windows).reshape(-1, train.batch)
    return batches[chance.permutation(len(batches))].reshape(-1).astype(np.int64)
