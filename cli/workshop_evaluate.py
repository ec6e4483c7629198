"""`workshop evaluate`: BLEU, chrF, latency and memory of a run; the scores of what another system wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.console import MODES, console
from cli.parameters import Command, section
from cli.translation_options import refuse

if TYPE_CHECKING:
    from bili2text.progress import Progress
    from bili2text.workshop.measures.evaluate import EvaluateRequest, TestSet
    from bili2text.workshop.measures.timing import Search

_sets = section("Test sets")
_how = section("How it is measured")
_other = section("Another system's translations")
_out = section("Output")
_FILE = click.Path(path_type=Path)
_COUNT = click.IntRange(min=1)
_OF_A_RUN = (
    "data",
    "tests",
    "limit",
    "int8",
    "devices",
    "beams",
    "max_tokens",
    "threads",
    "timed",
    "progress",
)


@click.command("evaluate", cls=Command)
@click.argument("run", type=_FILE, metavar="[RUN]", required=False)
@_sets("--data", type=_FILE, metavar="DATA", help="The test pairs of these prepared data.")
@_sets(
    "--test", "tests", multiple=True, metavar="NAME=FILE", help="Pairs in TSV, JSONL or Parquet. Repeatable."
)
@_sets("--limit", type=_COUNT, metavar="N", help="The first N pairs of each set.")
@_how("--int8/--no-int8", default=True, show_default=True, help="The int8 model beside that in float32.")
@_how(
    "--device",
    "devices",
    type=click.Choice(("cpu", "cuda")),
    multiple=True,
    help="Repeatable. Default: the CPU, and a card where there is one.",
)
@_how("--beams", type=_COUNT, metavar="N", help="Default: as the run's settings say.")
@_how("--max-tokens", type=_COUNT, metavar="N", help="Of a translation. Default: the run's.")
@_how("--threads", type=_COUNT, default=1, show_default=True, metavar="N", help="Of the CPU.")
@_how(
    "--timed",
    type=_COUNT,
    default=200,
    show_default=True,
    metavar="N",
    help="Sentences of each direction that are translated one at a time and timed; the rest in batches.",
)
@_other("--hypotheses", type=_FILE, metavar="FILE", help="Translations, a line each: scored without a RUN.")
@_other("--references", type=_FILE, metavar="FILE", help="What they should say, a line each.")
@_other("--to", "language", type=click.Choice(("en", "zh")), help="The language of the translations.")
@_other("--name", metavar="NAME", help="Of their test set. Default: the references' file name.")
@_out("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_out("--progress", type=click.Choice(MODES), default="auto", help="How to show progress.")
def command(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Measure a converted RUN in both directions: BLEU, chrF, seconds and tokens of each sentence, memory.

    Targets are judged for each test set; RUN/evaluation.json keeps everything.

    \b
    bili2text workshop evaluate run --data data --test flores=flores.tsv
    bili2text workshop evaluate --hypotheses said.en --references flores.en --to en
    """
    from bili2text.errors import UsageError

    if values["hypotheses"] is not None or values["references"] is not None:
        refuse(_OF_A_RUN, "without a RUN", hint="another system's lines are only scored")
        _score(values)
    elif values["run"] is None:
        raise UsageError("there is nothing to evaluate", hint="name a RUN, or --hypotheses and --references")
    else:
        refuse(("language", "name"), "of a RUN", hint="they are of --hypotheses and --references")
        _evaluate(values)


def _score(values: dict[str, Any]) -> None:
    from dataclasses import asdict

    from bili2text.errors import UsageError
    from bili2text.workshop.measures.evaluation_text import scored
    from bili2text.workshop.measures.scores import score
    from bili2text.workshop.measures.testsets import lines_of

    if None in (values["hypotheses"], values["references"], values["language"]):
        raise UsageError("--hypotheses, --references and --to go together")
    if values["run"] is not None:
        raise UsageError("what another system wrote is scored without a RUN", hint="leave out RUN")
    name = values["name"] or values["references"].name
    said, wanted = (lines_of(values[one].expanduser()) for one in ("hypotheses", "references"))
    found = score(said, wanted, values["language"])
    told = {"test": name, "language": values["language"], **asdict(found)}
    click.echo(json.dumps(told, ensure_ascii=False) if values["as_json"] else scored(name, found).rstrip())


def _evaluate(values: dict[str, Any]) -> None:
    from bili2text.settings import environment
    from bili2text.workshop.measures import evaluation_text
    from bili2text.workshop.measures.evaluate import evaluate
    from bili2text.workshop.measures.evaluation_file import keep, refuse_unwritable

    progress = console(values["progress"])
    request = _request(values, progress)
    refuse_unwritable(request.folder)
    found = evaluate(request, environment(), progress)
    told = json.dumps(evaluation_text.values(found), ensure_ascii=False)
    # first, so that a full disk takes none of it
    click.echo(told if values["as_json"] else evaluation_text.text(found).rstrip())
    keep(found, request.folder)


def _request(values: dict[str, Any], progress: Progress) -> EvaluateRequest:
    from bili2text.errors import DeviceFailure
    from bili2text.gpu.probe import probe
    from bili2text.settings import environment
    from bili2text.workshop.measures.evaluate import EvaluateRequest

    found = probe(environment())
    cards = found.devices
    if "cuda" in values["devices"] and not cards:
        raise DeviceFailure(f"--device cuda: {found.reason or 'there is no card'}", hint="--device cpu")
    folder = values["run"].expanduser()
    return EvaluateRequest(
        folder=folder,
        sets=_test_sets(values, progress),
        search=_search(folder, values),
        int8=values["int8"],
        devices=tuple(dict.fromkeys(values["devices"])) or (("cpu", "cuda") if cards else ("cpu",)),
        threads=values["threads"],
        timed=values["timed"],
        gpu=cards[0].uuid if cards else "",
    )


def _test_sets(values: dict[str, Any], progress: Progress) -> tuple[TestSet, ...]:
    from bili2text.workshop.measures.testsets import of_data, of_file

    limit = values["limit"]
    of_these = [] if values["data"] is None else [of_data(values["data"].expanduser(), limit)]
    return (*of_these, *(of_file(one, limit, progress.warn) for one in values["tests"]))


def _search(folder: Path, values: dict[str, Any]) -> Search:
    from bili2text.workshop.measures.timing import Search
    from bili2text.workshop.presets import read
    from bili2text.workshop.run import Run
    from bili2text.workshop.values import DecodeSettings

    settings = Run(folder).settings
    usual = read(settings).decode if settings.is_file() else DecodeSettings()
    return Search(values["beams"] or usual.beams, values["max_tokens"] or usual.max_tokens)
