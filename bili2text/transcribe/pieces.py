"""Cut one chunk into smaller ones, where it is most silent. Pure but for numpy."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from bili2text.audio.chunks import Chunk, Span
from bili2text.audio.waveform import SAMPLE_RATE

_FRAME = SAMPLE_RATE // 50  # samples whose loudness is looked at: 20 ms
_SMOOTH = 10  # frames: a pause within a sentence is about 0.2 s
_SLACK = 0.85  # of the longest piece, on average: leaves a choice of where to cut


def pieces(chunk: Chunk, longest: float) -> tuple[Chunk, ...]:
    """Return the chunk in pieces of at most `longest` seconds, in order, no sample lost or doubled.

    Cut in the longest silence the detector found within reach, or where the sound is quietest.
    """
    limit = int(longest * SAMPLE_RATE)
    begin, found = 0, []
    while (rest := len(chunk.samples) - begin) > limit:
        count = math.ceil(rest / (limit * _SLACK))
        earliest = max(rest * 3 // (5 * count), rest - (count - 1) * limit)
        end = _silence(chunk, begin + earliest, begin + limit)
        found.append(_piece(chunk, begin, end))
        begin = end
    return (*found, _piece(chunk, begin, len(chunk.samples))) if found else (chunk,)


def _silence(chunk: Chunk, earliest: int, latest: int) -> int:
    """Return the sample to cut at, from `earliest` to `latest`."""
    gaps = [(b.start - a.end, (a.end + b.start) / 2 - chunk.start) for a, b in pairwise(chunk.speech)]
    within = [(gap, round(at * SAMPLE_RATE)) for gap, at in gaps]
    within = [(gap, at) for gap, at in within if earliest <= at <= latest]
    return max(within)[1] if within else earliest + _quietest(chunk.samples[earliest:latest])


def _quietest(samples: np.ndarray[tuple[int], np.dtype[np.float32]]) -> int:
    """Return the middle of the quietest pause of a stretch of sound."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    if len(frames) < _SMOOTH:
        return len(samples) // 2
    power = np.convolve((frames.astype(np.float64) ** 2).mean(axis=1), np.ones(_SMOOTH), mode="valid")
    return int(np.argmin(power) + _SMOOTH // 2) * _FRAME


def _piece(chunk: Chunk, begin: int, end: int) -> Chunk:
    start, stop = chunk.start + begin / SAMPLE_RATE, chunk.start + end / SAMPLE_RATE
    speech = tuple(
        Span(max(span.start, start), min(span.end, stop))
        for span in chunk.speech
        if span.start < stop and span.end > start
    )
    return Chunk(chunk.index, start, chunk.samples[begin:end], speech)
