"""Votes -> who was preferred, and how sure that is. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from bili2text.compare.ballot import Ballot, Pair, Vote, preferred

_Z = NormalDist().inv_cdf(0.975)  # of a 95 % interval
_SURE = 0.05  # a difference that chance makes less often is called one


@dataclass(frozen=True, slots=True)
class Tally:
    """What votes come to. Wins and ties are counted in sentences."""

    wins: tuple[int, int]  # of the two sides
    ties: int  # voted to be, or as many voters for the one as for the other
    equal: int  # both translators said the same; nobody was asked
    skipped: int
    unseen: int  # nobody has voted on them yet
    votes: int  # that count: the last of each voter on each sentence
    voters: int
    share: (
        float | None
    )  # of the sentences where one was preferred, that of the first side; None: there are none
    low: float  # bounds of its 95 % interval
    high: float
    p: float  # how often chance alone gives a share so far from one half

    @property
    def sure(self) -> bool:
        """Whether the votes tell the two apart."""
        return self.p < _SURE


def summed(ballot: Ballot, votes: Iterable[Vote]) -> Tally:
    """Return what votes on a ballot come to; those on sentences it does not show are left out.

    A later vote of a voter on a sentence replaces the earlier. Where several people voted on a sentence, the
    majority decides, and it counts once: two opinions on one sentence are no two samples of what the
    translators can do. Ties are left out of the share and the test.
    """
    pairs = ballot.by_number()
    last = {
        (vote.number, vote.voter): vote
        for vote in sorted(votes, key=lambda vote: vote.when)
        if vote.number in pairs
    }
    opinions: defaultdict[int, list[Vote]] = defaultdict(list)
    for vote in last.values():
        opinions[vote.number].append(vote)
    results = [_result(pairs[number], found) for number, found in opinions.items()]
    wins = results.count(0), results.count(1)
    low, high = wilson(wins[0], sum(wins))
    return Tally(
        wins=wins,
        ties=results.count("tie"),
        equal=len(ballot.equal),
        skipped=results.count("skipped"),
        unseen=len(pairs) - len(opinions),
        votes=len(last),
        voters=len({vote.voter for vote in last.values()}),
        share=wins[0] / sum(wins) if sum(wins) else None,
        low=low,
        high=high,
        p=sign_test(*wins),
    )


def _result(pair: Pair, votes: Sequence[Vote]) -> Literal[0, 1, "tie", "skipped"]:
    """Return the side that most voters of a pair prefer; "skipped" when all of them skipped it."""
    if all(vote.choice == "skip" for vote in votes):
        return "skipped"
    sides = [preferred(vote, pair) for vote in votes]
    first, second = sides.count(0), sides.count(1)
    if first == second:
        return "tie"
    return 1 if second > first else 0


def wilson(wins: int, of: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share.

    E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, J. Am. Stat. Assoc.
    22 (1927), 209-212. It holds for few votes and for shares near 0 and 1, where that of the normal
    distribution does not. (0, 1) for no votes at all.
    """
    if not of:
        return 0.0, 1.0
    share, square = wins / of, _Z**2 / of
    middle = (share + square / 2) / (1 + square)
    half = _Z * math.sqrt(share * (1 - share) / of + square / (4 * of)) / (1 + square)
    return max(0.0, middle - half), min(1.0, middle + half)


def sign_test(first: int, second: int) -> float:
    """Return the exact two-sided p value of the sign test: binomial, one half each; 1 for no wins at all."""
    of = first + second
    ways, tail = 1, 0
    for wins in range(min(first, second) + 1):
        tail += ways
        ways = ways * (of - wins) // (wins + 1)  # of choosing one more
    return min(1.0, 2 * tail / (1 << of))


def told(tally: Tally, names: tuple[str, str]) -> str:
    """Return what votes come to, in one line that claims no more than they show."""
    of = sum(tally.wins)
    if tally.share is None:
        return "no votes that prefer one: nothing to tell"
    best = int(tally.wins[1] > tally.wins[0])
    low, high = (1 - tally.high, 1 - tally.low) if best else (tally.low, tally.high)
    counted = (
        f"{tally.wins[best]} of {of} sentences where one was preferred, {100 * tally.wins[best] / of:.0f} % "
        f"(95 % interval {100 * low:.0f} to {100 * high:.0f} %), p = {tally.p:.2g}"
    )
    if tally.sure:
        return f"{names[best]} was preferred: {counted}"
    leads = "both were preferred as often" if tally.wins[0] == tally.wins[1] else f"{names[best]} has more"
    return f"not enough votes to tell; {leads}: {counted}"
