"""Which parts of a recording are asked for, and that nothing else is heard."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bili2text.audio.chunks import FRAME, FRAME_SECONDS, CutRules, Span, chunks
from bili2text.audio.clips import ALL, OUTSIDE, only, parse
from bili2text.audio.decode import Decoder
from bili2text.audio.speech import SpeechDetector, judged
from bili2text.audio.waveform import SAMPLE_RATE
from bili2text.errors import UsageError

Judged = list[tuple[NDArray[np.float32], NDArray[np.float32]]]


@pytest.mark.parametrize(
    ("text", "clips"),
    [
        ("0", ALL),
        ("", ALL),
        (" ", ALL),
        ("10", (Span(10, math.inf),)),
        ("10,20,35", (Span(10, 20), Span(35, math.inf))),
        ("0, 1.5, 1.5, 2", (Span(0, 1.5), Span(1.5, 2))),
        ("1:30,2:45", (Span(90, 165),)),
        ("1:30-2:45, 10:00-", (Span(90, 165), Span(600, math.inf))),
        ("0-5", (Span(0, 5),)),
        ("1:02:03.5 – 125:00", (Span(3723.5, 7500),)),
        ("1：30－2：45，10：00～", (Span(90, 165), Span(600, math.inf))),
    ],
)
def test_clips_are_read_in_every_spelling(text: str, clips: tuple[Span, ...]) -> None:
    assert parse(text) == clips


@pytest.mark.parametrize(
    "text",
    [
        "all", "1,", ",", "5,5", "20,10", "0,10,5,20", "10-5", "0-10,5-20", "0-,5-9", "-5", "1-2-3", "10-20,35",
        "1:60", "1:2:03", "1:99:00", "1e3", "nan", "inf", "0x10", "٣", "10;20", "9" * 400, "\x1b[2J", "1:30:",
    ],
)  # fmt: skip
def test_nonsense_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert "10 to 20" in caught.value.hint
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 120


@given(st.text(alphabet="0123456789:.,- ", max_size=24))
def test_whatever_is_read_is_in_order_and_never_empty(text: str) -> None:
    try:
        clips = parse(text)
    except UsageError:
        return
    times = [time for clip in clips for time in (clip.start, clip.end)]
    assert times == sorted(times)
    assert times[0] >= 0
    assert all(clip.start < clip.end for clip in clips)


def stream(frames: int, block: int) -> Judged:
    sound = np.repeat(np.arange(1, frames + 1, dtype=np.float32), FRAME)
    likely = np.full(frames, 0.9, np.float32)
    return [
        (sound[at * FRAME : (at + block) * FRAME], likely[at : at + block]) for at in range(0, frames, block)
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 400),
    st.integers(1, 90),
    st.lists(st.floats(0, 14), min_size=1, max_size=6, unique=True).map(sorted),
)
def test_sound_is_kept_in_the_clips_and_nowhere_else(frames: int, block: int, times: list[float]) -> None:
    ends = [*times, math.inf] if len(times) % 2 else times
    clips = tuple(Span(start, end) for start, end in zip(ends[::2], ends[1::2], strict=True))
    found = list(only(stream(frames, block), clips))
    samples = np.concatenate([one for one, _ in found])
    likely = np.concatenate([one for _, one in found])
    assert samples.dtype == likely.dtype == np.float32
    assert len(samples) == frames * FRAME
    assert len(likely) == frames
    time = np.arange(len(samples))
    inside = np.zeros(len(samples), np.bool_)
    for clip in clips:
        end = len(samples) if math.isinf(clip.end) else round(clip.end * SAMPLE_RATE)
        inside |= (time >= round(clip.start * SAMPLE_RATE)) & (time < end)
    assert ((samples > 0) == inside).all()
    assert ((likely > 0) == inside.reshape(-1, FRAME).any(axis=1)).all()
    assert set(likely[likely <= 0].tolist()) <= {OUTSIDE}


def test_chunks_of_real_speech_keep_their_times_and_stay_in_the_clips(samples: Path) -> None:
    with Decoder(samples / "en" / "counting.wav") as decoder:
        blocks = [block.samples for block in decoder.blocks()]
    whole = list(judged(blocks, SpeechDetector()))
    (uncut,) = chunks(iter(whole), CutRules())
    middle = (uncut.speech[0].start + uncut.speech[-1].end) / 2
    clip = Span(middle - 0.6, middle + 0.6)
    found = list(chunks(only(whole, (clip,)), CutRules()))
    spoken = [span for chunk in found for span in chunk.speech]
    assert spoken
    assert spoken[0].start >= clip.start - FRAME_SECONDS
    assert spoken[-1].end <= clip.end + FRAME_SECONDS
    sound = np.concatenate(blocks)
    for chunk in found:
        at = round(chunk.start * SAMPLE_RATE)
        same = chunk.samples == sound[at : at + len(chunk.samples)]
        inside = slice(
            max(0, round((clip.start - chunk.start) * SAMPLE_RATE)),
            round((clip.end - chunk.start) * SAMPLE_RATE),
        )
        assert same[inside].all()
        assert not chunk.samples[: inside.start].any()
        assert not chunk.samples[inside.stop :].any()
