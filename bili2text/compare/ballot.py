"""Which pairs of translations are shown, in which order, and which of the two is on the left. Pure.

Nothing of it shows who said what: both the order and the sides are drawn by hashes of the contest's key, and
are the same in every session, in the terminal and on the page. A voter who always takes the left one votes
for either translator half of the time, since exactly half of the pairs are swapped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from bili2text.compare.values import Contest
from bili2text.files import clean_text

Choice = Literal["left", "right", "tie", "skip"]
CHOICES: tuple[Choice, ...] = get_args(Choice)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two translations of a sentence as they are shown: clean text, on one line."""

    number: int  # of the sentence
    source: str
    left: str
    right: str
    swapped: bool  # the second side is on the left


@dataclass(frozen=True, slots=True)
class Ballot:
    """What is voted on."""

    key: str  # of the contest
    pairs: tuple[Pair, ...]  # in the order they are shown in
    equal: tuple[int, ...]  # numbers of the sentences of which both said the same: ties, not shown

    def by_number(self) -> Mapping[int, Pair]:
        """Return the pairs by the numbers of their sentences."""
        return {pair.number: pair for pair in self.pairs}


@dataclass(frozen=True, slots=True)
class Vote:
    """What somebody thinks of a pair."""

    number: int  # of the sentence
    choice: Choice
    when: str  # UTC, "2026-01-31T12:00:00.000Z": later is greater
    voter: str = ""


def ballot(contest: Contest) -> Ballot:
    """Return the ballot of a contest."""
    first, second = contest.sides
    shown = {
        one.number: (clean_text(one.text), clean_text(a.text), clean_text(b.text))
        for one, a, b in zip(contest.sentences, first.said, second.said, strict=True)
    }
    different = [number for number, (_, a, b) in shown.items() if a != b]
    by_lot = _drawn(different, contest.key, "side")
    swapped = set(by_lot[: len(by_lot) // 2])
    pairs = []
    for number in _drawn(different, contest.key, "order"):
        source, *texts = shown[number]
        left, right = reversed(texts) if number in swapped else texts
        pairs.append(Pair(number, source, left, right, number in swapped))
    return Ballot(contest.key, tuple(pairs), tuple(number for number, (_, a, b) in shown.items() if a == b))


def preferred(vote: Vote, pair: Pair) -> int | None:
    """Return the side a vote is for, 0 or 1, or None for a tie and a skip."""
    if vote.choice not in ("left", "right"):
        return None
    return int((vote.choice == "right") != pair.swapped)


def _drawn(numbers: list[int], key: str, lot: str) -> list[int]:
    """Return numbers in an order that a hash draws: the same on every machine and in every version."""
    return sorted(numbers, key=lambda number: hashlib.sha256(f"{key} {lot} {number}".encode()).digest())
