"""`gpu-optimize`, or `python cli/gpu_optimize.py`: what is here, does it work, what would give more."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __package__ in (None, ""):
    # run by its path: Python put cli/ on the path, where the packages are not
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import click
from click.core import ParameterSource

from bili2text.errors import OutOfMemory, UsageError
from bili2text.files import clean_text
from cli.console import console
from cli.model_options import (
    card_options,
    device_options,
    min_free_memory_option,
    model_options,
    planning_options,
)
from cli.options import talk_options
from cli.parameters import Command, FloatRange, all_of
from cli.settings import with_settings
from cli.telling_options import telling_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bili2text.diagnosis.live import Wanted
    from bili2text.diagnosis.values import Diagnosis
    from bili2text.plan.values import Wishes
    from bili2text.progress import Progress

# What --apply writes of its own: a recommendation must not be bound by the one before
_OURS = {"model": "auto", "compute_type": "auto"}
_WATCHING = ("every", "seconds")
_file = click.Path(dir_okay=False, path_type=Path)


class _Once(click.Option):
    """An option of one run, which is no setting."""

    section = "Diagnosis"


def _option(*names: str, **settings: Any) -> Any:  # noqa: ANN401 - click's
    return click.option(*names, cls=_Once, **settings)


_diagnosis_options = all_of(
    _option(
        "--trials/--no-trials",
        default=True,
        help="Try each precision, in a process of its own. Default: yes.",
    ),
    _option("--apply", is_flag=True, help="Write the recommended model and precision into the settings."),
    _option("--json", "as_json", is_flag=True, help="Print one JSON object."),
    _option("--watch", is_flag=True, help="Watch the card's memory until Ctrl-C, instead of the diagnosis."),
    _option(
        "--every",
        type=FloatRange(min=0.05),
        metavar="SECONDS",
        help="Time between two looks of --watch. Default: 1.",
    ),
    _option("--seconds", type=FloatRange(min=0), metavar="N", help="End --watch after N seconds."),
    _option(
        "--log",
        type=_file,
        metavar="FILE",
        help="Write what --watch sees as CSV. Without --watch, and with --png: draw this log.",
    ),
    _option(
        "--png",
        type=_file,
        metavar="FILE",
        help="Draw the memory over time (pip install 'bili2text[plot]').",
    ),
    _option("--overwrite", is_flag=True, help="Replace the files of --log and --png."),
)


@click.command("gpu-optimize", cls=Command)
@with_settings
@_diagnosis_options
@model_options
@device_options
@card_options
@min_free_memory_option
@planning_options
@telling_options
@talk_options
def command(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Show what is here, try every precision, say what to run, and what to stop or change for more.

    Without a card it says why, and does the same for the CPU. A precision that fails on a card is
    remembered, and not planned with again.

    \b
    bili2text gpu-optimize
    bili2text gpu-optimize --apply
    bili2text gpu-optimize --watch --log vram.csv --png vram.png
    """
    from bili2text.diagnosis.live import Wanted
    from bili2text.settings import environment

    _refuse_contradictions(values)
    progress = console(values["progress"], quiet=values["quiet"])
    wanted = Wanted(
        values["seconds"],
        values["every"] or 1.0,
        values["min_free_memory"] or 0,
        values["log"],
        values["png"],
        values["overwrite"],
    )
    if values["watch"]:
        _watch(wanted, values, progress, environment())
    elif values["png"]:
        _draw(values["log"], values["png"], wanted, as_json=values["as_json"])
    else:
        _diagnose({**values, **_unbound()}, progress, environment())


def _refuse_contradictions(values: dict[str, Any]) -> None:
    if values["watch"] and values["apply"]:
        raise UsageError("--watch and --apply contradict each other", hint="use one after the other")
    if values["watch"]:
        return
    for name in _WATCHING:
        if values[name] is not None:
            raise UsageError(f"--{name} is of --watch", hint=f"add --watch, or leave out --{name}")
    if bool(values["log"]) != bool(values["png"]):
        raise UsageError(
            "--log and --png go with --watch",
            hint="add --watch; or give both to draw the log of a finished run",
        )
    if values["png"] and values["apply"]:
        raise UsageError("--png and --apply contradict each other", hint="use one after the other")


