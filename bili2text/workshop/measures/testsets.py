"""Where test sets come from: prepared data, files of pairs, and lines that another system wrote."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

from bili2text.errors import SourceError, UsageError
from bili2text.files import clean_text
from bili2text.seq2seq.values import Pair
from bili2text.workshop.data.corpus import SplitName, open_split
from bili2text.workshop.data.lines import BROKEN, numbered
from bili2text.workshop.data.pairs import read
from bili2text.workshop.measures.evaluate import TestSet


def of_data(data: Path, limit: int | None = None, split: SplitName = "test") -> TestSet:
    """Return the pairs held out of prepared data, called FOLDER/SPLIT; the first `limit` of them.

    Raises SourceError where there are none.
    """
    name = f"{clean_text(data.resolve().name)}/{split}"
    pairs = tuple(islice(open_split(data, split), limit))
    if not pairs:
        raise SourceError(f"{name} holds no pairs", hint=f"prepare some: --{split} N, or --{split}-file")
    return TestSet(name, pairs)


def of_file(told: str, limit: int | None = None, warn: Callable[[str], None] = lambda _: None) -> TestSet:
    """Return the pairs of "NAME=FILE", the first `limit`; lines that are none are counted to `warn`.

    Without NAME it is the file's own. Raises UsageError, SourceError.
    """
    name, _, file = told.partition("=") if "=" in told else (Path(told).stem, "", told)
    name = clean_text(name)  # it stands in tables and files
    if not name or not file.strip():
        raise UsageError(f"no test set: {clean_text(told)}", hint="--test NAME=FILE")
    pairs: list[Pair] = []
    bad = []
    for found in read(Path(file).expanduser()):
        if isinstance(found, Pair):
            pairs.append(found)
        else:
            bad.append(found)
    if bad:
        warn(f"{name}: {len(bad)} lines are no pair and left out, the first is {bad[0].place}")
    return TestSet(name, tuple(pairs[:limit]))


def lines_of(path: Path) -> tuple[str, ...]:
    """Return the lines of a UTF-8 file, one for each sentence; blank ones count. Raises SourceError."""
    lines = tuple(line for _, line in numbered(path))
    broken = next((number for number, line in enumerate(lines, 1) if BROKEN in line), None)
    if broken is not None:
        raise SourceError(f"{path}:{broken} is no text", hint="save the file as UTF-8")
    return lines
