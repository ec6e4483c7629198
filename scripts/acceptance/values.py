"""The values between the parts of the acceptance run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from bili2text.plan.footprint import Setting
from bili2text.translators.engine import EngineName
from bili2text.translators.footprint import PROMPT, REPLY

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
    tokens: int = 0  # decoded for each window whatever is said; 0: as many as the model says

    def text(self) -> str:
        """Return it as one argument of a command line."""
        return json.dumps(asdict(self))


def task_of(text: str) -> Task:
    """Return what `Task.text` wrote."""
    values = json.loads(text)
    return Task(**{**values, "setting": Setting(**values["setting"])})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a child process has a translator do: prompts as long as can be, answered as long as can be."""

    folder: str  # of the model
    engine: EngineName
    precision: str
    batches: tuple[int, ...]  # one after the other, the larger later
    device: str = "cuda"
    uuid: str = ""  # of the card
    prompt: int = PROMPT  # tokens
    reply: int = REPLY  # tokens

    def text(self) -> str:
        """Return it as one argument of a command line."""
        return json.dumps(asdict(self))


def asked_of(text: str) -> Asked:
    """Return what `Asked.text` wrote."""
    values = json.loads(text)
    return Asked(**{**values, "batches": tuple(values["batches"])})


@dataclass(frozen=True, slots=True)
class Errand:
    """What a child process does with the whole program: recordings or subtitles to translations."""

    sources: tuple[str, ...]
    translator: str  # its folder
    work: str  # a folder that is not there yet, for what is written
    whisper: str = ""  # its folder
    device: str = "auto"
    uuid: str = ""  # of the card
    target: str = "zh"
    batch_size: int = 4  # sentences at once: small, so that a text is several

    def text(self) -> str:
        """Return it as one argument of a command line."""
        return json.dumps(asdict(self))

    def named(self, said: str) -> str:
        """Return a text with names for folders: where they lie is nobody's business."""
        for folder in filter(None, (self.whisper, self.translator)):
            said = said.replace(folder, Path(folder).name)
        return said


def errand_of(text: str) -> Errand:
    """Return what `Errand.text` wrote."""
    values = json.loads(text)
    return Errand(**{**values, "sources": tuple(values["sources"])})


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
