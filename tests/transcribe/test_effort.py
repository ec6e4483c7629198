"""One call of the real engine may be told to try harder, and says the same whatever came before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bili2text.audio.decode import Decoder
from bili2text.audio.waveform import SAMPLE_RATE, Samples
from bili2text.transcribe.ct2 import Ct2Engine
from bili2text.transcribe.engine import Decoded, DecodeOptions, Effort, Load, Window


def sound(path: Path) -> Samples:
    with Decoder(path) as decoder:
        return np.concatenate([block.samples for block in decoder.blocks()])


@pytest.fixture(scope="module")
def hushed(samples: Path) -> tuple[Window, ...]:
    """Speech under noise: a sampled text is another one with every draw."""
    noise = np.random.default_rng(7).normal(0, 0.06, 4 * SAMPLE_RATE).astype(np.float32)
    clips = (sound(samples / "en" / f"{name}.wav") for name in ("counting", "quick_brown_fox", "hello_world"))
    return tuple(Window(clip[: len(noise)] * 0.3 + noise[: len(clip)], "en") for clip in clips)


@pytest.fixture(scope="module")
def told(tiny_en_folder: Path) -> Iterator[Ct2Engine]:
    """An engine with a prompt that shows in the text."""
    options = DecodeOptions(
        prefix="Zebra zebra", initial_prompt="ZEBRA ZEBRA", no_speech_threshold=None, max_new_tokens=48
    )
    engine = Ct2Engine(Load(tiny_en_folder, "cpu", compute_type="int8", threads=2), options)
    yield engine
    engine.close()


def texts(decoded: tuple[Decoded, ...]) -> list[str]:
    return [segment.text for one in decoded for segment in one.segments]


def test_a_sampled_window_says_the_same_whatever_was_sampled_before(
    told: Ct2Engine, hushed: tuple[Window, ...]
) -> None:
    effort = Effort(temperatures=(1.0,), bare=True)
    wanted = told.decode(hushed[:1], effort)
    assert told.decode(hushed[:1], effort) == wanted
    for window in hushed[1:]:
        told.decode((window,), effort)
    assert told.decode(hushed[:1], effort) == wanted


def test_without_a_new_model_the_draws_go_on(told: Ct2Engine, hushed: tuple[Window, ...]) -> None:
    effort = Effort(temperatures=(1.0,), bare=True)
    wanted = told.decode(hushed[:1], effort)
    told._sampled = False
    assert told.decode(hushed[:1], effort) != wanted
    assert told.decode(hushed[:1], effort) == wanted


def test_a_window_heated_within_a_batch_does_not_depend_on_its_neighbours(
    tiny_en_folder: Path, hushed: tuple[Window, ...]
) -> None:
    # a log-probability is never above 0: no text ever passes
    options = DecodeOptions(log_prob_threshold=0.0, no_speech_threshold=None, max_new_tokens=32)
    engine = Ct2Engine(Load(tiny_en_folder, "cpu", compute_type="float32", threads=2), options)
    effort = Effort(temperatures=(0.0, 1.0))
    together = engine.decode(hushed[:2], effort)
    alone = [engine.decode((window,), effort)[0] for window in reversed(hushed[:2])]
    engine.close()
    assert [one.temperature for one in together] == [1.0, 1.0]
    assert texts(together) == texts(tuple(reversed(alone)))


def test_a_bare_call_tells_the_model_nothing(told: Ct2Engine, samples: Path) -> None:
    window = Window(sound(samples / "en" / "quick_brown_fox.wav"), "en", first=True)
    (first,) = told.decode((window,), Effort(temperatures=(0.0,)))
    (bare,) = told.decode((replace(window, previous=(50256,) * 9),), Effort((0.0,), bare=True))
    assert "zebra" in texts((first,))[0].lower()
    assert "zebra" not in texts((bare,))[0].lower()
    assert "lazy dog" in texts((bare,))[0].lower()


def test_no_three_tokens_come_twice_where_none_may(told: Ct2Engine, samples: Path) -> None:
    window = Window(np.tile(sound(samples / "en" / "hello_world.wav"), 6)[: 25 * SAMPLE_RATE], "en")
    repeats = []
    for size in (None, 3):
        (decoded,) = told.decode((window,), Effort((0.0,), bare=True, no_repeat_ngram_size=size))
        triples = list(zip(decoded.tokens, decoded.tokens[1:], decoded.tokens[2:], strict=False))
        repeats.append(len(triples) - len(set(triples)))
    assert repeats[0] > repeats[1] == 0
