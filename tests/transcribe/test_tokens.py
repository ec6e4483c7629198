"""Cutting a window's tokens at their timestamps."""

from __future__ import annotations

import pytest

from bili2text.transcribe.tokens import pieces

FIRST = 100  # the token of <|0.00|>


def at(seconds: float) -> int:
    return FIRST + round(seconds / 0.02)


def test_pairs_of_timestamps_make_segments() -> None:
    found, resume = pieces((at(0), 1, 2, at(2), at(2.5), 3, at(4)), FIRST, 10.0)
    assert [(p.start, p.end) for p in found] == [(0.0, 2.0), (2.5, 4.0)]
    assert resume is None


def test_text_after_the_last_pair_is_heard_again_from_there() -> None:
    found, resume = pieces((at(0), 1, at(2), at(2), 3, 4), FIRST, 10.0)
    assert [(p.start, p.end) for p in found] == [(0.0, 2.0)]
    assert resume == pytest.approx(2.0)


def test_a_pair_at_the_very_end_leaves_nothing_unsaid_by_the_model() -> None:
    found, resume = pieces((at(0), 1, at(2), at(2)), FIRST, 10.0)
    assert len(found) == 1
    assert resume is None


def test_text_without_timestamps_spans_the_sound() -> None:
    (piece,), resume = pieces((1, 2, 3), FIRST, 7.5)
    assert (piece.start, piece.end, resume) == (0.0, 7.5, None)


def test_a_single_segment_keeps_its_start() -> None:
    (piece,), _ = pieces((at(1.0), 1, 2, at(3.0)), FIRST, 7.5)
    assert (piece.start, piece.end) == (1.0, 3.0)


def test_no_text_is_no_segment() -> None:
    assert pieces((), FIRST, 5.0) == ((), None)
    assert pieces((at(0), at(0)), FIRST, 5.0)[1] is None


def test_a_timestamp_in_the_padding_is_brought_back_to_the_sound() -> None:
    (piece,), _ = pieces((at(0), 1, at(29.0)), FIRST, 3.0)
    assert piece.end == 3.0
