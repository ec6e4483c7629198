"""Marks for a text that has none: where, which, and nothing else changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bili2text.audio.decode import Decoder
from bili2text.audio.waveform import SAMPLE_RATE, Samples
from bili2text.chinese.example import EXAMPLES
from bili2text.transcribe.ct2 import Ct2Engine
from bili2text.transcribe.engine import DecodeOptions, Load, Window
from bili2text.transcribe.hypothesis import Hypothesis
from bili2text.transcribe.marks import (
    COMMA,
    QUESTION,
    STOP,
    Probabilities,
    Tokens,
    Vocabulary,
    marked,
    places,
)

STAMP = 0x110000  # a token is a code point, or from here on a timestamp
BROKEN = "\ufffd"  # what a part of a character is decoded to
VOCABULARY = Vocabulary(
    STAMP, {mark: (ord(mark),) for mark in (STOP, COMMA, QUESTION)}, lambda ids: "".join(map(chr, ids))
)


def tokens(text: str) -> Tokens:
    """Return the tokens of a text in which | is a timestamp."""
    return tuple(STAMP + at if one == "|" else ord(one) for at, one in enumerate(text))


def shown(found: Tokens) -> str:
    return "".join("|" if one >= STAMP else chr(one) for one in found)


def likely(how: Callable[[str, str], float], asked: list[str] | None = None) -> Probabilities:
    """Return probabilities of the marks, by the text before and the mark; each text asked is noted."""

    def probabilities(text: Tokens) -> Sequence[float]:
        plain = "".join(map(chr, text))
        if asked is not None:
            asked.append(plain)
        return [how(plain[:at], one) for at, one in enumerate(plain)]

    return probabilities


def by_end(ends: dict[str, dict[str, float]]) -> Callable[[str, str], float]:
    def probability(before: str, mark: str) -> float:
        return next((of.get(mark, 0.0) for end, of in ends.items() if before.endswith(end)), 0.0)

    return probability


def test_the_likeliest_mark_stands_where_the_speaker_paused() -> None:
    text = tokens("|你好 我们走||在研究||月球吗|")
    how = by_end(
        {
            "你好": {STOP: 0.2, COMMA: 0.5},
            "我们走": {STOP: 0.9, COMMA: 1.0},
            "在研究": {STOP: 0.01, COMMA: 0.04},
            "月球吗": {STOP: 0.6, QUESTION: 0.7},
        }
    )
    assert shown(marked(text, VOCABULARY, likely(how), 99)) == "|你好, 我们走。||在研究||月球吗?|"


def test_a_mark_is_asked_for_where_it_may_win_and_the_others_are_there_as_they_seem() -> None:
    text = tokens("|你好||我们走||月球吗|")
    how = by_end({"你好": {STOP: 0.2, COMMA: 0.5}, "我们走": {STOP: 0.9}, "月球吗": {STOP: 0.3}})
    asked: list[str] = []
    marked(text, VOCABULARY, likely(how, asked), 99)
    assert asked == ["你好。我们走。月球吗。", "你好,我们走。月球吗?"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("|你好。|", ()),
        ("|你好||，走|", (7,)),
        ("|用 GPU 算|", (8,)),  # between Chinese and Latin a blank is usual
        ("|open the door|", (14,)),
        (f"|你好 {BROKEN}{BROKEN}天|", (7,)),
        (f"|你{BROKEN}|", ()),
        ("|（你好）|", (5,)),
        ("|增长20%|", (6,)),
        ("|“你好。”|", ()),
        ("||||", ()),
        ("", ()),
        ("你好", (2,)),
    ],
)
def test_no_mark_stands_beside_another_or_where_no_pause_is(text: str, wanted: tuple[int, ...]) -> None:
    assert tuple(place.at for place in places(tokens(text), VOCABULARY)) == wanted


@given(st.text("你好吗我们 ab12。,|\ufffd", max_size=40), st.randoms(use_true_random=False))
def test_words_and_times_stay_as_they_are(text: str, dice: object) -> None:
    given_tokens = tokens(text)
    found = marked(given_tokens, VOCABULARY, lambda ids: [dice.random() for _ in ids], 99)  # type: ignore[attr-defined]
    left = list(given_tokens)
    added = [one for one in found if not (left and one == left[0] and left.pop(0) == one)]
    assert not left
    assert {chr(one) for one in added} <= {STOP, COMMA, QUESTION}
    assert marked(given_tokens, VOCABULARY, lambda ids: [0.0] * len(ids), 99) == given_tokens


def test_a_loop_with_more_places_than_room_is_left_as_it_is(base_folder: Path) -> None:
    engine = Ct2Engine(Load(base_folder, "cpu", compute_type="int8"), DecodeOptions())
    window = Window(np.zeros(SAMPLE_RATE, np.float32), "zh", marks=EXAMPLES["zh"])
    encoded = engine._encode([window.samples])
    again = engine._whisper.hf_tokenizer.token_to_id("Ġè¬Ŀè¬Ŀ")  # a blank, and two characters
    for count in (100, 223):
        tokens = (engine._tokenizer("zh").timestamp_begin, *(again,) * count)
        found = engine._marked(window, encoded, 0, Hypothesis(tokens, -0.1, 0.0, 1.0, 0.0))
        assert found.tokens[:2] == tokens[:2]
        assert (found.tokens == tokens) is (count == 223)
    engine.close()


@pytest.mark.parametrize("heads", [None, [], [[6, 0]], [[0, 8]], [3], 7, {"0": 1}])
def test_a_model_that_cannot_align_is_heard_without_marks(
    base_folder: Path, samples: Path, tmp_path: Path, heads: object
) -> None:
    for file in base_folder.iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "config.json").unlink()
    config = json.loads((base_folder / "config.json").read_text(encoding="utf-8"))
    config["alignment_heads"] = heads
    config = {name: value for name, value in config.items() if value is not None}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    engine = Ct2Engine(Load(tmp_path, "cpu", compute_type="int8"), DecodeOptions(temperatures=(0.0,)))
    clip = sound(samples / "zh" / "nihao_shijie.wav")
    asked, bare = engine.decode((Window(clip, "zh", marks=EXAMPLES["zh"]), Window(clip, "zh")))
    assert asked == bare
    assert asked.segments
    engine.close()


def sound(path: Path) -> Samples:
    with Decoder(path) as decoder:
        return np.concatenate([block.samples for block in decoder.blocks()])


def test_real_speech_is_heard_as_without_and_gets_marks(base_folder: Path, samples: Path) -> None:
    quiet = np.zeros(SAMPLE_RATE, np.float32)
    clips = [part for path in sorted((samples / "zh").glob("*.wav")) for part in (sound(path), quiet)]
    heard = np.concatenate(clips)[: 28 * SAMPLE_RATE]
    bare, asked = Window(heard, "zh"), Window(heard, "zh", marks=EXAMPLES["zh"])
    for words in (False, True):
        options = DecodeOptions(word_timestamps=words, temperatures=(0.0,))
        engine = Ct2Engine(Load(base_folder, "cpu", compute_type="int8", threads=2), options)
        without, with_marks, twice = (engine.decode(one)[0] for one in ((bare,), (asked,), (asked, asked)))
        engine.close()
        assert with_marks == twice
        assert "。" in with_marks.segments[-1].text[-1:]
        for before, after in zip(without.segments, with_marks.segments, strict=True):
            assert "".join(one for one in after.text if one not in "。,?") == before.text.strip(",?。")
            assert after.avg_logprob == before.avg_logprob
            if not words:
                assert (after.start, after.end) == (before.start, before.end)
            assert "".join(word.text for word in after.words) == (after.text if words else "")
