"""Cut a stream of judged sound at its silences into chunks that fit Whisper's window. Pure but for numpy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bili2text.audio.waveform import SAMPLE_RATE

FRAME = 512  # samples behind one probability: 32 ms
FRAME_SECONDS = FRAME / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of speech, in seconds from the start of the recording."""

    start: float
    end: float


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Sound for one window of Whisper: numbered from 0, in order, no two overlapping."""

    index: int
    start: float  # seconds from the start of the recording
    samples: NDArray[np.float32]  # mono, 16 kHz
    speech: tuple[Span, ...]  # where in the recording the detector hears speech; within the chunk

    @property
    def end(self) -> float:
        """Seconds from the start of the recording."""
        return self.start + len(self.samples) / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class CutRules:
    """When speech begins and ends, and how long a chunk may be. The defaults are Silero's and Whisper's."""

    threshold: float = 0.5  # probability at which speech begins
    release: float = 0.35  # probability under which it may end (Silero: threshold - 0.15)
    min_speech: float = 0.0  # seconds; shorter bursts are not speech
    min_silence: float = 0.16  # seconds under `release` before a span ends; faster-whisper's batched value
    padding: float = 0.4  # seconds kept on either side, as in faster-whisper: soft consonants go unheard
    max_chunk: float = 28.0  # seconds; Whisper's window is 30, and a little silence at its end lets it finish
    max_gap: float = 3.0  # seconds; longer silences are left out, Whisper invents text on them
    opening: float = 10.0  # seconds of the first chunks where short sound is soon heard; 0: like the others
    everything: bool = (
        False  # True: all sound is speech (`--no-vad-filter`), the detector only says where to cut
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """Speech in frames, [start, end)."""

    start: int
    end: int


def chunks(
    judged: Iterable[tuple[NDArray[np.float32], NDArray[np.float32]]], rules: CutRules
) -> Iterator[Chunk]:
    """Yield the chunks of a stream of (samples, probabilities), each as soon as it is complete.

    Every frame of speech is in exactly one chunk, the tail included; a chunk is at most
    `rules.max_chunk` seconds. Holds about two chunks of sound at a time, whatever the length.
    """
    cutter = _Cutter(rules)
    for samples, probabilities in judged:
        yield from cutter.feed(samples, probabilities)
    yield from cutter.finish()


class _Cutter:
    """Finds runs of speech, groups them into chunks, and keeps the sound until its chunk is out."""

    def __init__(self, rules: CutRules) -> None:
        self._rules = rules
        self._padding = int(rules.padding / FRAME_SECONDS)
        self._limit = int(rules.max_chunk / FRAME_SECONDS) - 2 * self._padding
        self._finder = _RunFinder(rules, self._limit)
        self._group: list[_Run] = []
        self._sound: NDArray[np.float32] = np.zeros(0, np.float32)
        self._first = 0  # frame at which the kept sound begins
        self._index = 0

    def feed(self, samples: NDArray[np.float32], probabilities: NDArray[np.float32]) -> Iterator[Chunk]:
        self._sound = np.concatenate([self._sound, samples])
        for run in self._finder.feed(probabilities):
            yield from self._add(run)
        silent_since = self._finder.silent_since()
        if self._group and silent_since is not None:
            silence = (self._finder.frame - self._group[-1].end) * FRAME_SECONDS
            if silence > self._rules.max_gap:
                yield self._emit(len(self._group), following=None)
        if not self._group and silent_since is not None:
            self._forget(silent_since - self._padding)

    def finish(self) -> Iterator[Chunk]:
        for run in self._finder.finish():
            yield from self._add(run)
        if self._group:
            yield self._emit(len(self._group), following=None)

    def _add(self, run: _Run) -> Iterator[Chunk]:
        group = self._group
        if group and (run.start - group[-1].end) * FRAME_SECONDS > self._rules.max_gap:
            yield self._emit(len(group), following=run)
        while self._group and run.end - self._group[0].start > self._limit:
            yield self._emit(
                best_cut([(r.start, r.end) for r in (*self._group, run)], self._limit), following=run
            )
        self._group.append(run)

    def _emit(self, count: int, following: _Run | None) -> Chunk:
        """Make a chunk of the first `count` runs; `following` is the run after the group, where known."""
        runs, self._group = self._group[:count], self._group[count:]
        after = self._group[0] if self._group else following
        left = max(self._first, runs[0].start - self._padding)
        right = min(runs[-1].end + self._padding, self._finder.frame)
        if after is not None:
            right = min(right, (runs[-1].end + after.start + 1) // 2)
        begin = (left - self._first) * FRAME
        samples = self._sound[begin : (right - self._first) * FRAME].copy()
        self._forget(right)
        speech = tuple(Span(run.start * FRAME_SECONDS, run.end * FRAME_SECONDS) for run in runs)
        chunk = Chunk(self._index, left * FRAME / SAMPLE_RATE, samples, speech)
        self._index += 1
        return chunk

    def _forget(self, before: int) -> None:
        """Let go of the sound before frame `before`."""
        if before > self._first:
            self._sound = self._sound[(before - self._first) * FRAME :].copy()
            self._first = before


class _RunFinder:
    """Turns probabilities into runs of speech: begins at the threshold, ends after enough silence."""

    def __init__(self, rules: CutRules, limit: int) -> None:
        self._rules = rules
        self._limit = limit
        self._patience = max(1, round(rules.min_silence / FRAME_SECONDS))
        self._shortest = round(rules.min_speech / FRAME_SECONDS)
        self._start: int | None = None  # of the open run
        self._quiet: int | None = None  # where the open run may turn out to have ended
        self._heard: list[float] = []  # probabilities of the open run
        self.frame = 0  # frames judged so far

    def feed(self, probabilities: NDArray[np.float32]) -> Iterator[_Run]:
        for probability in probabilities.tolist():
            # below 0 it is told to be left out (audio/clips.py)
            everything = self._rules.everything and probability >= 0
            yield from self._step(1.0 if everything else probability, probability)
            self.frame += 1

    def silent_since(self) -> int | None:
        """Return the frame up to which nothing is being heard, or None within a run."""
        return self.frame if self._start is None else None

    def finish(self) -> Iterator[_Run]:
        if self._start is not None:
            yield from self._close(self.frame if self._quiet is None else self._quiet)

    def _step(self, speech: float, probability: float) -> Iterator[_Run]:
        if self._start is None:
            if speech < self._rules.threshold:
                return
            self._start, self._quiet, self._heard = self.frame, None, []
        self._heard.append(probability)
        if speech >= self._rules.threshold:
            self._quiet = None
        elif speech < self._rules.release and self._quiet is None:
            self._quiet = self.frame
        if self._quiet is not None and self.frame + 1 - self._quiet >= self._patience:
            yield from self._close(self._quiet)
        elif len(self._heard) >= self._limit:
            yield self._cut()

    def _close(self, end: int) -> Iterator[_Run]:
        start, self._start = self._start, None
        if start is not None and end - start >= max(1, self._shortest):
            yield _Run(start, end)

    def _cut(self) -> _Run:
        """Cut an endless run where speech is least likely, in the last third of what a chunk can hold."""
        assert self._start is not None  # noqa: S101 - for the type checker: a run is open
        begin = len(self._heard) * 2 // 3
        tail = np.convolve(np.asarray(self._heard[begin:]), np.ones(5) / 5, mode="same")
        # the edges of "same" see fewer frames and would look quiet
        cut = begin + 2 + int(np.argmin(tail[2:-2]))
        run = _Run(self._start, self._start + cut)
        self._start, self._heard = run.end, self._heard[cut:]
        if self._quiet is not None:
            self._quiet = max(self._quiet, run.end)
        return run


def best_cut(runs: list[tuple[int, int]], limit: int) -> int:
    """Return after how many of `runs` (start, end) to cut, the last one being the one that no longer fits.

    The longest silence in the last third of what a chunk can hold wins, the later of equals: a
    window that is well filled, cut where a sentence most likely ends.
    """
    first = runs[0][0]
    best, longest = len(runs) - 1, -1
    for count in range(1, len(runs)):
        silence = runs[count][0] - runs[count - 1][1]
        if runs[count - 1][1] - first >= limit * 2 // 3 and silence >= longest:
            best, longest = count, silence
    return best
