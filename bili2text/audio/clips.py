"""`--clip-timestamps`: the parts of a recording that are to be transcribed, and the stream of them. Pure."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from bili2text.audio.chunks import FRAME, Span
from bili2text.audio.waveform import SAMPLE_RATE
from bili2text.errors import UsageError
from bili2text.files import clean_text

ALL = (Span(0.0, math.inf),)
# The probability of speech where nothing is to be heard: under any threshold, and told apart from a silence
# by whoever takes all sound for speech.
OUTSIDE = -1.0

_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_CLOCK = re.compile(r"(?:([0-9]{1,6}):([0-5][0-9])|([0-9]{1,6})):([0-5]?[0-9](?:\.[0-9]{1,9})?)")
_RANGE = re.compile("[-–~]")
_SHOWN = 40  # characters of the user's own text repeated in an error
_HINT = "write 10,20,35 (10 to 20, and 35 to the end) or 1:30-2:45, 10:00-"


def parse(text: str) -> tuple[Span, ...]:
    """Return the clips that a text names, in seconds, in order; one without an end goes on for ever.

    As in openai-whisper: start, end, start, end, ...; the last end may be missing, and "0" or nothing is the
    whole recording. Or ranges, "1:30-2:45, 10:00-". A time is seconds, M:SS or H:MM:SS.
    Raises UsageError for anything else, and for clips that end before they begin or overlap.
    """
    parts = [part.strip() for part in unicodedata.normalize("NFKC", text).split(",")]
    if parts == [""]:
        return ALL
    ranges = any(_RANGE.search(part) for part in parts)
    clips = tuple(map(_range, parts)) if ranges else _pairs([_time(part) for part in parts])
    before = 0.0
    for clip in clips:
        if clip.end <= clip.start:
            raise UsageError(f"a clip ends where it begins or before: {_shown(text)}", hint=_HINT)
        if clip.start < before:
            raise UsageError(f"clips overlap or go back: {_shown(text)}", hint=_HINT)
        before = clip.end
    return clips


def only(
    judged: Iterable[tuple[NDArray[np.float32], NDArray[np.float32]]], clips: tuple[Span, ...]
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Yield a stream of (samples, probabilities) in which what is outside the clips is silence.

    There samples are 0 and probabilities OUTSIDE; all else, and every time, stays as it is. A frame that is
    partly in a clip keeps its probability.
    """
    first = 0  # sample at which the block begins
    for samples, probabilities in judged:
        heard = _heard(clips, first, len(samples))
        frames = heard.reshape(-1, FRAME).any(axis=1)
        yield (
            np.where(heard, samples, np.float32(0)),
            np.where(frames, probabilities, np.float32(OUTSIDE)),
        )
        first += len(samples)


def muted(sound: Iterable[NDArray[np.float32]], clips: tuple[Span, ...]) -> Iterator[NDArray[np.float32]]:
    """Yield the sound with 0 outside the clips."""
    first = 0
    for samples in sound:
        yield (
            samples if clips == ALL else np.where(_heard(clips, first, len(samples)), samples, np.float32(0))
        )
        first += len(samples)


def _heard(clips: tuple[Span, ...], first: int, count: int) -> NDArray[np.bool_]:
    """Return which of `count` samples, the first being number `first`, are in a clip."""
    heard = np.zeros(count, np.bool_)
    for clip in clips:
        heard[_at(clip.start, first, count) : _at(clip.end, first, count)] = True
    return heard


def _at(time: float, first: int, count: int) -> int:
    """Return the place of a time within a block of `count` samples, or its nearer end."""
    return round(min(max(time * SAMPLE_RATE - first, 0), count))


def _pairs(times: list[float]) -> tuple[Span, ...]:
    if len(times) % 2:
        times = [*times, math.inf]
    return tuple(Span(start, end) for start, end in zip(times[::2], times[1::2], strict=True))


def _range(part: str) -> Span:
    start, *ends = _RANGE.split(part)
    if len(ends) != 1 or not start.strip():
        raise UsageError(f"not a clip from one time to another: {_shown(part)}", hint=_HINT)
    return Span(_time(start), _time(ends[0]) if ends[0].strip() else math.inf)


def _time(text: str) -> float:
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    clock = _CLOCK.fullmatch(text)
    if not clock:
        raise UsageError(f"not a time: {_shown(text) or 'nothing'}", hint=_HINT)
    hours, minutes, only_minutes, seconds = clock.groups()
    return int(hours or 0) * 3600 + int(minutes or only_minutes) * 60 + float(seconds)


def _shown(text: str) -> str:
    text = clean_text(text)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
