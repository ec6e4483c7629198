"""The second look: which rungs are tried, what is kept, and that it helps on real troubled sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bili2text.audio.chunks import Chunk, CutRules, Span, chunks
from bili2text.audio.decode import Decoder
from bili2text.audio.speech import SpeechDetector, judged
from bili2text.audio.waveform import SAMPLE_RATE, Samples
from bili2text.segments import Segment
from bili2text.transcribe import doubt
from bili2text.transcribe.again import FIRST, Looked, Manner, second_look
from bili2text.transcribe.ct2 import Ct2Engine
from bili2text.transcribe.engine import USUAL, Decoded, DecodeOptions, Effort, Load, Window
from bili2text.transcribe.pieces import pieces
from bili2text.transcribe.seek import Look, heard

GOOD = " Printing, then, for our purpose, may be considered as the art of making books."
LOOP = " and so on and so on" * 8
OTHER_LOOP = " which will be, will be" * 6
PROMPT = "Words: Kelmscott Press, William Morris"


@dataclass(slots=True)
class Scripted:
    """An engine that says what a test tells it to for each way of asking, over the whole window."""

    bare: str = LOOP
    cut: str = OTHER_LOOP
    no_repeat: str = LOOP
    warm: str = LOOP
    resume: float | None = None
    multilingual: bool = True
    short: bool = False
    windows: list[tuple[float, Effort]] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    def languages(self, sounds: tuple[NDArray[np.float32], ...]) -> tuple[dict[str, float], ...]:
        return ({"en": 1.0},) * len(sounds)

    def decode(self, windows: tuple[Window, ...], effort: Effort = USUAL) -> tuple[Decoded, ...]:
        self.batches.append(len(windows))
        return tuple(self._one(window, effort) for window in windows)

    def close(self) -> None:
        pass

    def _one(self, window: Window, effort: Effort) -> Decoded:
        seconds = len(window.samples) / SAMPLE_RATE
        self.windows.append((seconds, effort))
        said = self._said(seconds, effort)
        temperature = (effort.temperatures or (0.0,))[-1]
        segment = Segment(0.0, seconds, said, avg_logprob=-0.3, temperature=temperature)
        return Decoded((segment,) if said else (), self.resume, False, (), temperature)

    def _said(self, seconds: float, effort: Effort) -> str:
        assert effort.bare
        if effort.temperatures != (0.0,):
            return self.warm
        if effort.no_repeat_ngram_size:
            return self.no_repeat
        return self.cut if seconds <= 12 else self.bare


def chunk(seconds: float = 12.1, speech: tuple[Span, ...] | None = None) -> Chunk:
    return Chunk(
        3,
        100.0,
        np.zeros(int(seconds * SAMPLE_RATE), np.float32),
        (Span(100.0, 100.0 + seconds),) if speech is None else speech,
    )


def said(text: str, start: float = 100.0, end: float = 112.1) -> tuple[Segment, ...]:
    return (Segment(start, end, text, avg_logprob=-0.3),)


def look(engine: Scripted, first: str = LOOP, told: str | None = PROMPT, batch_size: int = 8) -> Looked:
    how = Manner(DecodeOptions(initial_prompt=told), "en", batch_size)
    return second_look(chunk(), said(first), "en", engine, how)


def test_good_text_is_not_looked_at_again() -> None:
    engine = Scripted()
    looked = look(engine, first=GOOD)
    assert looked == Looked(said(GOOD), (), ())
    assert not looked.doubtful
    assert engine.windows == []


@pytest.mark.parametrize(
    ("engine", "rung", "tried"),
    [
        (Scripted(bare=GOOD), "bare", ("bare",)),
        (Scripted(cut=GOOD), "cut", ("bare", "cut")),
        (Scripted(no_repeat=GOOD), "no repeat", ("bare", "cut", "no repeat")),
        (Scripted(warm=GOOD), "warm", ("bare", "cut", "no repeat", "warm")),
        (Scripted(), FIRST, ("bare", "cut", "no repeat", "warm")),
    ],
)
def test_the_rungs_are_climbed_until_nothing_is_doubted(
    engine: Scripted, rung: str, tried: tuple[str, ...]
) -> None:
    looked = look(engine)
    assert (looked.rung, looked.tried) == (rung, tried)
    assert doubt.REPETITION in [one.kind for one in looked.doubts_before]
    assert looked.doubtful == (rung == FIRST)
    assert "books" in looked.segments[0].text or rung == FIRST


def test_what_is_heard_alike_whole_and_in_pieces_is_believed() -> None:
    looked = look(Scripted(cut=LOOP[: len(LOOP) // 2], no_repeat=GOOD, warm=GOOD))
    assert (looked.segments, looked.tried) == (said(LOOP), ("bare", "cut"))
    assert looked.doubtful


def test_a_rung_that_cannot_help_is_left_out() -> None:
    assert look(Scripted(cut=GOOD), told=None).tried == ("cut",)
    assert "no repeat" not in look(Scripted(bare="", cut="", warm=""), first=" Hm.").tried
    cold = Manner(DecodeOptions(temperatures=(0.0,)))
    assert "warm" not in second_look(chunk(), said(LOOP), "en", Scripted(), cold).tried


def test_a_worse_text_never_takes_the_place_of_the_first() -> None:
    doubtful = GOOD[:22]  # too few letters for 20 s of speech
    engine = Scripted(bare="", cut=LOOP, warm=" 字幕由Amara.org社区提供")
    looked = look(engine, first=doubtful)
    assert (looked.segments, looked.rung) == (said(doubtful), FIRST)
    assert [one.kind for one in looked.doubts_after] == [doubt.SPARSE]


def test_one_chunk_costs_a_bounded_number_of_windows_however_the_model_dawdles() -> None:
    engine = Scripted(resume=0.5)
    assert look(engine).doubtful
    assert len(engine.windows) <= 10


def test_pieces_are_decoded_as_many_at_once_as_the_device_has_room_for() -> None:
    engine = Scripted(cut=GOOD[:40])
    look(engine, told=None, batch_size=1)
    assert set(engine.batches) == {1}
    engine = Scripted(cut=GOOD[:40])
    look(engine, told=None, batch_size=2)
    assert max(engine.batches) == 2


def test_text_where_nobody_speaks_is_dropped_and_said_so() -> None:
    phantom = said(" Subtitles by the Amara.org community", 101.0, 103.0)
    spoken = said(" Yes, indeed.", 108.0, 108.8)
    quiet = chunk(10.0, speech=(Span(108.0, 108.8),))
    looked = second_look(quiet, phantom + spoken, "en", Scripted(warm=LOOP), Manner())
    assert (looked.segments, looked.dropped) == (spoken, phantom)
    assert not looked.doubtful


def test_a_soft_voice_that_the_detector_misses_is_kept_and_marked() -> None:
    looked = second_look(chunk(10.0, speech=()), said(GOOD, 101.0, 106.0), "en", Scripted(), Manner())
    assert (looked.segments, looked.dropped) == (said(GOOD, 101.0, 106.0), ())
    assert [one.kind for one in looked.doubts_after] == [doubt.FAST, doubt.UNSPOKEN]


def test_a_farewell_that_is_heard_is_kept_and_marked() -> None:
    looked = second_look(
        chunk(1.0, speech=(Span(100.0, 100.9),)),
        (Segment(100.0, 100.9, "谢谢大家", avg_logprob=-0.2, no_speech_prob=0.9),),
        "zh",
        Scripted(warm=""),
        Manner(expected_language="zh"),
    )
    assert [one.text for one in looked.segments] == ["谢谢大家"]
    assert looked.doubtful
    assert looked.dropped == ()


@pytest.mark.parametrize("seconds", [12.0, 12.01, 13.0, 24.0, 28.0, 29.99])
def test_pieces_are_the_chunk_and_none_is_too_long(seconds: float) -> None:
    rng = np.random.default_rng(3)
    whole = Chunk(
        0,
        50.0,
        rng.normal(0, 0.1, int(seconds * SAMPLE_RATE)).astype(np.float32),
        (Span(50.0, 57.0), Span(58.5, 61.0)),
    )
    cut = pieces(whole, 12.0)
    assert np.array_equal(np.concatenate([one.samples for one in cut]), whole.samples)
    assert all(one.end - one.start <= 12.0 for one in cut)
    assert all(a.end == pytest.approx(b.start) for a, b in zip(cut, cut[1:], strict=False))
    spoken = sum(span.end - span.start for one in cut for span in one.speech)
    assert spoken == pytest.approx(9.5)
    if seconds > 13:
        assert any(57.0 <= one.end <= 58.5 for one in cut)


def test_without_a_pause_the_cut_is_where_the_sound_is_quietest() -> None:
    samples = np.random.default_rng(5).normal(0, 0.1, 16 * SAMPLE_RATE).astype(np.float32)
    samples[int(8.0 * SAMPLE_RATE) : int(8.3 * SAMPLE_RATE)] *= 0.1
    first, second = pieces(Chunk(0, 0.0, samples, (Span(0.0, 16.0),)), 12.0)
    assert 8.0 <= first.end <= 8.3
    assert second.end == pytest.approx(16.0)


# Real models, real speech, real trouble.


def sound(path: Path) -> Samples:
    with Decoder(path) as decoder:
        return np.concatenate([block.samples for block in decoder.blocks()])


def as_chunk(samples: Samples) -> Chunk:
    blocks = (samples[at : at + SAMPLE_RATE] for at in range(0, len(samples), SAMPLE_RATE))
    cut = chunks(judged(blocks, SpeechDetector()), CutRules())
    return Chunk(0, 0.0, samples, tuple(span for one in cut for span in one.speech))


@pytest.fixture(scope="module")
def tiny(tiny_en_folder: Path) -> Iterator[Ct2Engine]:
    options = DecodeOptions(max_new_tokens=120)
    engine = Ct2Engine(Load(tiny_en_folder, "cpu", compute_type="int8", threads=2), options)
    yield engine
    engine.close()


def first_pass(engine: Ct2Engine, one: Chunk) -> tuple[Segment, ...]:
    (decoded,) = engine.decode((Window(one.samples, "en"),), Effort((0.0,)))
    return heard(Look(one), decoded)[0]


def test_what_is_really_said_over_and_over_stays(tiny: Ct2Engine, samples: Path) -> None:
    one = as_chunk(np.tile(sound(samples / "en" / "quick_brown_fox.wav"), 20)[: 13 * SAMPLE_RATE])
    first = first_pass(tiny, one)
    looked = second_look(one, first, "en", tiny, Manner(tiny._options, "en"))
    assert doubt.REPETITION in [found.kind for found in looked.doubts_before]
    assert looked.doubtful
    assert "".join(segment.text for segment in looked.segments).lower().count("lazy dog") >= 4


def test_a_tone_that_the_model_takes_for_words_leaves_none(
    tiny: Ct2Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiny, "short", False)  # in a short window it takes the tone for nothing
    tone = 0.2 * np.sin(2 * np.pi * 440 * np.arange(12 * SAMPLE_RATE) / SAMPLE_RATE)
    one = as_chunk(tone.astype(np.float32))
    first = first_pass(tiny, one)
    looked = second_look(one, first, "en", tiny, Manner(tiny._options, "en"))
    assert first
    assert looked.segments == ()
    assert looked.dropped
    assert looked.doubts_before
    assert not looked.doubtful


def test_the_second_look_is_the_same_every_time(tiny: Ct2Engine, samples: Path) -> None:
    clip = sound(samples / "en" / "counting.wav")
    noise = np.random.default_rng(3).normal(0, 0.15, 10 * SAMPLE_RATE).astype(np.float32)
    one = as_chunk(np.resize(clip, len(noise)) * 0.5 + noise)
    first = first_pass(tiny, one)
    looks = [second_look(one, first, "en", tiny, Manner(tiny._options, "en")) for _ in range(2)]
    assert looks[0].tried
    assert looks[0] == looks[1]
