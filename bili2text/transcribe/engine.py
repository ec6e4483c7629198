"""What a speech engine is: windows of sound in, decoded text out. Pure; ct2.py is the real one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bili2text.segments import Segment

WINDOW_SECONDS = 30.0  # what Whisper hears at once
ROOM_BEFORE = 223  # tokens of prompt, hotwords and text before, at most; openai-whisper's number


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """How to decode. Names, meanings and defaults are those of openai-whisper, where it has them."""

    task: str = "transcribe"
    beam_size: int = 5
    best_of: int = 5
    encoder_batch: int | None = None  # windows encoded at once, kept in RAM; None: the whole batch
    patience: float = 1.0
    length_penalty: float = 1.0
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    temperatures: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    compression_ratio_threshold: float | None = 2.4
    log_prob_threshold: float | None = -1.0
    no_speech_threshold: float | None = 0.6
    hallucination_silence_threshold: float | None = None  # seconds
    condition_on_previous_text: bool = False
    prompt_reset_on_temperature: float = 0.5
    initial_prompt: str | None = None
    carry_initial_prompt: bool = True  # the prompt in every window, not in the first alone
    prefix: str | None = None
    hotwords: str | None = None
    suppress_blank: bool = True
    suppress_tokens: tuple[int, ...] = (-1,)
    max_initial_timestamp: float = 1.0  # seconds
    max_new_tokens: int | None = None
    word_timestamps: bool = False
    prepend_punctuations: str = "\"'“¿([{-"
    append_punctuations: str = "\"'.。,，!！?？:：”)]}、"

    @property
    def told(self) -> int:
        """Tokens each window is told before its own, at most; a token is at least a byte."""
        if self.condition_on_previous_text:
            return ROOM_BEFORE
        texts = (self.initial_prompt, self.hotwords, self.prefix)
        return min(ROOM_BEFORE, sum(len(f" {text}".encode()) for text in texts if text))


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to try one call of `decode`; what is None is as the options say."""

    temperatures: tuple[float, ...] | None = None
    bare: bool = False  # without prompt, hotwords, prefix and the text before
    no_repeat_ngram_size: int | None = None

    def on(self, options: DecodeOptions) -> DecodeOptions:
        """Return the options of one call."""
        if self.temperatures is not None:
            options = replace(options, temperatures=self.temperatures)
        if self.no_repeat_ngram_size is not None:
            options = replace(options, no_repeat_ngram_size=self.no_repeat_ngram_size)
        if self.bare:
            options = replace(options, initial_prompt=None, hotwords=None, prefix=None)
        return options


USUAL = Effort()


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """What the engine hears at once, and what it is told beforehand."""

    samples: NDArray[np.float32]  # mono, 16 kHz, at most 30 s
    language: str
    previous: tuple[int, ...] = ()  # tokens of the text before, when conditioning on it
    first: bool = False  # the first window of the recording: `prefix` goes here
    prompt: str | None = None  # in place of the options'
    hotwords: str | None = None  # in place of the options'
    marks: str | None = None  # a text with marks: what is said gets those that the model sets after it


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one window said. Times of the segments are seconds from the start of the window."""

    segments: tuple[Segment, ...]
    resume: float | None  # seconds into the window from which there is more to decode; None: heard to the end
    silent: bool  # the model says that nobody speaks
    tokens: tuple[int, ...]  # of the segments, for conditioning the next window
    temperature: float  # the last one tried


@dataclass(frozen=True, slots=True)
class Load:
    """What to load, and where."""

    folder: Path
    device: str  # "cpu" or "cuda"
    device_index: int = 0
    compute_type: str = "default"
    threads: int = 0  # CPU threads; 0: CTranslate2 decides
    workers: int = 1  # windows, or parts of a batch, computed side by side; they share the threads


class Engine(Protocol):
    """A loaded model. Not for use from several threads."""

    multilingual: bool
    short: bool  # short sound takes it less time than a whole window does

    def languages(self, sounds: tuple[NDArray[np.float32], ...]) -> tuple[dict[str, float], ...]:
        """Return, for each window of sound, the probability (0..1) of each language the model knows."""

    def decode(self, windows: tuple[Window, ...], effort: Effort = USUAL) -> tuple[Decoded, ...]:
        """Return what each window said, in order; all have the same language.

        The same windows with the same effort say the same, whatever was decoded before them.

        Raises OutOfMemory when the device has no room for so many at once, PrecisionFailure when what it
        computes is no text, RuntimeFailure when the device fails otherwise.
        """

    def close(self) -> None:
        """Let go of the model and its memory."""
