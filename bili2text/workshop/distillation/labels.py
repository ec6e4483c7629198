"""What a teacher said, on the disk: a set of shards, each a folder of parts that are whole or not there.

    LABELS/labels.json             what was asked of whom (LabelSet)
    LABELS/vocabulary/             the teacher's vocabulary, as students use it (Codec.save)
    LABELS/dev/000.safetensors     held-out pairs, for the students' evaluations
    LABELS/shard-00000/000.*       the first 8,192 samples: .safetensors holds them, .json vouches for that

A part's record is written after the part, and removed before it: what has a record is whole. So a labelling
that was killed goes on with the first part that has none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bili2text.errors import ModelError
from bili2text.files import clean_text, storage_error, write_whole
from bili2text.seq2seq.values import WAYS, Way

Mode = Literal["text", "topk"]
PART = 8_192  # samples; 16 tokens of 35 labels are 30 MB, and a kill loses no more than these
_RECORD = "labels.json"
_VERSION = 1  # of the files


@dataclass(frozen=True, slots=True)
class Sample:
    """What a teacher is asked about: a source, and its reference translation."""

    way: Way
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a teacher thinks of each token of a target and of its end, in its own numbers.

    Fields as train.examples.Likely has them, without a row for the target's language.
    """

    tokens: npt.NDArray[np.int32]  # [tokens + 1, k], the likeliest first
    logits: npt.NDArray[np.float16]  # [tokens + 1, k], raw
    whole: npt.NDArray[np.float32]  # [tokens + 1, 2]: log of the sum of exp(logits / T) for T = 1 and T = 2


@dataclass(frozen=True, slots=True)
class Label:
    """A sample with what the teacher said: its target is the teacher's, or the reference with an opinion."""

    sample: Sample
    opinion: Opinion | None = None


