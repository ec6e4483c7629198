"""Two translators compared: the votes asked for in the terminal, the page written, the findings shown."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from bili2text.compare import report
from bili2text.compare.ballot import Ballot, Choice, Pair, Vote, ballot
from bili2text.compare.measure import Score, measured, scores
from bili2text.compare.page import NOTHING, page
from bili2text.compare.references import Unit, references
from bili2text.compare.report import Findings
from bili2text.compare.tally import summed
from bili2text.compare.values import Contest
from bili2text.compare.votes import Votes, imported, now, voter_name
from bili2text.errors import DependencyError
from bili2text.files import clean_text, write_whole

_KEYS: dict[str, Choice] = {"1": "left", "2": "right", "=": "tie", "s": "skip"}
_ASKED = "1 / 2 better, = as good, s skip, b back, q stop: "


@dataclass(frozen=True, slots=True)
class Comparing:
    """How a comparison is to be made."""

    lines: int  # of the transcript, that a reference is laid beside
    reference: Path | None = None  # captions of any kind
    voter: str = ""  # whose votes these are
    votes: tuple[Path, ...] = ()  # files that the page saved
    page: Path | None = None  # where to write it; None: beside the votes
    ask: bool | None = None  # in the terminal; None: where there is one
    as_json: bool = False
    overwrite: bool = False  # a page that is there already


def compare(contest: Contest, cache: Path, ways: Comparing) -> Findings:
    """Write the page, ask for votes where there is a terminal, show what comes of it on standard output.

    Votes are kept below `cache` as they are cast. Raises UsageError and SourceError for files that do not
    fit, before anything is asked, and StorageError.
    """
    shown, store = ballot(contest), Votes(cache, contest.key)
    units = references(ways.reference, contest, ways.lines) if ways.reference else ()
    brought = [vote for path in ways.votes for vote in imported(path, shown)]
    there = set(store.all().votes)
    if new := [vote for vote in brought if vote not in there]:
        store.keep(new)
    store.prepare()
    where = ways.page or store.folder / "page.html"
    _write_page(contest, shown, where, overwrite=ways.overwrite or ways.page is None)
    if _may_ask(ways):
        _ask(contest, shown, store, voter_name(ways.voter))
    elif shown.pairs and not brought:
        click.echo("no terminal to vote in: open the page, and give the votes it saves back", err=True)
    findings = _findings(contest, shown, store, units)
    if ways.as_json:
        click.echo(json.dumps(report.values(findings), ensure_ascii=False, allow_nan=False))
    else:
        click.echo(report.text(findings), nl=False)
    return findings


def _may_ask(ways: Comparing) -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty() if ways.ask is None else ways.ask


def _write_page(contest: Contest, shown: Ballot, path: Path, *, overwrite: bool) -> None:
    write_whole(path, page(contest, shown), overwrite=overwrite)
    click.echo(f"page: {clean_text(str(path))}", err=True)


def _findings(contest: Contest, shown: Ballot, store: Votes, units: tuple[Unit, ...]) -> Findings:
    kept = store.all()
    if kept.damaged:
        click.echo(f"warning: {kept.damaged} damaged lines among the votes do not count", err=True)
    found: tuple[Score, ...] = ()
    unscored = ""
    try:
        found = scores(units, contest.direction.target) if units else ()
    except DependencyError as error:
        unscored = f"{error.message}; {error.hint}"
    return Findings(contest, measured(contest), summed(shown, kept.votes), found, unscored)


def _ask(contest: Contest, shown: Ballot, store: Votes, voter: str) -> None:
    """Ask for the votes that this voter has not cast; each is kept before the next is asked for."""
    done = {vote.number for vote in store.all().votes if vote.voter == voter}
    open_pairs = [pair for pair in shown.pairs if pair.number not in done]
    before, place = len(shown.pairs) - len(open_pairs), 0
    while place < len(open_pairs):
        pair = open_pairs[place]
        _show(contest, pair, f"{before + place + 1} of {len(shown.pairs)}")
        key = _key()
        if key == "q":
            return
        if key == "b":
            place = max(0, place - 1)
            continue
        store.keep([Vote(pair.number, _KEYS[key], now(), voter)])
        place += 1


def _show(contest: Contest, pair: Pair, where: str) -> None:
    click.echo("", err=True)
    click.echo(click.style(f"{clean_text(contest.title)}, {where}", dim=True), err=True)
    click.echo(f"   {pair.source}", err=True)
    for key, text in (("1", pair.left), ("2", pair.right)):
        click.echo(f"{click.style(key, bold=True)}  {text or NOTHING}", err=True)
    click.echo(_ASKED, nl=False, err=True)


def _key() -> str:
    """Return the key that was pressed, one of those that mean something; "q" at the end of input."""
    while True:
        try:
            key = click.getchar().lower() or "q"
        except EOFError:
            key = "q"
        if key in {*_KEYS, "b", "q"}:
            click.echo(key, err=True)
            return key