def _unbound() -> dict[str, Any]:
    """Return our own defaults for what --apply writes, where it stands in the settings alone."""
    ctx = click.get_current_context()
    said = ParameterSource.COMMANDLINE
    return {name: value for name, value in _OURS.items() if ctx.get_parameter_source(name) is not said}


def _diagnose(values: dict[str, Any], progress: Progress, environ: Mapping[str, str]) -> None:
    from bili2text.diagnosis import report
    from bili2text.diagnosis.diagnose import Asked, diagnose
    from bili2text.models import hub
    from bili2text.models.store import Places
    from bili2text.paths import cache_dir
    from cli.request import planned

    places = Places(cache_dir(environ), values["model_dir"], environ)
    may_download = not hub.is_offline(hub.Options(offline=values["offline"], environ=environ))
    wished = planned(values)
    found = diagnose(Asked(wished, places, may_download, values["trials"]), progress, environ)
    written = _apply(found, wished, values["model_dir"], environ) if values["apply"] else {}
    if values["as_json"]:
        click.echo(json.dumps({**report.values(found), **written}))
        return
    click.echo(report.text(found), nl=False)
    if written:
        click.echo("\nWritten to " + clean_text(written["settings_file"]))
        for line in written["settings"]:
            click.echo(f"  {line}")
        names = " ".join(line.partition(" = ")[0] for line in written["settings"])
        click.echo(
            "  runs keep to this, and fit their sizes to what is free; to have each choose for itself:"
        )
        click.echo(f"  bili2text config unset {names}")


def _apply(
    found: Diagnosis, wished: Wishes, model_dir: Path | None, environ: Mapping[str, str]
) -> dict[str, Any]:
    """Write the recommendation, and return what was written where. Raises OutOfMemory without one."""
    from bili2text.diagnosis import apply
    from bili2text.paths import settings_file

    if found.plan is None:
        raise OutOfMemory(f"there is nothing to apply: {found.problem}")
    path = settings_file(environ)
    lines = apply.write(apply.as_settings(found.plan, wished, model_dir), path)
    return {"settings_file": str(path), "settings": list(lines)}


def _watch(wanted: Wanted, values: dict[str, Any], progress: Progress, environ: Mapping[str, str]) -> None:
    from dataclasses import asdict

    from bili2text.diagnosis.live import follow, summed
    from bili2text.gpu.probe import probe
    from bili2text.plan.cards import named
    from cli.wishes import wishes

    cards = probe(environ)
    device = next(iter(named(wishes(values), cards.devices)), None)
    if device is None:
        reason = cards.reason or "the CPU was asked for"
        progress.warn(f"there is no card to watch: {reason}")
        if values["as_json"]:
            click.echo(json.dumps({"watched": None, "reason": reason}))
        return
    say = (lambda _: None) if values["as_json"] or values["quiet"] else click.echo
    summary = follow(device, wanted, say, progress.warn)
    if values["as_json"]:
        click.echo(json.dumps({"watched": device.uuid, **asdict(summary), "mean_mib": summary.mean_mib}))
    else:
        click.echo(summed(summary))


def _draw(log: Path, png: Path, wanted: Wanted, *, as_json: bool) -> None:
    from bili2text.diagnosis.live import draw

    count = draw(log, png, wanted)
    if as_json:
        click.echo(json.dumps({"picture": str(png), "samples": count}))
    else:
        click.echo(clean_text(str(png)))


def main() -> None:
    """Run the diagnosis by the path of this file."""
    from cli.main import run

    run(command)


if __name__ == "__main__":
    main()
