"""A part of a shard as a safetensors file: texts, and a teacher's opinions of them. Numbers only, no code.

All samples lie one after the other, and `*_ends` tells where each of them ends:

    way                        [n] uint8       its place in seq2seq.values.WAYS
    source, target             [bytes] uint8   UTF-8
    source_ends, target_ends   [n] int64
    rows_ends                  [n] int64       in topk mode, and so are those below
    tokens                     [rows, k]       uint16 where the vocabulary has no more than 65,536, else int32
    logits                     [rows, k] float16
    whole                      [rows, 2] float32

With k = 16 and a vocabulary of 151,936 a row takes 104 bytes; with 65,536 tokens or fewer 72.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bili2text.errors import DependencyError
from bili2text.files import storage_error, whole
from bili2text.seq2seq.values import WAYS
from bili2text.workshop.distillation.labels import (
    Label,
    LabelSet,
    Opinion,
    PartRecord,
    Sample,
    damaged,
    missing,
    part_path,
    read_record,
    record_path,
    shard_folder,
    write_record,
)

EXTRA = 'pip install "bili2text[workshop]"'
_SMALL = 1 << 16  # tokens that a uint16 tells apart
_BLOCK = 1 << 20
_ENDS = ("source_ends", "target_ends")


def write_part(
    folder: Path, part: int, labels: Sequence[Label], dropped: Mapping[str, int], vocabulary: int
) -> PartRecord:
    """Write a part and then its record; the one that vouches for it is returned.

    `vocabulary` is how many tokens the teacher has. Raises StorageError: nothing half-written stays.
    """
    raw = _packed(labels, vocabulary)
    path = part_path(folder, part)
    # a record of an earlier try must not vouch for what is written now
    try:
        record_path(folder, part).unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(error, record_path(folder, part)) from error
    with whole(path) as temporary:
        try:
            temporary.write_bytes(raw)
        except OSError as error:
            raise storage_error(error, path) from error
    record = PartRecord(hashlib.sha256(raw).hexdigest(), len(labels), dict(dropped))
    write_record(folder, part, record)
    return record


def verify_shard(root: Path, labels: LabelSet, shard: int) -> tuple[PartRecord, ...]:
    """Return the records of a shard whose every byte is as it was written.

    Raises ModelError, which names the shard and what is wrong with it.
    """
    folder = shard_folder(root, shard)
    if absent := missing(root, labels, shard):
        why = f"{part_path(folder, absent[0]).name} is missing or was never finished"
        raise damaged(folder, why, hint="label again, as it was begun: only what is missing is labelled")
    records = []
    for part in range(len(labels.parts(shard))):
        record = read_record(folder, part)
        path = part_path(folder, part)
        try:
            found = _sha256(path)
        except OSError as error:
            raise damaged(folder, f"{path.name} cannot be read") from error
        if found != record.sha256:
            raise damaged(folder, f"{path.name} is not what was written")
        records.append(record)
    return tuple(records)


class Part:
    """A part that is read in place: texts are decoded and opinions read when they are asked for."""

    def __init__(self, path: Path) -> None:
        """Open it. Raises ModelError for a file that is not a part."""
        self._path = path
        try:
            self._file = _opener()(path, framework="numpy")
            self._ways = self._file.get_tensor("way")
            self._ends = {name: self._file.get_tensor(name) for name in _ENDS}
            self._texts = {name: self._file.get_tensor(name).tobytes() for name in ("source", "target")}
            self._rows = self._file.get_tensor("rows_ends") if "rows_ends" in self._file.keys() else None  # noqa: SIM118
        except (OSError, ValueError, KeyError, _error()) as error:
            raise damaged(path.parent, f"{path.name} is not a part of labels") from error
        if not self._is_sound():
            raise damaged(path.parent, f"{path.name} does not hold what it says")

    def __len__(self) -> int:
        return len(self._ways)

    def sample(self, place: int) -> Sample:
        """Return a sample: its target is what the teacher said, or the reference it was asked about."""
        return Sample(WAYS[int(self._ways[place])], self._text("source", place), self._text("target", place))

    def opinion(self, place: int) -> Opinion | None:
        """Return the opinion about a sample; None in text mode."""
        if self._rows is None:
            return None
        start, end = int(self._rows[place - 1]) if place else 0, int(self._rows[place])
        tokens, logits, full = (self._file.get_slice(n)[start:end] for n in ("tokens", "logits", "whole"))
        return Opinion(tokens.astype(np.int32), logits, full)

    def _text(self, side: str, place: int) -> str:
        ends = self._ends[f"{side}_ends"]
        start = int(ends[place - 1]) if place else 0
        raw: bytes = self._texts[side][start : int(ends[place])]
        return raw.decode("utf-8", "replace")

    def _is_sound(self) -> bool:
        count = len(self._ways)
        lengths = {f"{side}_ends": len(raw) for side, raw in self._texts.items()}
        ends = [(self._ends[name], lengths[name]) for name in _ENDS]
        if self._rows is not None:
            shapes = {self._file.get_slice(n).get_shape()[0] for n in ("tokens", "logits", "whole")}
            if len(shapes) != 1:
                return False
            ends.append((self._rows, shapes.pop()))
        known = not count or int(self._ways.max()) < len(WAYS)
        return known and all(_is_rising(one, count, last) for one, last in ends)


def parts_of(root: Path, labels: LabelSet, shard: int) -> Iterator[Part]:
    """Yield the parts of a shard, opened. Raises ModelError."""
    folder = shard_folder(root, shard)
    for part in range(len(labels.parts(shard))):
        yield Part(part_path(folder, part))


def _packed(labels: Sequence[Label], vocabulary: int) -> bytes:
    from safetensors.numpy import save

    tensors: dict[str, npt.NDArray[Any]] = {
        "way": np.array([WAYS.index(one.sample.way) for one in labels], np.uint8),
        **_texts("source", [one.sample.source for one in labels]),
        **_texts("target", [one.sample.target for one in labels]),
    }
    opinions = [one.opinion for one in labels if one.opinion is not None]
    if opinions:
        kind = np.uint16 if vocabulary <= _SMALL else np.int32
        tensors["rows_ends"] = np.cumsum([len(one.tokens) for one in opinions], dtype=np.int64)
        tensors["tokens"] = np.concatenate([one.tokens for one in opinions]).astype(kind)
        tensors["logits"] = np.concatenate([one.logits for one in opinions])
        tensors["whole"] = np.concatenate([one.whole for one in opinions])
    raw: bytes = save(tensors)
    return raw


def _texts(side: str, texts: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    raw = [text.encode("utf-8", "replace") for text in texts]
    return {
        side: np.frombuffer(b"".join(raw), np.uint8),
        f"{side}_ends": np.cumsum([len(one) for one in raw], dtype=np.int64),
    }


def _is_rising(ends: npt.NDArray[np.int64], count: int, last: int) -> bool:
    if len(ends) != count or not count:
        return len(ends) == count
    return bool(ends[0] >= 0 and (np.diff(ends) >= 0).all() and ends[-1] == last)


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def _opener() -> Any:  # noqa: ANN401 - safetensors.safe_open
    try:
        from safetensors import safe_open
    except ImportError as error:
        raise DependencyError("labels need safetensors", hint=EXTRA) from error
    return safe_open


def _error() -> type[Exception]:
    from safetensors import SafetensorError

    found: type[Exception] = SafetensorError
    return found
