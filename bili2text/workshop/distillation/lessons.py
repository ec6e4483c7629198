"""Labelled shards as examples in the order of training. No torch in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bili2text.errors import ModelError
from bili2text.seq2seq.codec import Codec
from bili2text.seq2seq.values import UNKNOWN, Way
from bili2text.workshop.course import course, steps
from bili2text.workshop.distillation.labels import LabelSet, Opinion, Sample, shard_folder
from bili2text.workshop.distillation.parts import Part, parts_of
from bili2text.workshop.train.examples import Example, Likely
from bili2text.workshop.values import TrainSettings


@dataclass(frozen=True, slots=True)
class Visit:
    """A shard, trained on for some epochs."""

    shard: int
    samples: int  # that count of it, from its first on: all, or as many as are wanted still
    epochs: int
    seed: int


@dataclass(frozen=True, slots=True)
class Usable:
    """How many samples of a shard a student can learn from."""

    asked: int
    kept: int
    too_long: int  # for the student's positions


def together(labels: LabelSet, shards: Sequence[int], train: TrainSettings, seed: int) -> tuple[Visit, ...]:
    """Return the visits where all shards are on the disk: every epoch has each of them once."""
    return tuple(
        Visit(shard, labels.size(shard), 1, seed + epoch * labels.shards + shard)
        for epoch in range(train.epochs)
        for shard in shards
    )


def in_turn(labels: LabelSet, train: TrainSettings, seed: int) -> tuple[Visit, ...]:
    """Return the visits where a shard is gone after its turn: all epochs of each, one after the other."""
    return tuple(
        Visit(shard, labels.size(shard), train.epochs, seed + shard) for shard in range(labels.shards)
    )


def at_most(visits: Sequence[Visit], labels: LabelSet, per_way: int | None) -> tuple[Visit, ...]:
    """Return the visits with at most so many samples of each direction in an epoch; directions take turns."""
    if per_way is None:
        return tuple(visits)
    order = list(dict.fromkeys(one.shard for one in visits))
    room, left = per_way * len(labels.ways), {}
    for shard in order:
        left[shard] = min(labels.size(shard), room)
        room -= left[shard]
    return tuple(replace(one, samples=left[one.shard]) for one in visits if left[one.shard])


class ShardExamples:
    """Examples (the protocol) over visits to shards, of which only the one that is read is in memory.

    A visit is as many steps as the samples asked for in it take: known before they are labelled. Where fewer
    are left, because the teacher or the student's positions ruled some out, the first in order come again.
    """

    def __init__(
        self,
        root: Path,
        labels: LabelSet,
        visits: Sequence[Visit],
        codec: Codec,
        train: TrainSettings,
        positions: int,
    ) -> None:
        self._root, self._labels, self._visits = root, labels, tuple(visits)
        self._codec, self._train, self._positions = codec, train, positions
        self._steps = [steps(one.samples, replace(train, epochs=one.epochs)) for one in self._visits]
        self._step_pairs = train.batch * train.accumulate
        self._ends = [step * self._step_pairs for step in accumulate(self._steps)]
        self._open: tuple[int, _Visited] | None = None

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, place: int) -> Example:
        visit = int(np.searchsorted(self._ends, place, side="right"))
        start = self._ends[visit - 1] if visit else 0
        return self._visited(visit)[place - start]

    @property
    def steps(self) -> int:
        """How many steps all visits are."""
        return sum(self._steps)

    def steps_until(self, visit: int) -> int:
        """Return at which step a visit ends."""
        return sum(self._steps[: visit + 1])

    def usable(self, visit: int) -> Usable:
        """Return how much of a visit's samples is learned. Raises ModelError where nothing is."""
        return self._visited(visit).usable

    def close(self) -> None:
        """Let go of the shard that is open."""
        self._open = None

    def _visited(self, visit: int) -> _Visited:
        if self._open is None or self._open[0] != visit:
            self._open = None  # what is not needed any more makes room first
            one = self._visits[visit]
            shard = _Shard(self._root, self._labels, one, self._codec, self._positions)
            self._open = (
                visit,
                _Visited(shard, self._train, one, self._steps[visit] * self._step_pairs),
            )
        return self._open[1]


