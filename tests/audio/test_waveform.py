"""Numbers in, numbers out: PCM of every kind, channels of every count, blocks of one size."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from bili2text.audio.damage import Damage
from bili2text.audio.waveform import BLOCK, SAMPLE_RATE, channel_weights, in_blocks, mix, to_float


@pytest.mark.parametrize(
    ("low", "middle", "high"),
    [
        (np.uint8(0), np.uint8(128), np.uint8(255)),
        (np.int16(-32768), np.int16(0), np.int16(32767)),
        (np.int32(-(2**31)), np.int32(0), np.int32(2**31 - 1)),
        (np.float32(-1), np.float32(0), np.float32(1)),
        (np.float64(-1), np.float64(0), np.float64(1)),
    ],
)
def test_full_scale_is_one_in_every_kind_of_pcm(low, middle, high) -> None:
    found, broken = to_float(np.array([low, middle, high]))
    assert found.dtype == np.float32
    assert found == pytest.approx([-1, 0, 1], abs=0.01)
    assert not broken


def test_what_is_no_number_is_silent_and_what_is_too_loud_is_loud() -> None:
    found, broken = to_float(np.array([np.nan, np.inf, -np.inf, 1e300, -5.0, 0.25]))
    assert found.tolist() == [0, 0, 0, 0, -1, 0.25]
    assert broken == 4


@pytest.mark.parametrize(
    "names", [("FL", "FR"), ("FC",), ("FL", "FR", "FC", "LFE", "BL", "BR"), tuple(f"C{n}" for n in range(16))]
)
def test_no_mix_can_clip(names: tuple[str, ...]) -> None:
    weights = channel_weights(names)
    assert weights.sum() == pytest.approx(1)
    assert np.abs(mix(np.ones((len(names), 4), np.float32), weights)).max() <= 1.0001


def test_blocks_are_of_one_size_and_lose_nothing() -> None:
    sound = np.arange(3 * BLOCK + 17, dtype=np.float32)
    sizes = [1, 7, 0, BLOCK, 2 * BLOCK, 5, BLOCK + 4]
    edges = np.cumsum([0, *sizes])
    pieces = [sound[begin:end] for begin, end in pairwise(edges)]
    blocks = list(in_blocks(pieces))
    assert np.array_equal(np.concatenate([block.samples for block in blocks]), sound[: edges[-1]])
    assert {len(block.samples) for block in blocks[:-1]} == {BLOCK}
    assert [block.start for block in blocks] == [index * BLOCK / SAMPLE_RATE for index in range(len(blocks))]


def test_no_damage_is_false_and_has_nothing_to_say() -> None:
    assert not Damage()
    assert Damage().describe() == ""


def test_damage_says_what_is_missing_in_one_line() -> None:
    damage = Damage(bad_packets=1234, gaps=2, lost_seconds=3.2, truncated_seconds=1.0, non_finite_samples=1)
    assert damage.seconds == pytest.approx(4.2)
    assert damage.describe() == (
        "damaged: 3.2 s missing in 2 places, now silence; 1.0 s missing at the end; "
        "1,234 unreadable packets; 1 sample without a value"
    )
