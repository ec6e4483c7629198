"""Frames go where their time stamps say, when those can be believed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bili2text.audio.timeline import Frame, Timeline

RATE = 1000


def frame(time: float | None, seconds: float = 0.1, **flags: bool) -> Frame:
    return Frame(time, np.zeros(round(seconds * RATE), np.float32), RATE, **flags)


def laid(timeline: Timeline, frames: list[Frame]) -> list[tuple[float, float]]:
    """(start, seconds) of every frame that has sound, as the timeline lays them out."""
    found, position = [], 0.0
    for placed in [*(placed for one in frames for placed in timeline.place(one)), *timeline.finish()]:
        position += placed.silence
        if placed.frame.seconds:
            found.append((round(position, 3), placed.frame.seconds))
        position += placed.frame.seconds
    assert position == pytest.approx(timeline.position)
    return found


def starts(timeline: Timeline, times: list[float | None]) -> list[float]:
    return [start for start, _ in laid(timeline, [frame(time) for time in times])]


def test_frames_in_a_row_stay_in_a_row() -> None:
    timeline = Timeline(0, 1)
    assert starts(timeline, [0, 0.1, 0.2, 0.3]) == [0, 0.1, 0.2, 0.3]
    assert not timeline.gaps


def test_rounded_stamps_do_not_tear_the_sound() -> None:
    timeline = Timeline(0, 1)
    assert starts(timeline, [0.007, 0.12, 0.19, 0.31]) == [0, 0.1, 0.2, 0.3]
    assert not timeline.gaps


def test_a_late_beginning_is_silence_and_no_loss() -> None:
    timeline = Timeline(2.5, 5)
    assert starts(timeline, [2.5, 2.6]) == [2.5, 2.6]
    assert not timeline.gaps


def test_a_hole_is_silence_and_a_loss() -> None:
    timeline = Timeline(0, 9)
    assert starts(timeline, [0, 0.1, 4.2, 4.3]) == [0, 0.1, 4.2, 4.3]
    assert (timeline.gaps, timeline.lost_seconds) == (1, pytest.approx(4))


def test_a_pause_that_was_announced_is_no_loss() -> None:
    timeline = Timeline(0, 9)
    frames = [frame(0), frame(0.1), frame(4.2, pause=True), frame(4.3)]
    assert [start for start, _ in laid(timeline, frames)] == [0, 0.1, 4.2, 4.3]
    assert not timeline.gaps


def test_known_losses_are_filled_even_when_they_are_short() -> None:
    timeline = Timeline(0, 9)
    frames = [frame(0), frame(0.12, lost=True), frame(0.22)]
    assert [start for start, _ in laid(timeline, frames)] == [0, 0.12, 0.22]
    assert (timeline.gaps, timeline.lost_seconds) == (1, pytest.approx(0.02))


def test_a_single_stray_stamp_is_not_believed() -> None:
    timeline = Timeline(0, 99)
    assert starts(timeline, [0, 50, 0.2, 0.3]) == [0, 0.1, 0.2, 0.3]
    assert starts(Timeline(0, 99), [0, -50, 0.2, 0.3]) == [0, 0.1, 0.2, 0.3]
    assert not timeline.gaps


def test_frames_without_a_stamp_belong_to_the_ones_behind_a_hole() -> None:
    timeline = Timeline(0, 99)
    assert starts(timeline, [0, None, None, 5.2, 5.3]) == [0, 5.0, 5.1, 5.2, 5.3]
    assert timeline.gaps == 1


def test_without_any_stamp_sound_is_in_a_row() -> None:
    assert starts(Timeline(0, None), [None] * 200) == [round(index / 10, 3) for index in range(200)]


def test_a_clock_that_starts_anew_is_a_new_part() -> None:
    timeline = Timeline(0, 1000)
    assert starts(timeline, [9.9 * 0, 0.1, 100, 100.1, 0, 0.1, 0.2])[-3:] == [100.2, 100.3, 100.4]


def test_what_was_heard_already_is_dropped() -> None:
    timeline = Timeline(0, 9)
    times = [0, 0.1, 0.2, 0.3, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert sum(seconds for _, seconds in laid(timeline, [frame(time) for time in times])) == pytest.approx(
        0.6
    )


def test_a_slow_clock_is_followed_and_is_no_loss() -> None:
    timeline = Timeline(0, 300)
    found = starts(timeline, [index * 0.101 for index in range(2000)])  # 1 % apart
    assert found[-1] == pytest.approx(1999 * 0.101, abs=0.06)
    assert not timeline.gaps


def test_a_fast_clock_is_followed_too() -> None:
    found = starts(Timeline(0, 300), [index * 0.099 for index in range(2000)])
    assert found[-1] == pytest.approx(1999 * 0.099, abs=0.2)


@pytest.mark.parametrize("duration", [None, 10.0])
def test_an_absurd_leap_is_not_followed(duration: float | None) -> None:
    timeline = Timeline(0, duration)
    starts(timeline, [0, 0.1, 1e9, 1e9 + 0.1])
    assert timeline.position == pytest.approx(0.4)


@given(
    st.lists(st.tuples(st.none() | st.floats(-1e6, 1e6), st.floats(0.001, 2), st.booleans(), st.booleans()))
)
def test_whatever_the_stamps_say_nothing_overlaps_or_is_lost_on_the_way(
    frames: list[tuple[float | None, float, bool, bool]],
) -> None:
    timeline = Timeline(0, 100)
    made = [frame(time, seconds, lost=lost, pause=pause) for time, seconds, lost, pause in frames]
    found = laid(timeline, made)
    ends = [start + seconds for start, seconds in found]
    assert all(start >= end - 2e-3 for (start, _), end in zip(found[1:], ends, strict=False))
    assert timeline.position <= 160 + sum(one.seconds for one in made) + 1e-6
    assert timeline.lost_seconds <= timeline.position + 1e-6
    # Only repeated sound is dropped, a second at a time at most.
    assert len(found) >= 0


def test_nothing_is_nothing() -> None:
    assert laid(Timeline(0, None), []) == []
