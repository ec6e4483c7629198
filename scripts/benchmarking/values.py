"""What the benchmark's parts hand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

OURS = "bili2text"

Format = Literal["ctranslate2", "torch", "ggml"]


class CannotRunError(Exception):
    """A program cannot be had or run here; the message is the reason, in one line."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A recording, and what is said in it."""

    name: str
    path: Path
    language: str  # a code
    text: str  # "" where nobody wrote it down
    seconds: float


@dataclass(frozen=True, slots=True)
class Program:
    """A program to measure. In `command` stand {python}, {bin}, {audio}, {model}, {out} and {threads}."""

    name: str
    packages: tuple[str, ...]  # what its venv holds; the first names the venv; () runs in our own
    weights: Format
    command: tuple[str, ...]
    language: tuple[str, ...] = ("--language", "{language}")  # added where the language is told
    prints: str = r"\[[0-9:.]+ --> [0-9:.]+\]"  # what its first line of text matches; "": it prints none
    text: Literal["file", "lines"] = "file"  # where its text is: {out}/*.txt, or the lines that match
    fine: tuple[int, ...] = (0,)  # exit codes of a run that is whole
    slow: bool = False  # several times as slow as the others: takes part in fewer rounds


@dataclass(frozen=True, slots=True)
class Taken:
    """What one process and all below it took."""

    code: int
    wall: float  # seconds
    user: float  # CPU seconds, children that ended included
    system: float
    rss: float  # MiB, the highest sum over the tree at one moment; pages that are shared count in each
    first: float | None  # seconds until the first line that matches; None: there was none
    others: float  # cores busy with something else, on average
    load: float  # load average of the last minute, when it began
    lines: tuple[str, ...]  # what it printed

    @property
    def cpu(self) -> float:
        """CPU seconds, user and system."""
        return self.user + self.system


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one program on one recording. Where `why` says something it failed."""

    program: str
    sound: str
    seconds: float  # of sound
    round: int
    wall: float
    user: float
    system: float
    rss: float
    first: float | None
    errors: int | None  # words or characters
    units: int | None
    code: int
    others: float
    load: float
    why: str = ""

    @property
    def cpu(self) -> float:
        """CPU seconds, user and system."""
        return self.user + self.system


@dataclass(frozen=True, slots=True)
class Ready:
    """A program that can run: its Python, the folder of its commands, its model, and what is installed."""

    program: Program
    python: Path
    model: Path
    versions: Mapping[str, str]
