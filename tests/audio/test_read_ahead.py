"""The next thing, made while this one is in use."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from bili2text.audio.read_ahead import read_ahead


def pairs(numbers: Iterator[int]) -> Iterator[tuple[int, int]]:
    for one in numbers:
        yield one, next(numbers, -1)


def test_the_next_is_made_while_this_one_is_in_use_and_no_more_than_that() -> None:
    begun = [threading.Event() for _ in range(5)]

    def numbers() -> Iterator[int]:
        for number, event in enumerate(begun):
            event.set()
            yield number

    with read_ahead(numbers(), pairs) as found:
        assert next(found) == (0, 1)
        assert begun[3].wait(10)
        assert not begun[4].wait(0.2)
        assert list(found) == [(2, 3), (4, -1)]


def test_an_error_comes_in_its_place() -> None:
    def numbers() -> Iterator[int]:
        yield from (1, 2)
        raise ValueError("broken")

    with read_ahead(numbers(), pairs) as found:
        assert next(found) == (1, 2)
        with pytest.raises(ValueError, match="broken"):
            next(found)


def test_once_left_no_more_is_read_not_even_to_complete_what_had_begun() -> None:
    read, go = [], threading.Event()

    def numbers() -> Iterator[int]:
        for number in range(1000):
            if number == 2:
                go.wait(10)
            read.append(number)
            yield number

    def one_and_the_rest(them: Iterator[int]) -> Iterator[list[int]]:
        yield [next(them)]
        yield list(them)

    def leave() -> None:
        with read_ahead(numbers(), one_and_the_rest) as found:
            assert next(found) == [0]
            threading.Timer(0.2, go.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave()
    assert read == [0, 1, 2]
