"""Known collections of pairs on the Hugging Face hub. The only file that imports datasets."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bili2text.errors import DependencyError, SourceError, UsageError

_BUFFER = 10_000  # rows of each file that are mixed before one is taken


@dataclass(frozen=True, slots=True)
class Collection:
    """Where a collection is. Its splits are called train, validation and, where there is one, test."""

    id: str
    config: str
    splits: tuple[str, ...]


COLLECTIONS = {
    "wmt19": Collection("wmt/wmt19", "zh-en", ("train", "validation")),  # validation: newstest2018
    "opus100": Collection("Helsinki-NLP/opus-100", "en-zh", ("train", "validation", "test")),
}


def refuse_split(name: str, split: str) -> None:
    """Raise UsageError where a collection has no split of that name."""
    splits = COLLECTIONS[name].splits
    if split not in splits:
        raise UsageError(f"{name} has no split {split}", hint=f"it has {', '.join(splits)}")


def rows(name: str, split: str, seed: int) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a split: evenly from all of its files, each mixed by the seed in a buffer of 10,000.

    Read as they come, so that the first million needs no download of the rest; HF_ENDPOINT names a mirror.
    A collection's files are its parts (news, talks, laws), one after the other: the first rows would be
    those of one part. Validation and test come in their own order. Nothing of the hub's is executed.
    Raises UsageError for an unknown split, DependencyError, SourceError where the hub cannot be read.
    """
    refuse_split(name, split)
    found = COLLECTIONS[name]
    try:
        import datasets
    except ImportError as error:
        raise DependencyError(f"{name} needs datasets", hint='pip install "bili2text[workshop]"') from error
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it tells of every retry
    datasets.disable_progress_bars()
    try:
        opened = datasets.load_dataset(found.id, found.config, split=split, streaming=True)
        yield from mixed(opened, seed) if split == "train" else opened
    except Exception as error:  # of the library, the hub's client, its HTTP client, and pyarrow
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise SourceError(
            f"cannot read {name}: {why}", hint="check the network, set HF_ENDPOINT to a mirror, or pass files"
        ) from error


def mixed(opened: Any, seed: int) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - a datasets.IterableDataset
    """Yield a stream's rows, one of each of its files in turn, each file mixed by the seed."""
    files = opened.num_shards
    parts = (opened.shard(files, number) for number in range(files))
    return in_turn(
        [part.shuffle(seed=seed + number, buffer_size=_BUFFER) for number, part in enumerate(parts)]
    )


def in_turn(parts: Iterable[Iterable[Mapping[str, Any]]]) -> Iterator[Mapping[str, Any]]:
    """Yield one item of each part in turn; a part that has ended is left out."""
    going = [iter(part) for part in parts]
    while going:
        for one in tuple(going):
            try:
                yield next(one)
            except StopIteration:
                going.remove(one)