class _Visited:
    """A shard in the order in which a visit learns it."""

    def __init__(self, shard: _Shard, train: TrainSettings, visit: Visit, slots: int) -> None:
        self._shard = shard
        self.usable = shard.usable
        order = course(shard.lengths, replace(train, epochs=visit.epochs), visit.seed)
        self._order = np.resize(order, slots)

    def __getitem__(self, slot: int) -> Example:
        return self._shard[int(self._order[slot])]


class _Shard:
    """A shard's samples as tokens, some 60 MB for a hundred thousand of them; opinions stay on the disk."""

    def __init__(self, root: Path, labels: LabelSet, visit: Visit, codec: Codec, positions: int) -> None:
        self._places: list[tuple[Part, int]] = []
        self._ways: list[Way] = []
        self._tokens: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]] = []
        self._numbers = _numbers_of(codec)
        long = 0
        for part in parts_of(root, labels, visit.shard):
            for place in range(len(part)):
                if len(self._places) == visit.samples:
                    break
                sample = part.sample(place)
                source, target = (
                    codec.source(sample.source, sample.way),
                    codec.target(sample.target, sample.way),
                )
                if max(len(source), len(target)) > positions:
                    long += 1
                    continue
                self._places.append((part, place))
                self._ways.append(sample.way)
                self._tokens.append((np.array(source, np.int32), np.array(target, np.int32)))
        if not self._places:
            raise ModelError(
                f"{shard_folder(root, visit.shard).name} has nothing to learn from: {long:,} of its samples "
                f"are longer than the student's {positions} positions",
                hint="label with a smaller --max-seq-len, or with a teacher that translates",
            )
        self.usable = Usable(visit.samples, len(self._places), long)
        self.lengths = np.array([len(one) + len(other) for one, other in self._tokens], np.int64)

    def __getitem__(self, place: int) -> Example:
        source, target = self._tokens[place]
        part, number = self._places[place]
        opinion = part.opinion(number)
        likely = None if opinion is None else likely_of(opinion, len(target), self._numbers)
        return Example(self._ways[place], tuple(source.tolist()), tuple(target.tolist()), likely)


def likely_of(opinion: Opinion, labels: int, numbers: npt.NDArray[np.int32] | None) -> Likely:
    """Return an opinion as the student needs it, a row for each of its labels.

    `numbers` has the student's number for each of the teacher's tokens. The first label is the target's
    language, of which no teacher thinks anything: its `whole` is infinite, and only the label is learned.
    Two of the teacher's tokens may be one of the student's (its ends are one end): they are named twice, and
    that they share one probability moves the divergence by a constant. Raises ModelError where the labels
    were made for another vocabulary.
    """
    rows, k = opinion.tokens.shape
    if numbers is None or rows != labels - 1 or (rows and int(opinion.tokens.max()) >= len(numbers)):
        raise ModelError(
            "the student's vocabulary is not the one that the labels were made with",
            hint="train on these labels with the vocabulary in their folder",
        )
    return Likely(
        tokens=np.concatenate([np.full((1, k), UNKNOWN, np.int32), numbers[opinion.tokens]]),
        logits=np.concatenate([np.zeros((1, k), np.float16), opinion.logits]),
        whole=np.concatenate([np.full((1, 2), np.inf, np.float32), opinion.whole]),
    )


def dev_examples(
    samples: Sequence[Sample], codec: Codec, positions: int, most: int
) -> Mapping[Way, Sequence[Example]]:
    """Return held-out samples as examples, at most so many of each direction; those too long are left out."""
    found: dict[Way, list[Example]] = {}
    for one in samples:
        source, target = codec.source(one.source, one.way), codec.target(one.target, one.way)
        own = found.setdefault(one.way, [])
        if len(own) < most and max(len(source), len(target)) <= positions:
            own.append(Example(one.way, tuple(source), tuple(target)))
    return {way: own for way, own in found.items() if own}


def _numbers_of(codec: Codec) -> npt.NDArray[np.int32] | None:
    found: npt.NDArray[np.int32] | None = getattr(codec, "renumbered", None)
    return found
