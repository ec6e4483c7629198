"""The same chunks a second time, from the cuts alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bili2text.audio.chunks import FRAME, Chunk, CutRules, Span, chunks
from bili2text.audio.cuts import Cut, Kept, Spread, cut_again, cut_of, opened


def judged(frames: list[float], seed: int):
    random = np.random.default_rng(seed)
    at = 0
    while at < len(frames):
        count = int(random.integers(1, 400))
        part = np.asarray(frames[at : at + count], np.float32)
        yield random.standard_normal(len(part) * FRAME).astype(np.float32), part
        at += count


speech = st.lists(st.tuples(st.integers(1, 900), st.sampled_from([0.0, 0.4, 0.9])), min_size=1, max_size=12)


@given(speech, st.integers(0, 5), st.integers(200, 70_000))
@settings(deadline=None, max_examples=25)
def test_the_sound_cut_again_is_the_sound_that_was_cut(runs: list[tuple[int, float]], seed: int, block: int):
    frames = [value for count, value in runs for _ in range(count)]
    stream = list(judged(frames, seed))
    first = list(chunks(iter(stream), CutRules()))
    whole = np.concatenate([samples for samples, _ in stream])
    blocks = (whole[at : at + block] for at in range(0, len(whole), block))
    again = list(cut_again(blocks, [cut_of(chunk) for chunk in first]))
    assert [chunk.index for chunk in again] == [chunk.index for chunk in first]
    for one, other in zip(first, again, strict=True):
        assert (one.start, one.end, one.speech) == (other.start, other.end, other.speech)
        assert np.array_equal(one.samples, other.samples)


def test_any_part_of_the_cuts_can_be_had_and_missing_sound_gives_what_there_is() -> None:
    whole = np.arange(100_000, dtype=np.float32)
    cuts = [
        Cut(0, 10, 20_000, ()),
        Cut(3, 50_000, 30_000, ()),
        Cut(4, 80_000, 40_000, ()),
        Cut(5, 200_000, 10, ()),
    ]
    blocks = (whole[at : at + 7_000] for at in range(0, len(whole), 7_000))
    found = list(cut_again(blocks, cuts[1:]))
    assert [(chunk.index, len(chunk.samples), int(chunk.samples[0])) for chunk in found] == [
        (3, 30_000, 50_000),
        (4, 20_000, 80_000),
    ]


@given(speech, st.integers(0, 5), st.integers(0, 3), st.sampled_from([11.0, 14.0, 28.0]))
@settings(deadline=None, max_examples=50)
def test_short_chunks_at_the_beginning_are_cut_from_the_others_in_silence(
    runs: list[tuple[int, float]], seed: int, most: int, longest: float
) -> None:
    frames = [value for count, value in runs for _ in range(count)]
    stream = list(judged(frames, seed))
    first = list(chunks(iter(stream), CutRules(max_chunk=longest)))
    before = [cut_of(chunk) for chunk in first]
    after, opening = opened(before, 10.0, most)
    assert opening <= most
    assert all(cut.end - cut.start <= 10.0 for cut in after[:opening])
    assert [cut.index for cut in after] == list(range(len(after)))
    assert len(after) <= len(before) + opening
    assert [span for cut in after for span in cut.speech] == [span for cut in before for span in cut.speech]
    assert {cut.first for cut in before} <= {cut.first for cut in after}
    assert sum(cut.count for cut in after) == sum(cut.count for cut in before)
    within = [
        cut.start <= span.start + 0.1 and span.end - 0.1 <= cut.end for cut in after for span in cut.speech
    ]
    assert all(within)
    assert all(cut.speech for cut in after)
    kept = Kept()
    for chunk in first:
        kept.show(chunk)
    whole = np.concatenate([samples for samples, _ in stream])
    once, again = kept.cut(after), list(cut_again(iter([whole]), after))
    assert once is not None
    for one, other in zip(once, again, strict=True):
        assert (one.index, one.start, one.speech) == (other.index, other.start, other.speech)
        assert np.array_equal(one.samples, other.samples)


def test_the_longest_silence_within_reach_is_cut_at_and_nothing_where_there_is_none() -> None:
    talk = (Span(0.2, 3.0), Span(3.9, 5.0), Span(5.4, 8.0), Span(8.2, 20.0))
    cut = Cut(0, 0, 20 * 16_000, talk)
    found, opening = opened([cut], 10.0, 2)
    assert [(one.start, one.end) for one in found] == [(0.0, 5.2), (5.2, 20.0)], "3.45 s are too little"
    assert opening == 1, "nobody is silent in what is left, within reach"
    assert opened([Cut(0, 0, 20 * 16_000, (Span(0.0, 20.0),))], 10.0, 2)[1] == 0
    endless = (Span(0.0, 9.12), Span(9.12, 13.6))
    assert opened([Cut(0, 0, 14 * 16_000, endless)], 10.0, 2)[1] == 0, "cut where nobody was silent"
    assert opened([], 10.0, 2) == ((), 0)
    assert opened([Cut(0, 0, 16_000, (Span(0.0, 1.0),))], 10.0, 2)[1] == 1


def test_more_sound_than_there_is_room_for_is_not_kept() -> None:
    kept = Kept()
    for index in range(3):
        kept.show(Chunk(index, 600.0 * index, np.zeros(600 * 16_000, np.float32), ()))
    assert kept.cut([Cut(0, 0, 16_000, ())]) is None


@given(st.integers(0, 5_000), st.integers(1, 16))
@settings(max_examples=100)
def test_what_is_kept_is_evenly_spread(count: int, most: int) -> None:
    spread = Spread[int](most)
    for number in range(count):
        spread.show(number)
    kept = spread.kept
    assert len(kept) <= most
    assert not count or kept[0] == 0
    steps = {b - a for a, b in pairwise(kept)}
    assert len(steps) <= 1
    assert not count or most < 2 or len(kept) >= min(count, most // 2)
