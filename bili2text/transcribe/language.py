"""Which language is spoken: a vote over windows of speech from the whole recording. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_AT_LEAST = 3  # windows, where there are that many: one may be a song, or a guest


@dataclass(frozen=True, slots=True)
class LanguageRules:
    """How to detect the language, and when to stop looking."""

    segments: int = 4  # windows of speech at most
    threshold: float = 0.5  # mean probability at which the vote is clear
    among: tuple[str, ...] = ()  # the languages there may be; () is any


@dataclass(frozen=True, slots=True)
class Detected:
    """A language and how sure we are."""

    language: str
    probability: float  # 0..1, the mean over the windows heard
    margin: float = 1.0  # by how much it leads the next
    windows: int = 0  # heard for it; 0: nobody asked


def vote(windows: Iterable[dict[str, float]], rules: LanguageRules) -> Detected:
    """Return the language of the highest mean probability, hearing no more windows than the vote needs.

    Without any window the answer is the first language allowed, or English, with probability 0: nobody spoke.
    """
    total: dict[str, float] = {}
    best = Detected(rules.among[0] if rules.among else "en", 0.0, 0.0)
    for count, window in enumerate(windows, start=1):
        for language, probability in limited(window, rules.among).items():
            total[language] = total.get(language, 0.0) + probability
        first, *rest = sorted(total.items(), key=lambda item: -item[1])
        second = rest[0][1] if rest else 0.0
        best = Detected(first[0], first[1] / count, (first[1] - second) / count, count)
        clear = best.probability >= rules.threshold and count >= min(_AT_LEAST, rules.segments)
        if clear or count >= rules.segments:
            break
    return best


def limited(window: dict[str, float], among: tuple[str, ...]) -> dict[str, float]:
    """Return the probabilities of the languages there may be, together 1; all of them for ()."""
    if not among:
        return window
    left = {language: window.get(language, 0.0) for language in among}
    whole = sum(left.values())
    return {
        language: probability / whole if whole else 1 / len(left) for language, probability in left.items()
    }


def spread_out(count: int, most: int) -> list[int]:
    """Return at most `most` of the numbers 0..count-1, evenly spread, the middle of the recording first.

    A recording begins and ends with music and titles more often than it has them in its middle.
    """
    step = count / min(count, most) if count else 1.0
    chosen = [int(step * (number + 0.5)) for number in range(min(count, most))]
    middle = len(chosen) // 2
    return sorted(chosen, key=lambda number: abs(number - chosen[middle]) if chosen else 0)