@dataclass(frozen=True, slots=True)
class LabelSet:
    """What was asked of whom. Sets that are equal in all of it hold the same labels, but for rounding."""

    teacher: str  # as it was named
    digest: str  # sha256 over its files
    precision: str  # it computed in
    mode: Mode
    k: int  # tokens of each opinion; 0 in text mode
    ways: tuple[Way, ...]
    data: str  # sha256 of the prepared pairs' data.json
    first: int  # number of the first sample: sample n is pair n // len(ways), in way n % len(ways)
    samples: int
    shard_size: int  # samples
    max_tokens: int  # of a source, and of a target
    vocabulary: int  # tokens of the teacher's embedding
    vocabulary_digest: str  # sha256 over LABELS/vocabulary; "" where students cannot use it
    wording: int  # translate.prompts.VERSION of what was asked
    batch: int  # samples at once; another number rounds otherwise

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return -(-self.samples // self.shard_size)

    def parts(self, shard: int) -> tuple[range, ...]:
        """Return the numbers of the samples of each part of a shard."""
        start = self.first + shard * self.shard_size
        end = min(start + self.shard_size, self.first + self.samples)
        return tuple(range(at, min(at + PART, end)) for at in range(start, end, PART))

    def size(self, shard: int) -> int:
        """Return how many samples a shard was asked for."""
        return sum(map(len, self.parts(shard)))


@dataclass(frozen=True, slots=True)
class PartRecord:
    """What vouches for a part."""

    sha256: str
    kept: int
    dropped: Mapping[str, int]  # samples by what was wrong with them


def differences(one: LabelSet, other: LabelSet) -> tuple[str, ...]:
    """Return the names of the fields in which two sets differ."""
    return tuple(f.name for f in fields(LabelSet) if getattr(one, f.name) != getattr(other, f.name))


def write_set(root: Path, labels: LabelSet) -> None:
    """Write the record of a set, whole or not at all. Raises StorageError."""
    text = json.dumps({"version": _VERSION, **asdict(labels)}, ensure_ascii=False, indent=1)
    write_whole(root / _RECORD, text + "\n", overwrite=True)


def holds_set(root: Path) -> bool:
    """Return whether a folder holds a set of labels."""
    return (root / _RECORD).is_file()


def read_set(root: Path) -> LabelSet:
    """Return the record of a set. Raises ModelError for a folder without one, or with a broken one."""
    try:
        told = json.loads((root / _RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(
            f"no labels in {clean_text(str(root))}", hint="make some: bili2text workshop label DATA"
        ) from error
    except (OSError, ValueError) as error:
        raise _broken(root) from error
    return _set_of(told, root)


def shard_folder(root: Path, shard: int) -> Path:
    """Return where a shard lies. Nothing is made."""
    return root / f"shard-{shard:05}"


def shards_on_disk(root: Path) -> tuple[int, ...]:
    """Return the numbers of the shards of which anything is on the disk."""
    names = (path.name.removeprefix("shard-") for path in root.glob("shard-*") if path.is_dir())
    return tuple(sorted(int(name) for name in names if name.isdigit()))


def part_path(folder: Path, part: int) -> Path:
    """Return where a part of a shard lies."""
    return folder / f"{part:03}.safetensors"


def record_path(folder: Path, part: int) -> Path:
    """Return where the record of a part lies."""
    return folder / f"{part:03}.json"


def missing(root: Path, labels: LabelSet, shard: int) -> tuple[int, ...]:
    """Return the parts of a shard that have no record."""
    folder = shard_folder(root, shard)
    return tuple(n for n in range(len(labels.parts(shard))) if not record_path(folder, n).is_file())


def write_record(folder: Path, part: int, record: PartRecord) -> None:
    """Vouch for a part that is on the disk. Raises StorageError."""
    write_whole(record_path(folder, part), json.dumps(asdict(record)) + "\n", overwrite=True)


def read_record(folder: Path, part: int) -> PartRecord:
    """Return the record of a part. Raises ModelError, which names the shard."""
    try:
        told = json.loads(record_path(folder, part).read_text(encoding="utf-8"))
        dropped = {str(why): int(count) for why, count in told["dropped"].items()}
        return PartRecord(str(told["sha256"]), int(told["kept"]), dropped)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(folder, f"{record_path(folder, part).name} is no record") from error


def remove_shard(root: Path, shard: int) -> None:
    """Remove a shard: records first, so that no part is ever vouched for and not there. Gone is fine.

    Raises StorageError.
    """
    folder = shard_folder(root, shard)
    if not folder.is_dir():
        return
    try:
        for path in sorted(folder.glob("*.json")):
            path.unlink(missing_ok=True)
        for path in sorted(folder.iterdir()):
            path.unlink(missing_ok=True)
        folder.rmdir()
    except OSError as error:
        raise storage_error(error, folder) from error


def damaged(folder: Path, why: str, hint: str = "") -> ModelError:
    """Return the error for a shard that is not what was written."""
    usual = f"remove {clean_text(str(folder))} and label again: only what is missing is labelled"
    return ModelError(f"{clean_text(folder.name)} is damaged: {why}", hint=hint or usual)


def _set_of(told: object, root: Path) -> LabelSet:
    if not isinstance(told, dict) or told.pop("version", None) != _VERSION:
        raise _broken(root)
    try:
        ways = tuple(told.pop("ways"))
        found = LabelSet(ways=ways, **told)
    except (KeyError, TypeError) as error:
        raise _broken(root) from error
    if not _makes_sense(found):
        raise _broken(root)
    return found


def _makes_sense(found: LabelSet) -> bool:
    counts: tuple[Any, ...] = (
        found.samples,
        found.shard_size,
        found.max_tokens,
        found.batch,
        found.vocabulary,
    )
    texts: tuple[Any, ...] = (
        found.teacher, found.digest, found.precision, found.data, found.vocabulary_digest,
    )  # fmt: skip
    return (
        all(type(one) is int and one > 0 for one in counts)
        and all(type(one) is int and one >= 0 for one in (found.k, found.first, found.wording))
        and all(isinstance(one, str) for one in texts)
        and found.mode in ("text", "topk")
        and (found.mode == "text") == (found.k == 0)
        and bool(found.ways)
        and set(found.ways) <= set(WAYS)
    )


def _broken(root: Path) -> ModelError:
    return ModelError(
        f"{clean_text(str(root / _RECORD))} is no record of labels", hint="label into another folder"
    )
