"""Votes are added up by voter and sentence, and what they show is told with its uncertainty, not more."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from contests import at, contest, different, votes_for
from hypothesis import given, settings
from hypothesis import strategies as st

from bili2text.compare.ballot import Vote, ballot
from bili2text.compare.tally import sign_test, summed, told, wilson

NAMES = ("A", "B")


@pytest.mark.parametrize(
    ("wins", "of", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (50, 100, 0.4038, 0.5962)],
)
def test_the_interval_is_the_one_of_the_literature(wins: int, of: int, low: float, high: float) -> None:
    assert wilson(wins, of) == pytest.approx((low, high), abs=5e-5)


@settings(deadline=None, derandomize=True)
@given(of=st.integers(1, 2000), data=st.data())
def test_the_bounds_are_the_shares_that_the_score_test_just_admits(of: int, data: st.DataObject) -> None:
    wins = data.draw(st.integers(0, of))
    for bound in wilson(wins, of):
        if 1e-9 < bound < 1 - 1e-9:
            assert abs(wins / of - bound) / math.sqrt(bound * (1 - bound) / of) == pytest.approx(1.959964)
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [(0, 0, 1.0), (5, 5, 1.0), (6, 0, 0.03125), (8, 2, 0.109375), (2, 8, 0.109375), (9, 1, 0.021484375)],
)
def test_the_sign_test_is_exact(first: int, second: int, p: float) -> None:
    assert sign_test(first, second) == p


def test_the_sign_test_bears_many_votes() -> None:
    assert sign_test(4000, 4000) == 1.0
    assert 0.0 <= sign_test(9000, 1000) < 1e-300


def test_votes_come_to_wins_ties_skips_and_what_is_left() -> None:
    asked = contest([*"aaaaaaa", "same"], [*"bbbbbbb", "same"])
    shown = ballot(asked)
    cast = votes_for(shown, [0, 0, 0, 1, None, 0, 0])
    cast = [replace(one, choice="skip") if one.number == 5 else one for one in cast if one.number != 6]
    found = summed(shown, cast)
    assert (found.wins, found.ties, found.equal, found.skipped, found.unseen) == ((3, 1), 1, 1, 1, 1)
    assert (found.votes, found.voters, found.share) == (6, 1, 0.75)


def test_the_last_vote_of_a_voter_on_a_sentence_counts_whatever_order_they_are_kept_in() -> None:
    shown = ballot(different(1))
    early, late = votes_for(shown, [0])[0], replace(votes_for(shown, [1])[0], when=at(30))
    for cast in ([early, late], [late, early], [late, early, late]):
        assert summed(shown, cast).wins == (0, 1)
        assert summed(shown, cast).votes == 1


def test_several_voters_on_a_sentence_are_one_result_by_their_majority() -> None:
    shown = ballot(different(3))
    cast = [
        *votes_for(shown, [0, 0, None], "Ann"), *votes_for(shown, [0, 1, 1], "Bo"),
        *votes_for(shown, [1, None, None], "Cy"),
    ]  # fmt: skip
    found = summed(shown, cast)
    assert (found.wins, found.ties, found.votes, found.voters) == ((1, 1), 1, 9, 3)


def test_votes_on_what_is_not_shown_do_not_count() -> None:
    shown = ballot(contest(["a", "x"], ["b", "x"]))
    assert summed(shown, [Vote(1, "left", at(0)), Vote(99, "left", at(0))]).votes == 0


def test_what_is_told_claims_no_more_than_the_votes_show() -> None:
    shown = ballot(different(20))
    none = told(summed(shown, []), NAMES)
    few = told(summed(shown, votes_for(shown, [1] * 7 + [0] * 3 + [None] * 10)), NAMES)
    even = told(summed(shown, votes_for(shown, [0, 1] * 10)), NAMES)
    many = told(summed(shown, votes_for(shown, [1] * 17 + [0] * 3)), NAMES)
    assert none == "no votes that prefer one: nothing to tell"
    assert few.startswith("not enough votes to tell; B has more: 7 of 10 sentences")
    assert even.startswith("not enough votes to tell; both were preferred as often")
    assert many == (
        "B was preferred: 17 of 20 sentences where one was preferred, 85 % (95 % interval 64 to 95 %), p = 0.0026"
    )
