"""Calls side by side."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bili2text.transcribe.abreast import Abreast, shares


def test_calls_run_at_the_same_time_and_answer_in_order() -> None:
    meeting = threading.Barrier(3, timeout=30)  # broken, and an error, unless all three are there
    abreast = Abreast(3)
    assert abreast.map(lambda one: (meeting.wait(), one)[1], "abc") == ["a", "b", "c"]
    abreast.close()


def test_an_error_is_raised_once_all_calls_are_over() -> None:
    over: list[int] = []

    def work(one: int) -> None:
        if one == 0:
            raise ValueError(one)
        over.append(one)

    abreast = Abreast(2)
    with pytest.raises(ValueError, match="0"):
        abreast.map(work, range(5))
    assert sorted(over) == [1, 2, 3, 4]
    abreast.close()


def test_one_worker_works_in_the_thread_that_asks() -> None:
    assert Abreast(1).map(lambda _: threading.current_thread(), [1, 2]) == [threading.current_thread()] * 2


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 30)), max_size=70), st.integers(1, 20))
def test_batches_are_of_one_kind_and_all_workers_have_as_much(
    things: list[tuple[int, int]], workers: int
) -> None:
    weights = [weight for _, weight in things]
    found = shares(things, weights, workers)
    assert sorted(one for batch in found for one in batch) == list(range(len(things)))
    assert all(len({things[one] for one in batch}) == 1 for batch in found)
    heavy = [sum(weights[one] for one in batch) for batch in found]
    assert heavy == sorted(heavy, reverse=True)
    assert max(heavy, default=0) <= sum(weights) / workers + max(weights, default=0)
    assert len(found) <= workers + len(set(things)) - bool(things)
