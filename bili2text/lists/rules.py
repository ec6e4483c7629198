"""What is decided about a list: what is tried again and when, and which sites are left in peace. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bili2text.coverage import is_complete
from bili2text.errors import Bili2TextError, RuntimeFailure
from bili2text.lists.values import DEATHS, Entry
from bili2text.request import Result, Skipped
from bili2text.source.again import Verdict

_LONGEST = 120.0  # seconds; a server that asks for more is asked again by another run
_LOST = 1.0  # seconds of a recording that may be missing before that is told
_PAUSES = 300.0  # seconds between two rounds, at most


@dataclass(frozen=True, slots=True)
class Rules:
    """How a list is worked through."""

    again: int = 2  # rounds at the end, for what failed and may pass
    pause: float = 10.0  # seconds before the first of them; each waits twice as long as the one before
    refusals: int = 3  # in a row, by one site, after which it is asked no more in this run
    max_downloads: int | None = None  # in this run
    min_coverage: float = 0.0  # the share (0..1) of speech that has to have text
    numbered: bool | None = None  # a number before each name; None: of lines of lists alone


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of an entry whose recording failed."""

    state: str
    tries: int
    held: bool = False  # not again in this run


def fate(entry: Entry, error: Bili2TextError, said: Verdict, rules: Rules) -> Fate:
    """Return what becomes of an entry that failed."""
    if type(error) is RuntimeFailure:  # its engine died, and so did those that were begun in its place
        return Fate("quarantined", entry.tries)
    if said.passes and said.wait > _LONGEST:
        return Fate("waiting", entry.tries, held=True)
    if said.passes and entry.tries < rules.again:
        return Fate("waiting", entry.tries + 1)
    return Fate("failed", entry.tries)


def shortcoming(outcome: Result | Skipped, rules: Rules) -> str:
    """Return what is missing from a transcript that was written, or ""."""
    if outcome.lost >= _LOST:
        return f"{outcome.lost:.1f} s of the sound are missing"
    if isinstance(outcome, Result):
        thin = not is_complete(outcome.report, rules.min_coverage)
    else:
        thin = outcome.coverage is not None and outcome.coverage < rules.min_coverage
    return "text over less of its speech than --min-coverage asks for" if thin else ""


def pause(tries: int, rules: Rules, asked: float) -> float:
    """Return the seconds before the round of those that failed `tries` times, or what servers `asked`."""
    return max(asked, min(_PAUSES, rules.pause * 2.0 ** (max(1, tries) - 1)))


def died(entry: Entry, heard: int) -> tuple[int, bool]:
    """Return how often the program died in the midst of an entry, and whether that is enough.

    `heard` groups of it are in its journal by now; one that gets on is no danger, however often it is killed.
    """
    deaths = 1 if heard > entry.gained else entry.deaths + 1
    return deaths, deaths >= DEATHS


class Sites:
    """Which sites said no, and how often in a row."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._refusals: dict[str, int] = {}

    def answered(self, site: str, said: Verdict | None) -> None:
        """Take note of an answer; None is a recording."""
        refused = said is not None and said.refused
        if not self.closed(site):
            self._refusals[site] = self._refusals.get(site, 0) + 1 if refused else 0

    def closed(self, site: str) -> bool:
        """Return whether it is asked no more."""
        return bool(site) and self._refusals.get(site, 0) >= self._limit

    def reason(self, site: str) -> str:
        """Return why its recordings wait."""
        return f"{site} refused {self._limit} times in a row: asked no more in this run"
