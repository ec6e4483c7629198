"""What a transcript is made of. Times are seconds from the start of the recording."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """One word as Whisper aligned it; `text` keeps its leading space where the language writes one."""

    start: float  # seconds
    end: float  # seconds
    text: str
    probability: float  # 0..1


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech between two of Whisper's timestamps, and how sure the model was."""

    start: float  # seconds
    end: float  # seconds
    text: str
    words: tuple[Word, ...] = ()  # empty unless word timestamps were asked for
    avg_logprob: float = 0.0  # mean log-probability of the tokens, natural logarithm
    no_speech_prob: float = 0.0  # 0..1
    compression_ratio: float = 0.0  # of the window it came from; above 2.4 smells of a loop
    temperature: float = 0.0  # the temperature that produced it


@dataclass(frozen=True, slots=True)
class Transcript:
    """The whole of one recording, in order of time."""

    segments: tuple[Segment, ...]
    language: str  # Whisper's code: "en", "zh", ...
    language_probability: float  # 0..1; 1 when the user said so
    duration: float  # seconds of the recording, silence included

    @property
    def text(self) -> str:
        """The words alone, a segment a line."""
        return "\n".join(segment.text.strip() for segment in self.segments)
