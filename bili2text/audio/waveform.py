"""Sound as numbers: float32, mono, 16 kHz, between -1 and 1, which is what Whisper and the detector hear."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000  # samples a second
BLOCK = 5 * SAMPLE_RATE  # samples in a block

Samples = NDArray[np.float32]

# How loud each loudspeaker's channel is in the mono mix: ITU-R BS.775 coefficients, as ffmpeg uses them.
# The effects channel (LFE) carries no speech.
_WEIGHTS = {"FL": 0.7071, "FR": 0.7071, "FC": 1.0, "LFE": 0.0, "LFE2": 0.0}
_OTHER = 0.5  # sides, backs and tops


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A stretch of sound; blocks of one recording follow each other without a hole."""

    start: float  # seconds from the start of the recording
    samples: Samples  # mono, 16 kHz

    @property
    def end(self) -> float:
        """Seconds from the start of the recording."""
        return self.start + len(self.samples) / SAMPLE_RATE


def silence(count: int) -> Samples:
    """Return `count` samples of nothing."""
    return np.zeros(count, np.float32)


def channel_weights(names: tuple[str, ...]) -> Samples:
    """Return how much of each channel is in the mono mix; they add up to 1, so that nothing can clip.

    Channels without a known loudspeaker count equally: nobody knows which one has the voice.
    """
    if len(names) < 3 or "FC" not in names:
        return np.full(len(names), 1 / len(names), np.float32)
    weights = np.array([_WEIGHTS.get(name, _OTHER) for name in names], np.float32)
    return np.asarray(weights / weights.sum(), np.float32)


def to_float(samples: NDArray[np.integer | np.floating]) -> tuple[Samples, int]:
    """Return PCM of any kind as float32 in [-1, 1], and how many samples were not finite (they become 0)."""
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - np.float32(128)) / np.float32(128), 0
    if np.issubdtype(samples.dtype, np.integer):
        return samples.astype(np.float32) / np.float32(2 ** (8 * samples.dtype.itemsize - 1)), 0
    with np.errstate(over="ignore"):  # a double too large for float32 becomes infinite, and is counted
        floats = samples.astype(np.float32)
    finite = np.isfinite(floats)
    broken = int(floats.size - np.count_nonzero(finite))
    if broken:
        floats[~finite] = 0
    return np.clip(floats, -1, 1), broken


def mix(channels: Samples, weights: Samples) -> Samples:
    """Return the mono mix of `channels`, shaped (channels, samples)."""
    if len(channels) == 1:
        return np.asarray(channels[0], np.float32)
    return np.asarray(weights @ channels, np.float32)


def in_blocks(pieces: Iterable[Samples]) -> Iterator[Block]:
    """Yield `pieces`, from second 0 on, in blocks of BLOCK samples; the last may be shorter."""
    done, waiting, count = 0, [silence(0)], 0
    for piece in pieces:
        waiting.append(piece)
        count += len(piece)
        while count >= BLOCK:
            joined = np.concatenate(waiting)
            yield Block(done / SAMPLE_RATE, joined[:BLOCK])
            waiting, count, done = [joined[BLOCK:]], count - BLOCK, done + BLOCK
    if count:
        yield Block(done / SAMPLE_RATE, np.concatenate(waiting))
