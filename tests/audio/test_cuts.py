"""The same chunks a second time, from the cuts alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bili2text.audio.chunks import FRAME, CutRules, chunks
from bili2text.audio.cuts import Cut, Spread, cut_again, cut_of


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
