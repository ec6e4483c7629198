"""`workshop label`: prepared pairs, a teacher -> a set of labels on the disk."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bili2text.errors import ModelError, UsageError
from bili2text.files import clean_text, prove_writable
from bili2text.paths import cache_dir
from bili2text.progress import Progress
from bili2text.seq2seq.text_codec import TextCodec, of_qwen
from bili2text.seq2seq.values import WAYS, Way
from bili2text.settings import environment
from bili2text.translate.prompts import VERSION
from bili2text.workshop.data.corpus import Split, open_split
from bili2text.workshop.distillation import labels as on_disk
from bili2text.workshop.distillation.labels import Label, LabelSet, Mode, Sample
from bili2text.workshop.distillation.parts import write_part
from bili2text.workshop.distillation.teaching import OnDemand, Samples, Tally, Teacher, label_shard
from bili2text.workshop.folders import whole_folder
from bili2text.workshop.held import alone

TEACHER = "Qwen/Qwen2.5-1.5B-Instruct"  # Apache-2.0 (its card); its vocabulary is that of the qwen-* students
SHARD = 100_000  # samples
_DEV = 2_000  # held-out pairs that are kept with the labels


@dataclass(frozen=True, slots=True)
class LabelRequest:
    """What to have labelled, by whom, and how."""

    data: Path
    teacher: str = TEACHER
    mode: Mode = "text"
    k: int = 16
    ways: tuple[Way, ...] = WAYS
    batch: int = 16
    max_tokens: int = 64
    max_samples: int | None = None
    first: int = 0
    shard_size: int = SHARD
    precision: str = "auto"
    compile: bool = False
    device: str = "auto"


@dataclass(frozen=True, slots=True)
class Task:
    """A set of labels that is to be made: what is asked, and of which texts."""

    root: Path
    labels: LabelSet
    samples: Samples
    held: Samples  # held-out ones, for the students' evaluations
    codec: TextCodec | None  # the teacher's vocabulary, as students use it
    teacher: OnDemand

    def shard(self, shard: int, progress: Progress) -> Tally:
        """Label what is missing of a shard. Raises as teaching.label_shard does."""
        return label_shard(self.root, self.labels, shard, self.samples, self.teacher, progress)


def label(request: LabelRequest, root: Path, progress: Progress) -> LabelSet:
    """Have every shard of the set in `root` labelled and whole; what is there already is not done again.

    Raises UsageError where `root` holds labels of something else, or another process labels there;
    SourceError for data that is not there, ModelError for a teacher that cannot be had or does not translate,
    StorageError.
    """
    task = planned(request, root, progress)
    with alone(root, "labelling"):
        settle(task)
        _all_shards(task, progress)
    return task.labels


def planned(request: LabelRequest, root: Path, progress: Progress) -> Task:
    """Return the task of a request. Nothing is written, the teacher is not loaded. Raises as `label` does."""
    from bili2text.workshop.train.fetch import teacher_folder

    pairs = open_split(request.data, "train")
    folder = teacher_folder(request.teacher)
    codec = _codec(folder, request.mode)
    samples = Samples(pairs, request.ways)
    labels = _set(request, folder, codec, len(samples), progress)
    held: Split = open_split(request.data, "dev")

    def teacher() -> Teacher:
        from bili2text.workshop.train.teacher import HfTeacher, Teaching

        how = Teaching(request.device, request.precision, request.max_tokens, labels.k, request.compile)
        return HfTeacher(folder, codec, how)

    return Task(root, labels, samples, Samples(held[:_DEV], request.ways), codec, OnDemand(teacher))


def settle(task: Task) -> None:
    """Make the folder of a set, its record last, or make sure that it is that set's.

    Raises UsageError where it holds another set, ModelError for a broken record, StorageError.
    """
    root, labels = task.root, task.labels
    if on_disk.holds_set(root):
        found = on_disk.read_set(root)
        if other := on_disk.differences(found, labels):
            raise UsageError(
                f"{clean_text(str(root))} holds other labels: they differ in {', '.join(other)}",
                hint="label into another folder, or as it was begun",
            )
        return
    prove_writable(root)
    if task.codec is not None:
        with whole_folder(root / "vocabulary") as staging:
            task.codec.save(staging)
    prove_writable(root / "dev")
    write_part(root / "dev", 0, [Label(one) for one in task.held], {}, labels.vocabulary)
    on_disk.write_set(root, labels)  # last: what has it is whole


def dev_samples(root: Path) -> tuple[Sample, ...]:
    """Return the held-out samples that lie with a set of labels. Raises ModelError."""
    from bili2text.workshop.distillation.parts import Part

    part = Part(on_disk.part_path(root / "dev", 0))
    return tuple(part.sample(place) for place in range(len(part)))


def vocabulary_digest(folder: Path) -> str:
    """Return a sha256 over what the files of a vocabulary say, in whatever order its JSON says it.

    Raises ModelError where they cannot be read.
    """
    found = hashlib.sha256()
    try:
        for path in sorted(path for path in folder.iterdir() if path.is_file()):
            raw = path.read_bytes()
            if path.suffix == ".json":
                raw = json.dumps(json.loads(raw), sort_keys=True).encode()
            found.update(f"{path.name}\0{hashlib.sha256(raw).hexdigest()}\0".encode())
    except (OSError, ValueError) as error:
        raise ModelError(f"the vocabulary of the labels cannot be read: {clean_text(str(folder))}") from error
    return found.hexdigest()


def _all_shards(task: Task, progress: Progress) -> None:
    open_shards = [
        shard for shard in range(task.labels.shards) if on_disk.missing(task.root, task.labels, shard)
    ]
    if not open_shards:
        progress.note("every shard is labelled already")
        return
    try:
        for shard in open_shards:
            tally = task.shard(shard, progress)
            progress.note(f"{on_disk.shard_folder(task.root, shard).name}: {tally.text}")
    finally:
        task.teacher.close()


def _codec(folder: Path, mode: Mode) -> TextCodec | None:
    """Return the student's vocabulary made of the teacher's; None where it cannot be, and need not."""
    from bili2text.translators.shapes import config_of

    size = config_of(folder).shape.vocab
    if mode == "topk":
        return of_qwen(folder / "tokenizer.json", size)
    with suppress(ModelError):  # its words are enough for students with a vocabulary of their own
        return of_qwen(folder / "tokenizer.json", size)
    return None


def _set(
    request: LabelRequest, folder: Path, codec: TextCodec | None, there: int, progress: Progress
) -> LabelSet:
    from bili2text.models.stamps import Stamps
    from bili2text.translators.fingerprint import fingerprint
    from bili2text.translators.shapes import config_of

    count = min(there - request.first, request.max_samples or there)
    if count <= 0:
        raise UsageError(f"--start-from {request.first}: there are {there:,} samples", hint="begin earlier")
    vocabulary = config_of(folder).shape.vocab
    if request.mode == "topk" and request.k > vocabulary:
        raise UsageError(f"--k {request.k}: the teacher has {vocabulary:,} tokens")
    stamps = Stamps(cache_dir(environment()) / "workshop" / ".stamps")
    return LabelSet(
        teacher=request.teacher,
        digest=fingerprint(folder, stamps, progress),
        precision=request.precision,
        mode=request.mode,
        k=request.k if request.mode == "topk" else 0,
        ways=request.ways,
        data=_sha256(request.data / "data.json"),
        first=request.first,
        samples=count,
        shard_size=request.shard_size,
        max_tokens=request.max_tokens,
        vocabulary=vocabulary,
        vocabulary_digest=_digest_of(codec),
        wording=VERSION,
        batch=request.batch,
    )


def _digest_of(codec: TextCodec | None) -> str:
    """Return vocabulary_digest of the folder that a codec is saved into."""
    import tempfile

    if codec is None:
        return ""
    with tempfile.TemporaryDirectory(prefix="bili2text-") as name:
        codec.save(Path(name))
        return vocabulary_digest(Path(name))


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(
            f"no prepared pairs in {clean_text(str(path.parent))}",
            hint="bili2text workshop prepare makes them",
        ) from error
