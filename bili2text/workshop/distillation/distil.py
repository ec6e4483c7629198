"""`workshop distil`: students that learn from labels, all of them at hand or a shard at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bili2text.errors import UsageError
from bili2text.files import clean_text
from bili2text.progress import Progress
from bili2text.workshop.begin import DISTIL, differing, keep, kept, refuse_used
from bili2text.workshop.distillation import labels as on_disk
from bili2text.workshop.distillation import shards
from bili2text.workshop.distillation.coordinate import coordinate
from bili2text.workshop.distillation.label import LabelRequest, Task, planned, settle
from bili2text.workshop.distillation.labels import LabelSet
from bili2text.workshop.distillation.lessons import at_most, in_turn, together
from bili2text.workshop.distillation.parts import parts_of, verify_shard
from bili2text.workshop.distillation.pupils import DistilRequest, pupils, runs_of, shapes_of
from bili2text.workshop.held import alone
from bili2text.workshop.run import Run

if TYPE_CHECKING:
    from bili2text.workshop.train.distil import Pupil

LABELS = "labels"  # the coordinator's shards, within its run


def distil(root: Path, request: DistilRequest, progress: Progress) -> tuple[Run, ...]:
    """Train students on the labels in `root`, every epoch over all whole shards, and return their runs.

    Raises UsageError where a run is there and may not be gone on with, or a student cannot have the labels'
    vocabulary; ModelError for labels that are damaged, and as trainer.train does.
    """
    labels = on_disk.read_set(root)
    chosen = _chosen(root, labels, request.shard)
    shapes_of(request.students, labels)
    asked = _asked(labels, request, chosen)
    record = request.out / DISTIL
    _refuse_folder(kept(record), request)
    _refuse_other(kept(record), asked, request.out)
    with progress.stage("check labels", len(chosen), "shards") as stage:
        for shard in chosen:
            verify_shard(root, labels, shard)
            stage.advance(1)
    visits = at_most(
        together(labels, chosen, request.preset.train, request.preset.data.seed), labels, request.per_way
    )
    with alone(request.out, "training"):
        begun = kept(record)  # once more: another process may have begun it meanwhile
        _refuse_folder(begun, request)
        _refuse_other(begun, asked, request.out)
        if begun is None:
            keep(record, asked)
        taught = pupils(root, labels, visits, request, lambda: _texts_of(root, labels, chosen))
        for pupil in taught:
            _learn_all(pupil, len(visits), progress)
    return tuple(pupil.run for pupil in taught)


def coordinated(labelling: LabelRequest, request: DistilRequest, progress: Progress) -> tuple[Run, ...]:
    """Have each shard labelled, learned by every student, and removed, one after the other.

    Goes on from every state that a killed run left; the models are those of a run that was never interrupted,
    byte for byte where the device computes the same twice (a CPU does, with as many threads). Returns the
    students' runs. Raises as `label.label` and `distil` do.
    """
    if request.per_way is not None:
        most = request.per_way * len(labelling.ways)
        labelling = replace(labelling, max_samples=min(most, labelling.max_samples or most))
    task = planned(labelling, request.out / LABELS, progress)
    shapes_of(request.students, task.labels)
    asked = _asked(task.labels, request, ())
    path, record = Run(request.out).shards, request.out / DISTIL
    with alone(request.out, "training"):
        table, begun = shards.load(path), kept(record)
        _refuse_folder(begun, replace(request, resume=request.resume or table is None))
        settle(task)
        _refuse_other(begun, asked, request.out)
        if begun is None:
            keep(record, asked)
        table = table or shards.begun(asked, task.labels.shards)
        visits = in_turn(task.labels, request.preset.train, request.preset.data.seed)
        taught = pupils(task.root, task.labels, visits, request, task.samples.texts)
        try:
            coordinate(path, table, request.students, _Crew(task, taught, request, progress), progress)
        finally:
            task.teacher.close()
        for pupil in taught:
            pupil.finish(progress)
    return tuple(pupil.run for pupil in taught)


class _Crew:
    """The coordinator's Crew: a teacher, and the students."""

    def __init__(
        self, task: Task, pupils: Sequence[Pupil], request: DistilRequest, progress: Progress
    ) -> None:
        self._task = task
        self._pupils = dict(zip(request.students, pupils, strict=True))
        self._keeps = request.keep_teacher
        self._progress = progress

    def label(self, shard: int) -> None:
        """Have the shard whole; then the teacher makes room for the students."""
        try:
            tally = self._task.shard(shard, self._progress)
        finally:
            if not self._keeps:
                self._task.teacher.close()
        self._progress.note(f"{on_disk.shard_folder(self._task.root, shard).name}: {tally.text}")

    def verify(self, shard: int) -> None:
        """Raise ModelError for a shard that is not as it was written."""
        verify_shard(self._task.root, self._task.labels, shard)

    def train(self, student: str, shard: int) -> bool:
        """Train a student to the end of the shard."""
        pupil = self._pupils[student]
        try:
            return pupil.learn(shard, self._progress).stopped_early
        finally:
            pupil.let_go()

    def delete(self, shard: int) -> None:
        """Remove the shard."""
        on_disk.remove_shard(self._task.root, shard)


