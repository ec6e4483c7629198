"""Sentences with their translations, for the measurements: from a package, a table, or two files."""

from __future__ import annotations

import argparse
import importlib
import random
from dataclasses import dataclass
from pathlib import Path

from bili2text.files import clean_text

HSK = "hsk"  # the package hsk-sentences-audio: spoken Chinese and English, CC-BY-SA-4.0
_PLACEHOLDER = "placeholder"  # how what 80 of its 4,354 rows have for a translation begins


@dataclass(frozen=True, slots=True)
class Pair:
    """A sentence, and what somebody made of it."""

    source: str
    target: str


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `asked_for` reads."""
    parser.add_argument("--pairs", help=f"source, tab, translation on each line; {HSK}: the package's")
    parser.add_argument("--sources", type=Path, help="a sentence on each line")
    parser.add_argument("--references", type=Path, help="their translations, line by line")
    parser.add_argument("--reverse", action="store_true", help="translate the translations")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the choice of sentences")


def asked_for(options: argparse.Namespace) -> tuple[str, list[Pair]]:
    """Return what the set is called, and its pairs: a sample of all, the same for a seed, in their order."""
    name, pairs = _all(options)
    if options.reverse:
        pairs = [Pair(pair.target, pair.source) for pair in pairs]
    taken = sorted(random.Random(options.seed).sample(range(len(pairs)), min(options.count, len(pairs))))  # noqa: S311
    return name, [pairs[place] for place in taken]


def _all(options: argparse.Namespace) -> tuple[str, list[Pair]]:
    if options.pairs == HSK:
        return HSK, _hsk()
    if options.pairs:
        rows = Path(options.pairs).read_text(encoding="utf-8").splitlines()
        return Path(options.pairs).stem, _paired([row.split("\t", 1) for row in rows if "\t" in row])
    if not (options.sources and options.references):
        raise SystemExit("name --pairs, or --sources and --references")
    files = [path.read_text(encoding="utf-8").splitlines() for path in (options.sources, options.references)]
    if len(files[0]) != len(files[1]):
        raise SystemExit("the two files have not as many lines")
    folder = options.sources.resolve().parent.name
    return f"{folder} {options.sources.stem}", _paired([list(row) for row in zip(*files, strict=True)])


def _hsk() -> list[Pair]:
    try:
        rows = importlib.import_module("hsk_sentences_audio").load_sentences()
    except ImportError as error:
        raise SystemExit("pip install hsk-sentences-audio") from error
    return _paired([[row["chinese"], row["translation"]["en"]] for row in rows])


def _paired(rows: list[list[str]]) -> list[Pair]:
    cleaned = [[clean_text(text) for text in row] for row in rows]
    return [
        Pair(source, target)
        for source, target in cleaned
        if source and target and not target.startswith(_PLACEHOLDER)
    ]
