"""The values between the parts of the acceptance run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bili2text.plan.footprint import Setting

Json = dict[str, Any]
State = Literal["done", "out of time", "failed"]


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must hold on every card."""

    what: str
    held: bool | None  # None: it could not be told
    figure: str  # what was seen


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one measurement, as they are written to the JSON."""

    values: Json


Found = Check | Row


@dataclass(frozen=True, slots=True)
class Section:
    """What came of one section, up to where it got."""

    name: str
    state: State
    seconds: float
    checks: tuple[Check, ...]
    rows: tuple[Json, ...]
    why: str = ""  # it is not done, in one line


@dataclass(frozen=True, slots=True)
class Task:
    """What a child process runs, and how."""

    folder: str  # of the model
    sound: str
    setting: Setting
    device: str = "cuda"
    uuid: str = ""  # of the card
    longest: bool = True  # as many tokens as the decoder has room for, whatever is said
    turns: int = 1  # the same batch, so many times
    keep_mib: int = 0  # what the pool shall keep between two steps; 0: the driver's own setting

    def text(self) -> str:
        """Return it as one argument of a command line."""
        return json.dumps(asdict(self))


def task_of(text: str) -> Task:
    """Return what `Task.text` wrote."""
    values = json.loads(text)
    return Task(**{**values, "setting": Setting(**values["setting"])})


class OutOfTime(Exception):
    """A section has used up what it was given."""


class Deadline:
    """How long a section may still take."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    @property
    def left(self) -> float:
        """Seconds; never negative."""
        return max(0.0, self._end - self._clock())

    def check(self) -> None:
        """Raise OutOfTime when too little is left to begin anything."""
        if self.left < 1.0:
            raise OutOfTime
