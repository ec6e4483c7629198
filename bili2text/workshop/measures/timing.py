"""How long a translator takes for one sentence after another. Pure but for the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bili2text.seq2seq.values import Way

WARM_UPS = 10  # sentences before the clock counts: threads start, memory is taken, caches fill


class Told(Protocol):
    """One translation, as a translator tells it (seq2seq.ct2.Output)."""

    @property
    def text(self) -> str:
        """The translation."""

    @property
    def source_tokens(self) -> int:
        """Tokens the encoder read."""

    @property
    def tokens(self) -> int:
        """Tokens that were generated."""


class Translates(Protocol):
    """What is measured (seq2seq.ct2.Seq2Seq)."""

    def translate(
        self, texts: Sequence[str], way: Way, *, beams: int = 1, max_tokens: int = 256, batch: int = 32
    ) -> Sequence[Told]:
        """Return the translation of each text."""


@dataclass(frozen=True, slots=True)
class Search:
    """How translations are searched for."""

    beams: int = 1
    max_tokens: int = 256


@dataclass(frozen=True, slots=True)
class Spoken:
    """One translation, and what it took."""

    text: str
    source_tokens: int
    tokens: int
    seconds: float | None = None  # None: it was not timed


@dataclass(frozen=True, slots=True)
class Latency:
    """How long sentences took, one at a time. A figure without the tokens of the sentences means nothing."""

    n: int  # sentences
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    source_tokens: float  # a sentence, on average
    tokens: float  # generated for a sentence, on average


def one_by_one(
    model: Translates,
    texts: Sequence[str],
    way: Way,
    search: Search,
    *,
    warm_ups: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[Spoken, ...]:
    """Return the translation of each text, computed alone, with its seconds.

    Before that, `warm_ups` sentences, the first ones over and over, are translated and forgotten.
    """
    for place in range(warm_ups if texts else 0):
        _alone(model, texts[place % len(texts)], way, search)
    found = []
    for text in texts:
        began = clock()
        told = _alone(model, text, way, search)
        found.append(Spoken(told.text, told.source_tokens, told.tokens, clock() - began))
    return tuple(found)


def latency(spoken: Sequence[Spoken]) -> Latency | None:
    """Return the latency of those that were timed, None where none was; percentiles as numpy's, linear."""
    timed = [one for one in spoken if one.seconds is not None]
    if not timed:
        return None
    milliseconds = np.array([1000.0 * (one.seconds or 0.0) for one in timed])
    p50, p95, p99 = (float(value) for value in np.percentile(milliseconds, (50, 95, 99)))
    return Latency(
        n=len(timed),
        mean_ms=float(milliseconds.mean()),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        source_tokens=sum(one.source_tokens for one in timed) / len(timed),
        tokens=sum(one.tokens for one in timed) / len(timed),
    )


def _alone(model: Translates, text: str, way: Way, search: Search) -> Told:
    (told,) = model.translate([text], way, beams=search.beams, max_tokens=search.max_tokens, batch=1)
    return told
