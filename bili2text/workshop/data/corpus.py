"""Pairs on disk: Arrow files that are read where they lie, and Parquet. Imports pyarrow."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, Literal, overload

from bili2text.errors import DependencyError, SourceError
from bili2text.files import whole
from bili2text.seq2seq.values import Pair
from bili2text.workshop.data.prepared import RECORD

SplitName = Literal["train", "dev", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "dev", "test")
_BATCH = 8192  # pairs; what a reader decodes the bounds of at once
_COLUMNS = ("zh", "en")


class Split(Sequence[Pair]):
    """The pairs of an Arrow file, mapped into memory: what is not read takes none. Picklable by its path."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises SourceError where it is not there or no such file."""
        pa = _pyarrow()
        self.path = path
        try:
            with pa.memory_map(str(path)) as source:
                reader = pa.ipc.open_file(source)
                batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
            if reader.schema.names != list(_COLUMNS):
                raise SourceError(f"{path} holds no pairs")
        except (OSError, pa.ArrowException) as error:
            raise SourceError(f"cannot read {path}", hint="bili2text workshop prepare makes it") from error
        self._batches = [tuple(batch.column(name) for name in _COLUMNS) for batch in batches]
        self._ends = list(accumulate(len(zh) for zh, _ in self._batches))

    def __reduce__(self) -> tuple[type[Split], tuple[Path]]:
        return Split, (self.path,)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, place: int) -> Pair: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Pair]: ...

    def __getitem__(self, place: int | slice) -> Pair | Sequence[Pair]:
        """Return the pair at a place, or those of a slice."""
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        if place < 0:
            place += len(self)
        if not 0 <= place < len(self):
            raise IndexError(place)
        number = bisect_right(self._ends, place)
        zh, en = self._batches[number]
        row = place - (self._ends[number] - len(zh))
        return Pair(zh[row].as_py(), en[row].as_py())

    def __iter__(self) -> Iterator[Pair]:
        for zh, en in self._batches:
            for left, right in zip(zh.to_pylist(), en.to_pylist(), strict=True):
                yield Pair(left, right)


def split_path(data: Path, name: SplitName) -> Path:
    """Return where a split of prepared data lies."""
    return data / f"{name}.arrow"


def open_split(data: Path, name: SplitName) -> Split:
    """Return a split of what `workshop prepare` wrote. Raises SourceError where there is no whole one."""
    if not (data / RECORD).is_file():
        raise SourceError(f"no prepared pairs in {data}", hint="bili2text workshop prepare makes them")
    return Split(split_path(data, name))


def write_split(path: Path, pairs: Iterable[Pair]) -> tuple[int, str]:
    """Write pairs to an Arrow file, whole or not at all; return how many, and the sha256 of `zh TAB en LF`.

    A few thousand pairs are in memory at a time. Raises StorageError; errors of `pairs` itself pass through.
    """
    pa = _pyarrow()
    schema = pa.schema([(name, pa.string()) for name in _COLUMNS])
    digest, count = hashlib.sha256(), 0
    rest = iter(pairs)
    with (
        whole(path) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, schema) as writer,
    ):
        while held := list(islice(rest, _BATCH)):
            sides = [[pair.zh for pair in held], [pair.en for pair in held]]
            writer.write_batch(pa.record_batch(sides, schema=schema))
            digest.update("".join(f"{pair.zh}\t{pair.en}\n" for pair in held).encode("utf-8"))
            count += len(held)
    return count, digest.hexdigest()


def parquet_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a Parquet file, a batch in memory at a time. Raises SourceError for another file."""
    pa = _pyarrow()
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH):
                yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{path} is no whole Parquet file") from error


def _pyarrow() -> Any:  # noqa: ANN401 - pyarrow has no types
    try:
        import pyarrow as pa
    except ImportError as error:
        raise DependencyError(
            "prepared pairs need pyarrow", hint='pip install "bili2text[workshop]"'
        ) from error
    return pa
