"""Lines of text with times, whatever file they came from. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["json", "srt", "vtt", "ass", "lrc", "txt", "tsv"]
Layout = Literal["target-only", "source-only", "target-above", "source-above"]


@dataclass(frozen=True, slots=True)
class Line:
    """What is shown at one time, as one line of text; the two times are as the file has them."""

    start: float | None  # seconds; None where the file has no times
    end: float | None  # seconds; None where the file does not say when a line ends
    text: str  # without markup and line ends
    speaker: str = ""  # who says it, or what kind of line it is; "" where the file does not say


@dataclass(frozen=True, slots=True)
class Captions:
    """A file's lines, in the file's order. A line is known by its place, from 0."""

    lines: tuple[Line, ...]
    kind: Kind
    language: str = ""  # Whisper's code; "" where the file does not say
    title: str = ""
    head: str = ""  # of an ASS file: all before its events, so that its styles stay
    styles: tuple[str, ...] = ()  # of an ASS file: all before the text of each line, as it was
    warning: str = ""  # one line for the user on how the file was read, or empty
