"""Cutting a stream of judged sound into chunks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bili2text.audio.chunks import FRAME, FRAME_SECONDS, Chunk, CutRules, best_cut, chunks

RULES = CutRules()


def cut(probabilities: list[float], rules: CutRules = RULES, block: int = 31) -> list[Chunk]:
    """Cut a stream whose sample values are the number of their frame, fed in uneven blocks."""
    frames = np.asarray(probabilities, np.float32)
    sound = np.repeat(np.arange(len(frames), dtype=np.float32), FRAME)
    fed = [
        (sound[i * FRAME : (i + block) * FRAME], frames[i : i + block]) for i in range(0, len(frames), block)
    ]
    return list(chunks(fed, rules))


def frame_numbers(chunk: Chunk) -> NDArray[np.float32]:
    return chunk.samples[::FRAME]


def seconds(count: float) -> int:
    return round(count / FRAME_SECONDS)


def test_a_chunk_holds_the_sound_of_its_own_time() -> None:
    (chunk,) = cut([0.0] * 50 + [0.9] * 100 + [0.0] * 50)
    assert frame_numbers(chunk)[0] * FRAME_SECONDS == pytest.approx(chunk.start)
    assert chunk.speech[0].start == pytest.approx(50 * FRAME_SECONDS)
    assert chunk.speech[0].end == pytest.approx(150 * FRAME_SECONDS)
    assert RULES.padding - FRAME_SECONDS < chunk.speech[0].start - chunk.start <= RULES.padding


def test_speech_up_to_the_last_sample_is_kept() -> None:
    (chunk,) = cut([0.0] * 20 + [0.9] * 40)
    assert frame_numbers(chunk)[-1] == 59


def test_silence_has_no_chunks() -> None:
    assert cut([0.01] * 400) == []
    assert cut([]) == []


def test_a_long_silence_parts_two_chunks_and_is_in_neither() -> None:
    first, second = cut([0.9] * 60 + [0.0] * seconds(10) + [0.9] * 60)
    assert first.end < second.start - 8
    assert (first.index, second.index) == (0, 1)


def test_a_chunk_is_given_out_before_the_stream_ends() -> None:
    fed = []

    def stream() -> object:
        for index in range(400):
            fed.append(index)
            yield np.zeros(FRAME, np.float32), np.asarray([0.9 if index < 100 else 0.0], np.float32)

    next(iter(chunks(stream(), RULES)))  # type: ignore[arg-type]
    assert fed[-1] < 100 + seconds(RULES.max_gap) + 3


def test_without_a_pause_the_cut_is_where_speech_is_least_likely() -> None:
    voice = [0.9] * seconds(60)
    dip = seconds(25)
    voice[dip - 2 : dip + 3] = [0.55] * 5
    first, *_ = cut(voice)
    assert first.end == pytest.approx(dip * FRAME_SECONDS, abs=0.1)


def test_the_longest_pause_in_the_last_third_is_the_cut() -> None:
    runs = [(0, 300), (310, 500), (560, 650), (690, 800), (805, 930), (935, 1100)]
    assert best_cut(runs, 937) == 3


def test_everything_is_decoded_when_the_filter_is_off() -> None:
    found = cut([0.0] * seconds(65), CutRules(everything=True))
    assert found[0].start == 0
    assert np.concatenate([frame_numbers(chunk) for chunk in found]).tolist() == list(range(seconds(65)))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.4, 0.6, 0.95]), st.integers(1, 600)), max_size=12),
    st.integers(1, 300),
)
def test_no_frame_of_speech_is_lost_or_heard_twice(parts: list[tuple[float, int]], block: int) -> None:
    probabilities = [value for value, count in parts for _ in range(count)]
    found = cut(probabilities, RULES, block)
    heard = np.concatenate([frame_numbers(chunk) for chunk in found]) if found else np.zeros(0)
    assert (np.diff(heard) > 0).all()
    assert {index for index, value in enumerate(probabilities) if value >= 0.5} <= set(
        heard.astype(int).tolist()
    )
    assert all(chunk.end - chunk.start <= 30.0 for chunk in found)
    assert [chunk.index for chunk in found] == list(range(len(found)))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1, width=32), max_size=2500), st.integers(1, 200), st.integers(1, 200))
def test_how_the_stream_is_blocked_changes_nothing(values: list[float], one: int, other: int) -> None:
    first = [(chunk.start, len(chunk.samples), chunk.speech) for chunk in cut(values, RULES, one)]
    assert first == [(chunk.start, len(chunk.samples), chunk.speech) for chunk in cut(values, RULES, other)]
