"""What a cue is, and what cues should look like."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cue:
    """What is on the screen at one time."""

    start: float  # seconds, a whole number of milliseconds
    end: float  # seconds, a whole number of milliseconds; after start, not after the next cue's start
    lines: tuple[str, ...]  # one at least, none empty


@dataclass(frozen=True, slots=True)
class Shape:
    """How cues should look. The defaults are the field's for Latin scripts: two lines of 42, 20 a second."""

    max_width: int = 42  # cells in a line; a Chinese character takes two
    max_lines: int = 2
    max_words: int | None = None  # in a cue; in scripts without blanks a character counts as a word
    sentence: bool = False  # every sentence begins a new cue
    max_cells_per_second: float = 20.0  # 20 Latin letters or 10 Chinese characters
    min_seconds: float = 0.9  # of a cue, where the silence after it allows
    max_seconds: float = 7.0
    linger_seconds: float = 1.5  # at most this long after the speech, for the sake of reading
    gap_seconds: float = 0.08  # between a cue that lingers and the next: two frames, so that the change shows
    pause_seconds: float = 0.8  # a silence that always ends a cue


STANDARD = Shape(sentence=True)  # Faster-Whisper-XXL's --standard: 42 letters, two lines, by sentences
STANDARD_ASIA = Shape(max_width=32, sentence=True)  # its --standard_asia: 16 full-width characters
