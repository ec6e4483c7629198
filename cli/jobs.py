"""`jobs`: what was begun and not finished, going on with it, and removing what is not needed."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bili2text.cells import width
from bili2text.errors import SourceError, UsageError
from bili2text.files import clean_text
from cli.parameters import Command, FloatRange, section

if TYPE_CHECKING:
    from bili2text.jobs.store import About, Jobs

_option = section("Options")
_json = _option("--json", "as_json", is_flag=True, help="Print one JSON object for each job.")
_SHORT = 8  # digits of a key that are shown


@click.group("jobs", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """List the recordings that were begun, go on with those not finished, remove old ones."""


@command.command("list", cls=Command)
@_json
def list_(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Print every job, the latest first: key, state, groups done, when, and what it is."""
    for about in _jobs().all():
        _show(about, as_json=values["as_json"])


@command.command("resume", cls=Command)
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@_option("--all", "everything", is_flag=True, help="Every job that is not finished, the oldest first.")
def resume(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Run the commands of unfinished jobs again, each in its folder; they go on where they stopped.

    A KEY may be the beginning of one. Without any, the only unfinished job is meant.
    """
    from cli.rerun import worst

    chosen = _chosen(_jobs().all(), values["keys"], everything=values["everything"])
    # one command may have begun several jobs
    commands = {(about.command, about.folder): about for about in chosen}
    code = worst([_again(about) for about in commands.values()])
    click.get_current_context().exit(code)


@command.command("clean", cls=Command)
@_option("--all", "everything", is_flag=True, help="Unfinished ones too; never one that runs.")
@_option(
    "--older-than",
    type=FloatRange(min=0),
    metavar="DAYS",
    help="Only those not worked on for this many days.",
)
@_json
def clean(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Remove the finished jobs, and print them. Transcripts and subtitles stay."""
    removed = _jobs().clean(
        finished=True, older_than_days=values["older_than"], everything=values["everything"]
    )
    for about in removed:
        _show(about, as_json=values["as_json"])


def _jobs() -> Jobs:
    from bili2text.jobs.store import Jobs
    from bili2text.paths import cache_dir
    from bili2text.settings import environment

    return Jobs(cache_dir(environment()))


def _show(about: About, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(about)))
        return
    done = f"{about.done}/{about.total}"
    name = clean_text(about.title or about.source or "(its about.json cannot be read)")
    when = clean_text(about.updated)[:16].replace("T", " ")
    click.echo(f"{about.key[:_SHORT]}  {about.state:10}  {done:>9}  {when} UTC  {_cut(name)}")


def _cut(name: str, cells: int = 60) -> str:
    while width(name) > cells:
        name = name[:-2] + "…"
    return name


def _chosen(jobs: tuple[About, ...], keys: tuple[str, ...], *, everything: bool) -> list[About]:
    """Return the jobs that were named, or all that are unfinished, the oldest first. Raises UsageError."""
    if keys and everything:
        raise UsageError("--all and a KEY were given", hint="give one or the other")
    if keys:
        return [_resumable(_named(jobs, key)) for key in keys]
    begun = [about for about in reversed(jobs) if about.state == "unfinished"]
    unfinished = [about for about in begun if not _was_piped(about)]
    for about in begun:
        if _was_piped(about):
            click.echo(f"job {about.key[:_SHORT]} is of standard input: {_again_piped()}", err=True)
    if not unfinished:
        click.echo("nothing to resume", err=True)
    if len(unfinished) > 1 and not everything:
        raise UsageError(
            f"{len(unfinished)} jobs are unfinished",
            hint="name one by the beginning of its key (`bili2text jobs list`), or pass --all",
        )
    return unfinished


def _named(jobs: tuple[About, ...], key: str) -> About:
    found = [about for about in jobs if about.key.startswith(key.lower())]
    if len(found) != 1:
        how_many = f"{len(found)} jobs begin with" if found else "no job begins with"
        raise UsageError(f"{how_many} {key!r}", hint="`bili2text jobs list` shows them")
    return found[0]


def _resumable(about: About) -> About:
    why = {
        "running": "is running now",
        "finished": "is finished",
        "broken": "cannot be read; run its command again yourself",
    }.get(about.state)
    if why:
        raise UsageError(f"job {about.key[:_SHORT]} {why}")
    if _was_piped(about):
        raise UsageError(f"job {about.key[:_SHORT]} is of standard input", hint=_again_piped())
    return about


def _was_piped(about: About) -> bool:
    from bili2text.jobs.store import STDIN

    return about.source == STDIN


def _again_piped() -> str:
    from bili2text.jobs.store import AGAIN

    return AGAIN


def _again(about: About) -> int:
    from cli.rerun import going_on, rerun

    words = going_on(about.command)
    click.echo(
        f"running: bili2text {clean_text(shlex.join(words))}  (in {clean_text(about.folder)})", err=True
    )
    if about.redacted:
        click.echo(
            "  what may be secret in it was not stored; should it fail, run it again yourself", err=True
        )
    try:
        return rerun(words, Path(about.folder))
    except OSError as error:
        click.echo(
            f"error: cannot run in {clean_text(about.folder)}: {clean_text(error.strerror or str(error))}",
            err=True,
        )
        return SourceError.exit_code
