"""The coordinator's table: what has become of every shard, written whole before the next step begins."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from bili2text.errors import ModelError
from bili2text.files import clean_text, write_whole
from bili2text.workshop.begin import differing

State = Literal["waiting", "labelling", "labelled", "training", "trained", "deleting", "deleted"]
STATES: tuple[State, ...] = get_args(State)
# From each state the next; and back to the labelling where labels turn out to be damaged.
_NEXT: Mapping[State, frozenset[State]] = {
    one: frozenset({STATES[place + 1]} if place + 1 < len(STATES) else ()) for place, one in enumerate(STATES)
}
_BACK: Mapping[State, frozenset[State]] = {
    "labelled": frozenset({"labelling"}),
    "training": frozenset({"labelling"}),
}
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Table:
    """What was asked for, the state of every shard, and which students have learned enough."""

    asked: Mapping[str, object]  # JSON: two runs go on from each other's table only if this is equal
    states: tuple[State, ...]  # by the shard's number
    stopped: frozenset[str] = frozenset()  # students that patience ended

    def moved(self, shard: int, state: State) -> Table:
        """Return the table with a shard in its next state. Raises ValueError for a step there is not."""
        before = self.states[shard]
        if state not in _NEXT[before] | _BACK.get(before, frozenset()):
            raise ValueError(f"shard {shard} cannot go from {before} to {state}")
        return replace(self, states=(*self.states[:shard], state, *self.states[shard + 1 :]))

    def ended(self, student: str) -> Table:
        """Return the table with a student that learns no more."""
        return replace(self, stopped=self.stopped | {student})

    def differences(self, asked: Mapping[str, object]) -> tuple[str, ...]:
        """Return the names of what is asked for otherwise than in this table."""
        return differing(self.asked, asked)


def begun(asked: Mapping[str, object], shards: int) -> Table:
    """Return the table before anything is done."""
    first: tuple[State, ...] = ("waiting",)
    return Table(asked, first * shards)


def save(table: Table, path: Path) -> None:
    """Write the table, whole or not at all, on the disk before this returns. Raises StorageError."""
    told = {
        "version": _VERSION,
        "asked": dict(table.asked),
        "shards": {str(number): state for number, state in enumerate(table.states)},
        "stopped": sorted(table.stopped),
    }
    write_whole(path, json.dumps(told, ensure_ascii=False, indent=1) + "\n", overwrite=True)


def load(path: Path) -> Table | None:
    """Return the table in a file, None where there is none. Raises ModelError for a broken one."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        states: tuple[State, ...] = tuple(
            _state(told["shards"][str(number)]) for number in range(len(told["shards"]))
        )
        stopped = frozenset(map(str, told["stopped"]))
        asked = dict(told["asked"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _broken(path) from error
    if told.get("version") != _VERSION:
        raise _broken(path)
    return Table(asked, states, stopped)


def _state(told: object) -> State:
    """Return a state that is told. Raises ValueError for none."""
    for state in STATES:
        if state == told:
            return state
    raise ValueError(told)


def _broken(path: Path) -> ModelError:
    return ModelError(f"{clean_text(str(path))} is no table of shards", hint="begin in another folder")
