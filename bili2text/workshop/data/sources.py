"""Where pairs come from: a file, or a collection by its name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bili2text.errors import SourceError, UsageError
from bili2text.workshop.data import collections, pairs
from bili2text.workshop.data.lines import CHECK_PATH

_NAMED = re.compile(r"(?P<name>[a-z0-9]+)(?:/(?P<split>[a-z]+))?(?::(?P<count>[1-9][0-9_]*))?")


@dataclass(frozen=True, slots=True)
class Source:
    """A file, or a collection's split."""

    name: str  # as it was told
    count: int = 0  # pairs that are kept of it; 0: all
    split: str = ""  # of a collection; "" for a file


def source(text: str, split: str = "train") -> Source:
    """Return the source that is told as FILE or as NAME[/SPLIT][:PAIRS], such as wmt19:5_000_000.

    `split` is a collection's where none is told. Raises UsageError for what is neither.
    """
    named = _NAMED.fullmatch(text)
    if named is not None and named["name"] in collections.COLLECTIONS:
        count = int(named["count"].replace("_", "")) if named["count"] else 0
        return Source(named["name"], count, named["split"] or split)
    if pairs.is_pairs_file(text):
        return Source(str(Path(text).expanduser()))
    raise UsageError(
        f"{text} is neither a file of pairs nor a collection",
        hint=f"TSV, JSONL, Parquet, or {', '.join(collections.COLLECTIONS)}",
    )


def refuse_missing(asked: Source) -> None:
    """Raise SourceError where a file is not there, UsageError where a collection has no such split."""
    if asked.split:
        collections.refuse_split(asked.name, asked.split)
    elif not Path(asked.name).exists():
        raise SourceError(f"there is no file {asked.name}", hint=CHECK_PATH)


def stream(
    asked: Source, columns: pairs.Columns | None, encoding: str | None, seed: int
) -> Iterator[pairs.Found]:
    """Yield what each line or row is, in order. Raises as pairs.read or collections.rows does."""
    if not asked.split:
        yield from pairs.read(Path(asked.name), columns, encoding)
        return
    for number, row in enumerate(collections.rows(asked.name, asked.split, seed), start=1):
        yield pairs.of_mapping(row, None, f"{asked.name}/{asked.split}:{number}")
