"""`workshop prepare`: pairs from files and known collections, filtered, shuffled and split."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.console import MODES, console
from cli.parameters import Command, FloatRange, section

if TYPE_CHECKING:
    from bili2text.workshop.data.sources import Source
    from bili2text.workshop.values import DataSettings

_from = section("Sources")
_kept = section("What is kept")
_out = section("Output")
_COUNT = click.IntRange(min=0)


@click.command("prepare", cls=Command)
@click.argument("more", nargs=-1, metavar="[PAIRS]...")
@_from(
    "--pairs",
    multiple=True,
    metavar="PAIRS",
    help="TSV, JSONL or Parquet; or wmt19, opus100, as NAME[/SPLIT][:PAIRS]. Several may follow. "
    "Default: the collections of the preset.",
)
@_from(
    "--preset", default="rtx4080s", show_default=True, metavar="NAME", help="Whose data settings are taken."
)
@_from("--columns", metavar="ZH,EN", help="Names or numbers of the columns. Default: by header or script.")
@_from(
    "--encoding", metavar="NAME", help="Of text files. Default: UTF-8, or what their byte order mark says."
)
@_kept("--min-chars", type=_COUNT, metavar="N", help="Of either side. Default: the preset's.")
@_kept("--max-chars", type=_COUNT, metavar="N", help="Of either side. Default: the preset's.")
@_kept("--min-ratio", type=FloatRange(min=0), default=0.8, show_default=True, metavar="X",
       help="Characters of English for one of Chinese.")  # fmt: skip
@_kept(
    "--max-ratio", type=FloatRange(min=0), default=9.0, show_default=True, metavar="X", help="As --min-ratio."
)
@_kept(
    "--max-pairs", type=_COUNT, default=0, metavar="N", help="Train on at most so many, drawn by the seed."
)
@_kept("--seed", type=_COUNT, metavar="N", help="Of the order. Default: the preset's.")
@_kept("--dev", type=_COUNT, default=500, show_default=True, metavar="N", help="Pairs held out to stop by.")
@_kept(
    "--test", type=_COUNT, default=500, show_default=True, metavar="N", help="Pairs held out to measure by."
)
@_kept(
    "--dev-file",
    multiple=True,
    metavar="PAIRS",
    help="Pairs to hold out as they are, instead of --dev; of a collection its validation split.",
)
@_kept("--test-file", multiple=True, metavar="PAIRS", help="As --dev-file, instead of --test; opus100/test.")
@_out(
    "-o", "--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="The folder to write."
)
@_out("--overwrite", is_flag=True, help="Replace what was prepared there.")
@_out("--json", "as_json", is_flag=True, help="Print what data.json says.")
@_out("--progress", type=click.Choice(MODES), default="auto", help="How to show progress.")
def command(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Make train, dev and test pairs of files and collections.

    Left out are what is too short or long, in the wrong script or of an odd length ratio, placeholders,
    duplicates, and what of train is in dev or test. data.json counts each.

    \b
    bili2text workshop prepare --pairs mine.tsv more.jsonl --out data
    bili2text workshop prepare --preset rtx4080s --dev-file wmt19/validation --out data
    """
    from bili2text.workshop.data.filters import Rules
    from bili2text.workshop.data.pairs import Columns
    from bili2text.workshop.data.prepare import PrepareRequest, prepare
    from bili2text.workshop.data.sources import source
    from bili2text.workshop.presets import preset

    data = preset(values["preset"]).data
    rules = Rules(
        _or(values["min_chars"], data.min_chars),
        _or(values["max_chars"], data.max_chars),
        values["min_ratio"],
        values["max_ratio"],
    )
    request = PrepareRequest(
        sources=_sources([*values["pairs"], *values["more"]], data),
        out=values["out"].expanduser(),
        rules=rules,
        dev=values["dev"],
        test=values["test"],
        dev_sources=tuple(source(one, "validation") for one in values["dev_file"]),
        test_sources=tuple(source(one, "validation") for one in values["test_file"]),
        max_pairs=values["max_pairs"],
        seed=_or(values["seed"], data.seed),
        columns=Columns.told(values["columns"]) if values["columns"] else None,
        encoding=values["encoding"],
        overwrite=values["overwrite"],
    )
    found = prepare(request, console(values["progress"]))
    click.echo(json.dumps(asdict(found), ensure_ascii=False) if values["as_json"] else request.out)


def _or(told: int | None, preset: int) -> int:
    return preset if told is None else told


def _sources(told: list[str], data: DataSettings) -> tuple[Source, ...]:
    """Return the sources told, or else the preset's; a collection told without a number has the preset's."""
    from bili2text.errors import UsageError
    from bili2text.workshop.data.sources import Source, source

    numbers = {"wmt19": data.wmt19, "opus100": data.opus100}
    if told:
        asked = map(source, told)
        return tuple(
            Source(one.name, one.count or numbers.get(one.name, 0), one.split)
            if one.split == "train"
            else one
            for one in asked
        )
    found = tuple(Source(name, count, "train") for name, count in numbers.items() if count)
    if not found:
        raise UsageError("no pairs are named, and the preset names none", hint="--pairs mine.tsv, or wmt19")
    return found
