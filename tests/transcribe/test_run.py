"""Going through chunks with an engine that says what it is told to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from bili2text.audio.chunks import Chunk, Span
from bili2text.audio.waveform import SAMPLE_RATE
from bili2text.segments import Segment
from bili2text.transcribe.engine import USUAL, Decoded, DecodeOptions, Effort, Window
from bili2text.transcribe.language import LanguageRules, spread_out, vote
from bili2text.transcribe.run import Listening, listen


@dataclass
class Reader:
    """An engine for sound whose samples are their own time: it reads `step` seconds of each window."""

    step: float = 30.0
    multilingual: bool = True
    short: bool = False
    batches: list[int] = field(default_factory=list)
    heard: list[Window] = field(default_factory=list)

    def languages(self, sounds: tuple[object, ...]) -> tuple[dict[str, float], ...]:
        return tuple({"en": 0.2, "zh": 0.8} for _ in sounds)

    def decode(self, windows: tuple[Window, ...], effort: Effort = USUAL) -> tuple[Decoded, ...]:
        self.batches.append(len(windows))
        self.heard += windows
        return tuple(self._read(window) for window in windows)

    def _read(self, window: Window) -> Decoded:
        length = len(window.samples) / SAMPLE_RATE
        end = min(self.step, length)
        text = f"{float(window.samples[0]):.1f}-{float(window.samples[round(end * SAMPLE_RATE) - 1]):.1f}"
        return Decoded((Segment(0.0, end, text),), None, False, (1, 2), 0.0)

    def close(self) -> None: ...


def chunk(index: int, start: float, seconds: float) -> Chunk:
    times = start + np.arange(round(seconds * SAMPLE_RATE), dtype=np.float32) / SAMPLE_RATE
    return Chunk(index, start, times, (Span(start, start + seconds),))


def listening(**options: object) -> Listening:
    """How to listen to an engine whose text is numbers: a second look would doubt all of it."""
    return Listening(second_look=False, **options)  # type: ignore[arg-type]


CHUNKS = [chunk(index, index * 25.0, 20.0) for index in range(5)]


def test_every_chunk_is_heard_in_order_whatever_the_batch() -> None:
    for size in (1, 2, 8):
        done: list[Chunk] = []
        heard = listen(iter(CHUNKS), Reader(), listening(batch_size=size), done.append)
        assert [segment.start for segment in heard.segments] == [0.0, 25.0, 50.0, 75.0, 100.0]
        assert sorted(one.index for one in done) == list(range(5))


def test_what_a_window_leaves_unheard_is_heard_next() -> None:
    engine = Reader(step=8.0)
    heard = listen(iter(CHUNKS[:2]), engine, listening(batch_size=2), lambda _: None)
    assert [(s.start, s.end) for s in heard.segments] == [
        (0.0, 8.0), (8.0, 16.0), (16.0, 20.0), (25.0, 33.0), (33.0, 41.0), (41.0, 45.0),
    ]  # fmt: skip
    assert engine.batches == [2, 2, 2]
    assert heard.looks == 6


def test_the_language_is_a_vote_and_goes_into_every_window() -> None:
    engine = Reader()
    heard = listen(iter(CHUNKS), engine, listening(), lambda _: None)
    assert heard.language.language == "zh"
    assert {window.language for window in engine.heard} == {"zh"}


def test_marks_are_set_in_their_language_and_in_a_second_look_too() -> None:
    how = Listening(language="zh", marks={"zh": "好。"})
    engine = Reader()
    heard = listen(iter(CHUNKS), engine, how, lambda _: None)
    assert any(one.tried for one in heard.chunks)
    assert {window.marks for window in engine.heard} == {"好。"}
    other = Reader()
    listen(iter(CHUNKS), other, replace(how, language="ja"), lambda _: None)
    assert {window.marks for window in other.heard} == {None}
    languages: tuple[str | None, ...] = ("zh", "ja", None)
    assert [replace(how, language=language).sets_marks for language in languages] == [True, False, True]
    assert not Listening().sets_marks


def test_a_language_that_is_given_is_not_detected() -> None:
    heard = listen(iter(CHUNKS), Reader(), listening(language="fr"), lambda _: None)
    assert (heard.language.language, heard.language.probability) == ("fr", 1.0)


def test_only_the_first_window_is_the_first() -> None:
    engine = Reader(step=8.0)
    listen(iter(CHUNKS), engine, listening(batch_size=3), lambda _: None)
    assert [window.first for window in engine.heard].count(True) == 1
    assert engine.heard[0].first


def test_a_sequential_run_knows_the_text_before() -> None:
    engine = Reader()
    options = DecodeOptions(condition_on_previous_text=True)
    listen(iter(CHUNKS), engine, listening(options=options, sequential=True), lambda _: None)
    assert engine.batches == [1] * 5
    assert [len(window.previous) for window in engine.heard] == [0, 2, 4, 6, 8]


def test_no_sound_is_an_empty_transcript() -> None:
    heard = listen(iter(()), Reader(), listening(), lambda _: None)
    assert heard.segments == ()
    assert heard.language.probability == 0.0


def test_the_vote_stops_when_it_is_clear() -> None:
    asked = []

    def windows() -> object:
        for probability in (0.4, 0.9, 0.9):
            asked.append(probability)
            yield {"en": probability, "zh": 1 - probability - 0.1}

    found = vote(windows(), LanguageRules(segments=4, threshold=0.6))  # type: ignore[arg-type]
    assert found.language == "en"
    assert found.probability == pytest.approx(2.2 / 3)
    assert (found.windows, len(asked)) == (3, 3)


def test_the_vote_goes_on_while_it_is_close_and_only_among_the_languages_there_may_be() -> None:
    windows = [{"nn": 0.6, "zh": 0.3, "en": 0.1}, {"zh": 0.5, "en": 0.4, "nn": 0.1}] * 3
    assert vote(iter(windows), LanguageRules(segments=6, threshold=0.9)).language == "zh"
    among = vote(iter(windows), LanguageRules(segments=6, threshold=0.9, among=("en", "nn")))
    assert (among.language, among.windows) == ("nn", 6)
    assert 0 < among.margin < 1


def test_windows_for_the_vote_are_spread_and_begin_in_the_middle() -> None:
    assert spread_out(0, 4) == []
    assert spread_out(2, 4) in ([0, 1], [1, 0])
    chosen = spread_out(16, 4)
    assert sorted(chosen) == [2, 6, 10, 14]
    assert chosen[0] in (6, 10)
