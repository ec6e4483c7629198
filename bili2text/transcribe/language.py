"""Which language is spoken: a vote over the first windows of speech. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LanguageRules:
    """How to detect the language, and when to stop looking."""

    segments: int = 4  # windows of speech at most
    threshold: float = 0.5  # mean probability at which the vote is clear


@dataclass(frozen=True, slots=True)
class Detected:
    """A language and how sure we are."""

    language: str
    probability: float  # 0..1, the mean over the windows heard


def vote(windows: Iterable[dict[str, float]], rules: LanguageRules) -> Detected:
    """Return the language of the highest mean probability, hearing no more windows than the vote needs.

    Without any window the answer is English with probability 0: nobody spoke.
    """
    total: dict[str, float] = {}
    best = Detected("en", 0.0)
    for count, window in enumerate(windows, start=1):
        for language, probability in window.items():
            total[language] = total.get(language, 0.0) + probability
        language = max(total, key=lambda name: total[name])
        best = Detected(language, total[language] / count)
        if best.probability >= rules.threshold or count >= rules.segments:
            break
    return best
