"""Where a recording is cut, without its sound; and the sound again, cut there. Pure but for numpy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from bili2text.audio.chunks import FRAME, Chunk, Span
from bili2text.audio.waveform import SAMPLE_RATE, Samples

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cut:
    """A chunk without its sound."""

    index: int
    first: int  # the sample at which it begins, from the start of the recording
    count: int  # of samples
    speech: tuple[Span, ...]

    @property
    def start(self) -> float:
        """Seconds from the start of the recording."""
        return self.first / SAMPLE_RATE

    @property
    def end(self) -> float:
        """Seconds from the start of the recording."""
        return (self.first + self.count) / SAMPLE_RATE


def cut_of(chunk: Chunk) -> Cut:
    """Return where a chunk was cut."""
    return Cut(chunk.index, round(chunk.start * SAMPLE_RATE), len(chunk.samples), chunk.speech)


def cut_again(sound: Iterable[Samples], cuts: Sequence[Cut]) -> Iterator[Chunk]:
    """Yield the chunks that were cut there, from the sound of the same recording; holds one chunk at a time.

    `cuts` are in order and do not overlap. Sound that ends too early gives shorter chunks, and none that
    would be empty: the file has changed, or its decoder.
    """
    held: Samples = np.zeros(0, np.float32)
    at = 0  # the sample at which `held` begins
    blocks = iter(sound)
    for cut in cuts:
        parts = [held[cut.first - at :]] if cut.first < at + len(held) else []
        have = sum(len(part) for part in parts)
        if not parts:
            at += len(held)
            held = held[:0]
        while have < cut.count and (block := next(blocks, None)) is not None:
            begin = at + len(held)
            at, held = begin, block
            if begin + len(block) > cut.first:
                parts.append(block[max(0, cut.first - begin) :])
                have += len(parts[-1])
        if have:
            samples = np.concatenate(parts)[: cut.count]
            if 0 < cut.count - len(samples) < FRAME:
                # the detector judges whole frames: the last one was filled up with silence
                samples = np.pad(samples, (0, cut.count - len(samples)))
            yield Chunk(cut.index, cut.first / SAMPLE_RATE, samples, cut.speech)


class Spread(Generic[T]):
    """Keeps at most `most` of the things it is shown, evenly spread over all of them, the first always."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._every = 1
        self._seen = 0
        self._kept: list[T] = []

    def show(self, one: T) -> None:
        """Keep this one, or let it pass."""
        if self._seen % self._every == 0:
            if len(self._kept) == self._most:
                self._kept = self._kept[::2]
                self._every *= 2
            if self._seen % self._every == 0:
                self._kept.append(one)
        self._seen += 1

    @property
    def kept(self) -> tuple[T, ...]:
        """What was kept, in order."""
        return tuple(self._kept)
