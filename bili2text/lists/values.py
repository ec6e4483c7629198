"""A list and its entries, as values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

State = Literal["waiting", "downloading", "transcribing", "translating", "done", "failed", "quarantined"]
STATES: tuple[State, ...] = get_args(State)
SETTLED: tuple[State, ...] = ("done", "failed", "quarantined")
Kind = Literal["source", "line", "list"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Place = tuple[int, ...]  # (3,): the third source; (3, 12): what was listed twelfth there

DEATHS = 3  # of this program in the midst of one recording, with nothing gained between them
_DIGITS = 2  # of a number before a name, at least


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a list, and what became of it.

    A "source" was named by the user and a "line" was listed; either becomes a "list" once that is what it
    turns out to be, and "done" once all of it is written down.
    """

    place: Place
    kind: Kind
    link: str  # names it for good: as the user wrote it, or as its list does
    name: str
    index: int = 0  # of a line: its 1-based place in its list
    address: str | None = None  # of a line: what opens it; None: it is opened as one of its list
    state: State = "waiting"
    why: str = ""  # of a failure, or of its waiting
    code: int = 0  # the exit code of its error
    tries: int = 0  # that failed with what may pass
    deaths: int = 0  # of the program, in the midst of it
    gained: int = 0  # groups heard when that was last counted
    job: str = ""  # what its job calls its source
    paths: tuple[str, ...] = ()  # absolute, of its transcript
    seconds: float = 0.0  # of sound
    language: str = ""  # of its transcript; "" where it is not known


@dataclass(frozen=True, slots=True)
class Asked:
    """How a list was asked for, the last time."""

    mark: str  # of the options that decide what is written
    command: tuple[str, ...]  # the words after the program's name, without secrets
    folder: str  # where it ran, an absolute path
    redacted: bool = False  # secrets were taken out of the command
    at: str = ""  # UTC, ISO 8601


def recordings(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the entries that are recordings, or may be; a list that failed counts as one."""
    return tuple(entry for entry in entries if entry.kind != "list" or entry.state != "done")


def counts(entries: Iterable[Entry]) -> dict[State, int]:
    """Return how many recordings are in each state, states without any left out."""
    found = [entry.state for entry in recordings(entries)]
    return {state: found.count(state) for state in STATES if state in found}


def number(entry: Entry, entries: Sequence[Entry], *, numbered: bool | None) -> str:
    """Return what stands before the entry's name so that names sort as the list does: "07 ", or "".

    A list within a list gives "03-07 ". `numbered` None means lines of lists alone, without the number of
    the source; True is for all, with it.
    """
    if numbered is False or (numbered is None and entry.kind == "source"):
        return ""
    by_place = {one.place: one for one in entries}
    parts = [
        by_place[entry.place[:depth]]
        for depth in range(1, len(entry.place) + 1)
        if (depth > 1 or numbered) and entry.place[:depth] in by_place
    ]
    return "-".join(_padded(one, entries) for one in parts) + " "


def _padded(entry: Entry, entries: Sequence[Entry]) -> str:
    beside = [one for one in entries if one.place[:-1] == entry.place[:-1]]
    largest = max(_own_number(one) for one in beside)
    return f"{_own_number(entry):0{max(_DIGITS, len(str(largest)))}d}"


def _own_number(entry: Entry) -> int:
    return entry.index or entry.place[-1]


def exit_code(entries: Iterable[Entry]) -> int:
    """Return 1 if any recording failed, else 6 if some wait or are incomplete, else 0."""
    found = recordings(entries)
    if any(one.state in ("failed", "quarantined") for one in found):
        return 1
    return 0 if all(one.state == "done" and not one.code for one in found) else 6
