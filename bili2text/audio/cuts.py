"""Where a recording is cut, without its sound; and the sound again, cut there. Pure but for numpy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Generic, TypeVar

import numpy as np

from bili2text.audio.chunks import FRAME, Chunk, Span
from bili2text.audio.waveform import SAMPLE_RATE, Samples

T = TypeVar("T")
_PIECE = 4.0  # seconds, at least, of a short chunk at the beginning, and of what it is cut from
_SILENCE = 0.1  # seconds, at least, of the silence that it is cut at
_KEPT = 64 << 20  # bytes of sound that are kept, at most: 17 minutes


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


def opened(cuts: Sequence[Cut], longest: float, most: int) -> tuple[tuple[Cut, ...], int]:
    """Return the cuts with at most `most` of `longest` seconds at the beginning, and how many these are.

    Short ones are cut, at the longest silence within reach, from those that are too long. Where there is no
    silence to cut at there are fewer of them.
    """
    short: list[Cut] = []
    rest = list(cuts)
    while rest and len(short) < most:
        if rest[0].end - rest[0].start > longest:
            at = _pause(rest[0], longest)
            if at is None:
                break
            rest[:1] = _split(rest[0], at)
        short.append(rest.pop(0))
    return tuple(replace(cut, index=index) for index, cut in enumerate((*short, *rest))), len(short)


def _pause(cut: Cut, longest: float) -> int | None:
    """Return the sample, from the start of the recording, at which to take a short chunk from a long one."""
    gaps = [
        (after.start - before.end, (before.end + after.start) / 2) for before, after in pairwise(cut.speech)
    ]
    last = min(cut.start + longest, cut.end - _PIECE)
    # where endless speech was parted there is no silence
    within = [(gap, at) for gap, at in gaps if gap >= _SILENCE and cut.start + _PIECE <= at <= last]
    return round(max(within)[1] * SAMPLE_RATE) if within else None


def _split(cut: Cut, at: int) -> tuple[Cut, Cut]:
    """Return both parts of a cut whose speech is silent at that sample."""
    middle, count = at / SAMPLE_RATE, at - cut.first
    before = tuple(span for span in cut.speech if span.end <= middle)
    return (
        replace(cut, count=count, speech=before),
        replace(cut, first=at, count=cut.count - count, speech=cut.speech[len(before) :]),
    )


class Kept:
    """Keeps the chunks it is shown, all of them or none: none where they are too many."""

    def __init__(self) -> None:
        self._chunks: list[Chunk] | None = []
        self._bytes = 0

    def show(self, chunk: Chunk) -> None:
        """Keep this one, too, or let all of them go."""
        self._bytes += chunk.samples.nbytes
        if self._bytes > _KEPT:
            self._chunks = None
        if self._chunks is not None:
            self._chunks.append(chunk)

    def cut(self, cuts: Sequence[Cut]) -> Iterator[Chunk] | None:
        """Return the chunks at these cuts, each of which is within one that was shown; None: not kept."""
        return None if self._chunks is None else _within(self._chunks, cuts)


def _within(chunks: Iterable[Chunk], cuts: Sequence[Cut]) -> Iterator[Chunk]:
    left = iter(cuts)
    cut = next(left, None)
    for chunk in chunks:
        whole = cut_of(chunk)
        while cut is not None and cut.first < whole.first + whole.count:
            begin = cut.first - whole.first
            yield Chunk(cut.index, cut.start, chunk.samples[begin : begin + cut.count], cut.speech)
            cut = next(left, None)


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
