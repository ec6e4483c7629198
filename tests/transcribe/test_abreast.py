"""Calls side by side."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bili2text.transcribe.abreast import Abreast, parts


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


@given(st.integers(0, 70), st.integers(0, 20))
def test_parts_hold_everything_once_and_are_about_equal(count: int, most: int) -> None:
    found = parts(count, most)
    assert [one for part in found for one in range(count)[part]] == list(range(count))
    assert len(found) <= max(1, most)
    assert all(a.stop == b.start for a, b in pairwise(found))
    sizes = [part.stop - part.start for part in found]
    assert max(sizes) - min(sizes) <= 1
    assert count == 0 or min(sizes) > 0