def _learn_all(pupil: Pupil, visits: int, progress: Progress) -> None:
    for visit in range(visits):
        if pupil.examples.steps_until(visit) > pupil.step and pupil.learn(visit, progress).stopped_early:
            break
    pupil.finish(progress)
    pupil.let_go()


def _texts_of(root: Path, labels: LabelSet, chosen: Sequence[int]) -> Iterator[str]:
    for shard in chosen:
        for part in parts_of(root, labels, shard):
            for place in range(len(part)):
                sample = part.sample(place)
                yield from (sample.source, sample.target)


def _chosen(root: Path, labels: LabelSet, one: int | None) -> tuple[int, ...]:
    there = on_disk.shards_on_disk(root)
    if one is not None:
        if one not in there:
            raise UsageError(
                f"--shard-idx {one}: {clean_text(str(root))} has {', '.join(map(str, there)) or 'no shards'}"
            )
        return (one,)
    chosen = tuple(shard for shard in there if shard < labels.shards)
    if not chosen:
        raise UsageError(f"no shards in {clean_text(str(root))}", hint="bili2text workshop label makes them")
    return chosen


def _asked(labels: LabelSet, request: DistilRequest, chosen: Sequence[int]) -> dict[str, object]:
    """Return all that decides what is learned, as JSON."""
    preset = request.preset
    told: dict[str, object] = {"students": list(request.students), "shards": list(chosen)}
    told["max_samples_per_task"] = request.per_way
    for name, values in (
        ("label", labels), ("data", preset.data), ("train", preset.train), ("decode", preset.decode),
    ):  # fmt: skip
        told |= {f"{name}.{key}": value for key, value in asdict(values).items()}
    found: dict[str, object] = json.loads(json.dumps(told))
    return found


def _refuse_folder(begun: Mapping[str, object] | None, request: DistilRequest) -> None:
    """Raise UsageError where a run is there and is not to be gone on with, or another training is."""
    if begun is None:
        for run in runs_of(request):
            refuse_used(run)
    elif not request.resume:
        raise UsageError(
            f"a run is there already: {clean_text(str(request.out))}",
            hint="pass --resume to go on with it, or another --out",
        )


def _refuse_other(begun: Mapping[str, object] | None, asked: Mapping[str, object], out: Path) -> None:
    """Raise UsageError where a run was begun otherwise."""
    if begun is not None and (other := differing(begun, asked)):
        raise UsageError(
            f"{clean_text(str(out))} was begun otherwise: it differs in {', '.join(other)}",
            hint="go on as it was begun, or train into another folder",
        )
