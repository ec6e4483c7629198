"""A shard, labelled: samples asked of a teacher, what it says judged, part by part written down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bili2text.errors import ModelError
from bili2text.files import prove_writable
from bili2text.progress import Progress, Stage
from bili2text.seq2seq.values import Pair, Way, source_of, target_of
from bili2text.translate.checks import faults
from bili2text.translate.prompts import prompt
from bili2text.translate.replies import cleaned
from bili2text.translate.values import Direction, Sentence, Task
from bili2text.translators.engine import Prompt, Reply
from bili2text.translators.values import Profile
from bili2text.workshop.distillation.labels import (
    Label,
    LabelSet,
    Opinion,
    PartRecord,
    Sample,
    missing,
    shard_folder,
)
from bili2text.workshop.distillation.parts import verify_shard, write_part

TOO_LONG = "too long"
_FEW = 0.5  # of a part's samples: with fewer that are good, the teacher is no teacher
_ENOUGH = 100  # samples that show it in a later part; the last few of a set may well all be bad


class Teacher(Protocol):
    """A loaded teacher. Not for use from several threads."""

    def replies(self, samples: Sequence[Sample]) -> Sequence[Reply | None]:
        """Return what it says to each source; None for one of more than the most tokens.

        Raises OutOfMemory, PrecisionFailure or RuntimeFailure.
        """

    def opinions(self, samples: Sequence[Sample]) -> Sequence[Opinion | None]:
        """Return what it thinks of each target; None where a side has more than the most tokens.

        Raises as `replies` does.
        """

    def close(self) -> None:
        """Let go of the model and its memory."""


class OnDemand:
    """A Teacher that is loaded when it is first asked something, and again after it was let go."""

    def __init__(self, load: Callable[[], Teacher]) -> None:
        self._load = load
        self._teacher: Teacher | None = None

    def replies(self, samples: Sequence[Sample]) -> Sequence[Reply | None]:
        """Return what it says; see the protocol."""
        return self._loaded().replies(samples)

    def opinions(self, samples: Sequence[Sample]) -> Sequence[Opinion | None]:
        """Return what it thinks; see the protocol."""
        return self._loaded().opinions(samples)

    def close(self) -> None:
        """Let go of the model, if it is loaded."""
        teacher, self._teacher = self._teacher, None
        if teacher is not None:
            teacher.close()

    def _loaded(self) -> Teacher:
        if self._teacher is None:
            self._teacher = self._load()
        return self._teacher


class Samples(Sequence[Sample]):
    """Pairs in every direction: sample n is pair n // len(ways), in the direction n % len(ways)."""

    def __init__(self, pairs: Sequence[Pair], ways: Sequence[Way]) -> None:
        self._pairs = pairs
        self._ways = tuple(ways)

    def __len__(self) -> int:
        return len(self._pairs) * len(self._ways)

    def __getitem__(self, number):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN204 - a slice, too
        """Return a sample, or a tuple of them."""
        if isinstance(number, slice):
            return tuple(self[one] for one in range(*number.indices(len(self))))
        pair, way = self._pairs[number // len(self._ways)], self._ways[number % len(self._ways)]
        return Sample(way, pair.source(way), pair.target(way))

    def texts(self) -> Iterator[str]:
        """Yield both sides of every pair, once."""
        for pair in self._pairs:
            yield from (pair.zh, pair.en)


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of a shard's samples."""

    kept: int
    dropped: Mapping[str, int]

    @property
    def text(self) -> str:
        """What a person is told of it."""
        lost = ", ".join(f"{why} {count:,}" for why, count in sorted(self.dropped.items()))
        return f"{self.kept:,} samples kept" + (f", left out: {lost}" if lost else "")


def asked(sample: Sample, profile: Profile) -> Prompt:
    """Return what a teacher is asked: the words that `translate` uses, without context."""
    return prompt(_task(sample), _direction(sample.way), profile)


def judged(sample: Sample, reply: Reply) -> tuple[str, str]:
    """Return the translation in a reply and "", or "" and what is wrong with it: the worst of its faults.

    The checks are those of `translate`, which would rather let a bad line pass than call a good one bad.
    """
    task, direction = _task(sample), _direction(sample.way)
    text = cleaned(reply.text, task, direction)
    found = faults(task, text, reply, direction, neighbours=(), earlier={})
    return ("", found[0]) if found else (text, "")


def label_shard(
    root: Path,
    labels: LabelSet,
    shard: int,
    samples: Sequence[Sample],
    teacher: Teacher,
    progress: Progress,
) -> Tally:
    """Label what is missing of a shard, part by part, and return what became of all of its samples.

    A part is on the disk before the next is begun, and the same whoever labels it after a kill. Raises
    StorageError for a full disk, ModelError where most of what the teacher says is no translation, and what
    the teacher raises; whole parts stay.
    """
    folder = shard_folder(root, shard)
    prove_writable(folder)
    with progress.stage(f"label shard {shard}", labels.size(shard), "samples") as stage:
        absent = missing(root, labels, shard)
        for part, numbers in enumerate(labels.parts(shard)):
            if part in absent:
                found, dropped = _part([samples[n] for n in numbers], labels, teacher, stage)
                if len(numbers) >= _ENOUGH or numbers.start == labels.first:
                    _refuse_few(labels.teacher, len(numbers), dropped)
                write_part(folder, part, found, dropped, labels.vocabulary)
            else:
                stage.advance(len(numbers))
    return tally(verify_shard(root, labels, shard))


def tally(records: Sequence[PartRecord]) -> Tally:
    """Return what became of the samples of a shard."""
    dropped: Counter[str] = Counter()
    for one in records:
        dropped.update(one.dropped)
    return Tally(sum(one.kept for one in records), dict(dropped))


def _part(
    samples: Sequence[Sample], labels: LabelSet, teacher: Teacher, stage: Stage
) -> tuple[list[Label], dict[str, int]]:
    kept: dict[int, Label] = {}
    dropped: Counter[str] = Counter()
    ask = _said if labels.mode == "text" else _thought
    for places in _batches(samples, labels.batch):
        batch = [samples[place] for place in places]
        for place, (label, why) in zip(places, ask(teacher, batch), strict=True):
            if label is None:
                dropped[why] += 1
            else:
                kept[place] = label
        stage.advance(len(batch))
    return [kept[place] for place in sorted(kept)], dict(dropped)


def _batches(samples: Sequence[Sample], size: int) -> Iterator[Sequence[int]]:
    """Yield the places of samples that are asked at once: one direction, alike in length."""
    order = sorted(
        range(len(samples)),
        key=lambda place: (
            samples[place].way,
            len(samples[place].source) + len(samples[place].target),
            place,
        ),
    )
    for way in sorted({one.way for one in samples}):
        own = [place for place in order if samples[place].way == way]
        yield from (own[at : at + size] for at in range(0, len(own), size))


def _said(teacher: Teacher, batch: Sequence[Sample]) -> Iterator[tuple[Label | None, str]]:
    for sample, reply in zip(batch, teacher.replies(batch), strict=True):
        if reply is None:
            yield None, TOO_LONG
            continue
        text, why = judged(sample, reply)
        yield (None, why) if why else (Label(Sample(sample.way, sample.source, text)), "")


def _thought(teacher: Teacher, batch: Sequence[Sample]) -> Iterator[tuple[Label | None, str]]:
    for sample, opinion in zip(batch, teacher.opinions(batch), strict=True):
        yield (None, TOO_LONG) if opinion is None else (Label(sample, opinion), "")


def _refuse_few(teacher: str, asked_for: int, dropped: Mapping[str, int]) -> None:
    """Raise ModelError where a part shows that this teacher does not translate."""
    bad = {why: count for why, count in dropped.items() if why != TOO_LONG}
    short = asked_for - dropped.get(TOO_LONG, 0)
    if short and sum(bad.values()) > _FEW * short:
        worst = ", ".join(
            f"{why} {count:,}" for why, count in sorted(bad.items(), key=lambda one: (-one[1], one[0]))
        )
        raise ModelError(
            f"{teacher} does not translate well enough to teach: of {short:,} replies {worst}",
            hint="take another --teacher, or --mode topk",
        )


def _task(sample: Sample) -> Task:
    return Task(Sentence(0, sample.source, ()))


def _direction(way: Way) -> Direction:
    return Direction(source_of(way), target_of(way))
