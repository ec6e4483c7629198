"""What is said of lists, and how one is run again."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bili2text.errors import SourceError, UsageError
from bili2text.files import clean_text

if TYPE_CHECKING:
    from bili2text.lists.shelf import Known, Shelf
    from bili2text.lists.values import Entry

_WIDE = 160  # cells of a line that nobody looks at in a terminal


def print_table(name: str, entries: Sequence[Entry], *, as_json: bool) -> None:
    """Tell, when a list is worked through, what became of each: on standard error, or as a JSON object."""
    from bili2text.lists.values import counts

    if as_json:
        click.echo(json.dumps({"list": name, "counts": counts(entries)}))
        return
    for line in _lines(entries):
        click.echo(line, err=True)
    click.echo(f"list {name}", err=True)


def show_status(name: str | None, *, as_json: bool) -> None:
    """Print what became of each recording of a list. Raises UsageError where there is no such list."""
    from bili2text.lists.values import recordings

    known = _readable(_chosen(name))
    if as_json:
        for entry in recordings(known.entries):
            click.echo(json.dumps(entry_json(entry), ensure_ascii=False))
        return
    click.echo(f"list {known.name}{', being worked on now' if known.running else ''}")
    for line in _lines(known.entries):
        click.echo(line)


def show_lists(*, as_json: bool) -> None:
    """Print a line for each list."""
    from bili2text.lists.table import total
    from bili2text.lists.values import counts

    for known in _shelf().all():
        found = counts(known.entries)
        at = known.asked.at if known.asked else ""
        if as_json:
            facts = {"list": known.name, "running": known.running, "at": at, "counts": found}
            click.echo(json.dumps({**facts, "fault": known.fault}))
            continue
        when = f"{at[:16].replace('T', ' ')} UTC" if at else "?"
        running = ", being worked on now" if known.running else ""
        click.echo(f"{known.name}  {when}  {clean_text(known.fault) or total(found)}{running}")


def retry_list(name: str | None) -> int:
    """Let what failed wait again and run the list's command in its folder; return its exit code.

    Raises UsageError where there is no such list, or a process is at it.
    """
    from bili2text.lists.again import try_again
    from bili2text.lists.manifest import Manifest
    from cli.rerun import going_on, rerun

    known = _readable(_chosen(name))
    if known.asked is None:
        raise UsageError(f"nobody knows how the list {known.name} was made", hint="run its command again")
    with Manifest.open(_shelf().folder(known.name)) as manifest:
        count = try_again(manifest)
    click.echo(f"{count} to be tried again", err=True)
    # its sources are in the list itself, whole: those in the command may lack what is secret
    words = (*_before_dashes(going_on(known.asked.command)), "--name", known.name, "--listed")
    click.echo(f"running: bili2text {clean_text(shlex.join(words))}", err=True)
    if known.asked.redacted:
        click.echo("  a proxy's password was not stored; should it fail, run the command yourself", err=True)
    try:
        return rerun(words, Path(known.asked.folder))
    except OSError as error:
        folder = clean_text(known.asked.folder)
        click.echo(f"error: cannot run in {folder}: {error.strerror or error}", err=True)
        return SourceError.exit_code


def entry_json(entry: Entry) -> dict[str, Any]:
    """Return an entry as JSON shows it: no link in it that may hold a secret."""
    from bili2text.source.redact import safe_text

    return {
        "place": ".".join(str(number) for number in entry.place),
        "name": safe_text(entry.name),
        "state": entry.state,
        "why": safe_text(entry.why),
        "exit_code": entry.code,
        "seconds": entry.seconds,
        "files": list(entry.paths),
    }


def _before_dashes(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words without what follows "--": sources, which the list has itself."""
    return words[: words.index("--")] if "--" in words else words


def _lines(entries: Sequence[Entry]) -> list[str]:
    from bili2text.lists.table import lines

    return list(lines(entries, shutil.get_terminal_size((_WIDE, 24)).columns))


def _shelf() -> Shelf:
    from bili2text.lists.shelf import Shelf
    from bili2text.paths import cache_dir
    from bili2text.settings import environment

    return Shelf(cache_dir(environment()))


def _chosen(name: str | None) -> Known:
    if name is not None:
        return _shelf().known(name)
    found = _shelf().all()
    if not found:
        raise UsageError("there is no list yet", hint="begin one: bili2text batch SOURCE...")
    return found[0]


def _readable(known: Known) -> Known:
    if known.fault:
        raise SourceError(known.fault, hint="run its command again under another --name")
    return known
