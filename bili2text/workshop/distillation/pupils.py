"""The students of a distillation: whose vocabulary each takes, and where it learns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bili2text.errors import ModelError, UsageError
from bili2text.files import clean_text, prove_writable
from bili2text.seq2seq import text_codec
from bili2text.seq2seq.codec import Codec
from bili2text.seq2seq.open import open_codec
from bili2text.workshop.distillation.label import dev_samples, vocabulary_digest
from bili2text.workshop.distillation.labels import LabelSet
from bili2text.workshop.distillation.lessons import ShardExamples, Visit, dev_examples
from bili2text.workshop.folders import whole_folder
from bili2text.workshop.run import Run
from bili2text.workshop.students import QWEN_VOCABULARY, Student, student
from bili2text.workshop.values import Preset

if TYPE_CHECKING:
    from bili2text.workshop.train.distil import Pupil

_TEXTS = 400_000  # that a student's own vocabulary is learned from


@dataclass(frozen=True, slots=True)
class DistilRequest:
    """Which students to train, and how."""

    out: Path
    students: tuple[str, ...]
    preset: Preset  # its model.id is each student's name in turn
    device: Literal["auto", "cpu", "cuda"] = "auto"
    compile: bool = False
    resume: bool = False
    shard: int | None = None  # that alone
    per_way: int | None = None  # samples of each direction, at most
    keep_teacher: bool = False  # in memory while students train


def shapes_of(students: Sequence[str], labels: LabelSet) -> tuple[Student, ...]:
    """Return the students of these names. Raises UsageError for one that there is not, or that cannot have
    the vocabulary of these labels."""
    shapes = tuple(student(name) for name in students)
    for shape in shapes:
        _refuse_vocabulary(shape, labels)
    return shapes


def runs_of(request: DistilRequest) -> tuple[Run, ...]:
    """Return the students' runs: the folder asked for, or one in it for each where there are several."""
    if len(request.students) == 1:
        return (Run(request.out),)
    return tuple(Run(request.out / name) for name in request.students)


def pupils(
    root: Path,
    labels: LabelSet,
    visits: Sequence[Visit],
    request: DistilRequest,
    texts: Callable[[], Iterable[str]],
) -> tuple[Pupil, ...]:
    """Return the students, each with its run's folder, settings and vocabulary written."""
    from bili2text.workshop.train.distil import Pupil

    found = []
    held = dev_samples(root)
    for shape, run in zip(shapes_of(request.students, labels), runs_of(request), strict=True):
        prove_writable(run.folder)
        codec = _codec(shape, labels, root, run, texts)
        preset = replace(request.preset, model=replace(request.preset.model, id=shape.name))
        examples = ShardExamples(root, labels, visits, codec, preset.train, shape.positions)
        dev = dev_examples(held, codec, shape.positions, preset.train.eval_pairs)
        found.append(Pupil(shape, run, codec, examples, preset, dev, request.device, request.compile))
    return tuple(found)


def _refuse_vocabulary(shape: Student, labels: LabelSet) -> None:
    """Raise UsageError for a student that cannot have the vocabulary that these labels ask of it."""
    if not _takes_the_teachers(shape, labels):
        return
    if not labels.vocabulary_digest:
        raise UsageError(
            f"{shape.name} takes its teacher's vocabulary, and that of {labels.teacher} is none it can have",
            hint="take --student small, or a teacher of Qwen's family",
        )
    if labels.vocabulary > shape.vocab:
        raise UsageError(
            f"{labels.teacher} has another vocabulary: {labels.vocabulary:,} tokens, {shape.name} has "
            f"{shape.vocab:,}",
            hint="take a qwen-* student, or label with --mode text: then it learns the words alone",
        )


def _takes_the_teachers(shape: Student, labels: LabelSet) -> bool:
    return labels.mode == "topk" or shape.vocab == QWEN_VOCABULARY


def _codec(
    shape: Student, labels: LabelSet, root: Path, run: Run, texts: Callable[[], Iterable[str]]
) -> Codec:
    """Return a student's vocabulary, written into its run: its teacher's, or its own, learned from texts."""
    if run.vocabulary.is_dir():
        return open_codec(run.vocabulary)
    codec: Codec
    if _takes_the_teachers(shape, labels):
        if vocabulary_digest(root / "vocabulary") != labels.vocabulary_digest:
            raise ModelError(
                f"the vocabulary in {clean_text(str(root))} is not the one that the labels were made with",
                hint="label again into another folder",
            )
        codec = open_codec(root / "vocabulary")
    else:
        codec = text_codec.trained(islice(texts(), _TEXTS), shape.vocab)
    with whole_folder(run.vocabulary) as staging:
        codec.save(staging)
    return codec
