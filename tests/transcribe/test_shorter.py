"""How long a short window is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bili2text.audio.waveform import SAMPLE_RATE
from bili2text.transcribe.shorter import HOP, WHOLE, frames

LONGEST = 30 * SAMPLE_RATE


@given(st.integers(0, LONGEST))
def test_a_window_is_whole_or_has_three_seconds_after_its_sound(samples: int) -> None:
    count = frames(samples)
    assert count == WHOLE or count * HOP >= samples + 3 * SAMPLE_RATE
    assert samples <= count * HOP <= LONGEST


def test_windows_have_few_lengths_so_that_they_share_a_batch() -> None:
    assert len({frames(samples) for samples in range(0, LONGEST + 1, SAMPLE_RATE // 10)}) == 5
    assert {frames(seconds * SAMPLE_RATE) for seconds in range(23, 31)} == {WHOLE}
    assert frames(0) < frames(12 * SAMPLE_RATE) < frames(20 * SAMPLE_RATE) < WHOLE
