"""`workshop sweep`: students of several sizes side by side, and the best by BLEU, latency and memory."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.console import MODES, console
from cli.parameters import Command, section

if TYPE_CHECKING:
    from bili2text.progress import Progress
    from bili2text.workshop.measures.evaluate import TestSet
    from bili2text.workshop.measures.sweep import SweepRequest, Train
    from bili2text.workshop.measures.sweep_file import SweepFile
    from bili2text.workshop.run import Run

_what = section("What is compared")
_how = section("How it is measured")
_out = section("Output")
_FILE = click.Path(path_type=Path)
_COUNT = click.IntRange(min=1)


@click.command("sweep", cls=Command)
@click.argument("source", type=_FILE, metavar="[SWEEP.toml|DATA]", required=False)
@_what("--students", metavar="NAMES", help="Trained on DATA, each in a run of its own: tiny,small")
@_what("--runs", type=_FILE, multiple=True, metavar="RUN", help="A finished run to compare. Repeatable.")
@_what("--preset", metavar="NAME", help="How students are trained. Default: student.")
@_what("--vocabulary", type=_FILE, metavar="FILE", help="A Qwen's tokenizer.json, for the students qwen-*.")
@_what("--max-steps", type=_COUNT, metavar="N", help="End each training after so many steps.")
@_what(
    "--test", "tests", multiple=True, metavar="NAME=FILE", help="More test sets. The first of all decides."
)
@_what("--limit", type=_COUNT, metavar="N", help="The first N pairs of each set.")
@_how("--device", type=click.Choice(("auto", "cpu", "cuda")), default="auto", show_default=True,
      help="Where students are trained; they are measured on the CPU.")  # fmt: skip
@_how("--beams", type=_COUNT, default=1, show_default=True, metavar="N")
@_how("--max-tokens", type=_COUNT, default=64, show_default=True, metavar="N", help="Of a translation.")
@_how("--threads", type=_COUNT, default=1, show_default=True, metavar="N", help="Of the CPU.")
@_how("--timed", type=_COUNT, default=200, show_default=True, metavar="N", help="Sentences that are timed.")
@_out("-o", "--out", type=_FILE, required=True, metavar="DIR", help="The folder of runs, table and picture.")
@_out("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_out("--progress", type=click.Choice(MODES), default="auto", help="How to show progress.")
def command(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Train students of several sizes, or take finished runs; convert, measure and choose.

    Of those that meet the targets of latency and memory the best has the highest BLEU; where the difference
    may be chance, it is the smaller. What is trained already is not trained again.

    \b
    bili2text workshop sweep data --students tiny,small --out sweep
    bili2text workshop sweep data --runs run-a --runs run-b --out sweep
    """
    from bili2text.settings import environment
    from bili2text.workshop.measures import sweep as sweeping

    progress = console(values["progress"])
    asked = _asked(values)
    request = _request(asked, values, progress)
    found = sweeping.sweep(request, _trainer(asked, values, progress), environment(), progress)
    told = (
        json.dumps(sweeping.values(found), ensure_ascii=False) if values["as_json"] else sweeping.text(found)
    )
    click.echo(told.rstrip())


def _asked(values: dict[str, Any]) -> SweepFile:
    """Return what the file or folder says, and what the options say over it."""
    from bili2text.workshop.measures.sweep_file import SweepFile, read
    from bili2text.workshop.students import student

    source = values["source"] and values["source"].expanduser()
    found = read(source) if source and source.suffix == ".toml" else SweepFile(data=source)
    names = [name.strip() for name in (values["students"] or "").split(",") if name.strip()]
    return replace(
        found,
        students=tuple(student(name).name for name in dict.fromkeys(names)) or found.students,
        preset=values["preset"] or found.preset,
        runs=tuple(one.expanduser() for one in values["runs"]) or found.runs,
        tests=(*found.tests, *values["tests"]),
        max_steps=values["max_steps"] or found.max_steps,
        vocabulary=(values["vocabulary"] and values["vocabulary"].expanduser()) or found.vocabulary,
    )


def _request(asked: SweepFile, values: dict[str, Any], progress: Progress) -> SweepRequest:
    from bili2text.workshop.measures.sweep import SweepRequest
    from bili2text.workshop.measures.timing import Search

    return SweepRequest(
        out=values["out"].expanduser(),
        sets=_sets(asked, values, progress),
        search=Search(values["beams"], values["max_tokens"]),
        students=asked.students,
        runs=asked.runs,
        threads=values["threads"],
        timed=values["timed"],
    )


def _sets(asked: SweepFile, values: dict[str, Any], progress: Progress) -> tuple[TestSet, ...]:
    from bili2text.errors import UsageError
    from bili2text.workshop.measures.testsets import of_data, of_file

    limit = values["limit"]
    of_these = [] if asked.data is None else [of_data(asked.data, limit)]
    found = (*of_these, *(of_file(one, limit, progress.warn) for one in asked.tests))
    if not found:
        raise UsageError("there is no test set", hint="name DATA, or --test NAME=FILE")
    return found


def _trainer(asked: SweepFile, values: dict[str, Any], progress: Progress) -> Train:
    """Return what trains a student by its name; one that was begun goes on."""
    from bili2text.errors import UsageError

    def train(name: str, run: Run) -> None:
        from bili2text.workshop.presets import changed, preset
        from bili2text.workshop.train.finetune import FinetuneRequest, finetune

        if asked.data is None:
            raise UsageError("students are trained on prepared pairs", hint="name DATA, or only --runs")
        wanted = changed(preset(asked.preset), "model", id=name)
        request = FinetuneRequest(
            data=asked.data,
            preset=wanted,
            out=run.folder,
            resume=run.settings.is_file(),
            device=values["device"],
            vocabulary=asked.vocabulary,
            max_steps=asked.max_steps,
        )
        finetune(request, progress)

    return train
