"""The better text is the one that reads, sounds and fits better; the first stays when in doubt."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bili2text.audio.chunks import Span
from bili2text.segments import Segment
from bili2text.transcribe.better import choose, score
from bili2text.transcribe.doubt import Text

GOOD = " Printing, then, for our purpose, may be considered as the art of making books."


def text(said: str, seconds: float = 6.0, end: float | None = None, **more: float) -> Text:
    segment = Segment(0.0, seconds if end is None else end, said, **{"avg_logprob": -0.3, **more})  # type: ignore[arg-type]
    return Text(0.0, seconds, (Span(0.0, seconds),), (segment,) if said else (), "en", "en", "Names: Ada.")


@pytest.mark.parametrize(
    "worse",
    [
        text(GOOD, avg_logprob=-0.9),
        text(" may be considered" * 6, avg_logprob=-0.05),
        text(GOOD, end=2.0),
        text(" Printing."),
        text(GOOD * 4),
        text(" 印刷然后为了我们的目的可以认为是制作书籍的艺术"),
        text(" Subtitles by the Amara.org community"),
        text(""),
    ],
)
def test_good_text_scores_better(worse: Text) -> None:
    assert score(text(GOOD)).total < score(worse).total
    assert choose(worse, [text(GOOD)]) == 1
    assert choose(text(GOOD), [worse]) == 0


def test_on_a_tie_the_first_stays_and_among_others_the_earlier() -> None:
    assert choose(text(GOOD), [text(GOOD), text(GOOD, avg_logprob=-0.29)]) == 0
    assert choose(text(GOOD, avg_logprob=-2.0), [text(GOOD), text(GOOD)]) == 1
    assert choose(text(GOOD), []) == 0


def test_the_fuller_text_wins_where_the_first_passed_over_a_sentence() -> None:
    # told a prompt, base stretched a segment over the speech it left out; without one it wrote all of it
    speech = (Span(0.3, 3.9), Span(5.2, 6.5), Span(7.9, 10.1), Span(11.2, 12.7))
    first = Segment(0.2, 12.9, "9月1日通信公司的停机令将近。", avg_logprob=-0.3)
    said = ("9月1日通信公司的停機令將近", "西馬莊學校", "迪卡農運動專業潮市", "哪個這麼大的膽子")
    times = ((0.2, 4.1), (5.1, 6.8), (8.1, 10.1), (11.1, 12.9))
    whole = tuple(Segment(*when, one, avg_logprob=-0.45) for when, one in zip(times, said, strict=True))
    lacking = Text(0.0, 13.1, speech, (first,), "zh", "zh")
    fuller = replace(lacking, segments=whole)
    assert choose(lacking, [fuller]) == 1
    assert choose(fuller, [lacking]) == 0


def test_the_parts_add_up() -> None:
    found = score(replace(text(GOOD * 3, temperature=0.8), told=GOOD))
    assert found.total == pytest.approx(sum(found.parts.values()))
    assert found.parts["warm"] > 0
    assert found.parts["told"] > 0


def test_silence_in_a_chunk_without_speech_is_perfect() -> None:
    empty = Text(0.0, 6.0, (), (), "en")
    assert score(empty).total == 0
    assert choose(replace(text(GOOD), speech=()), [empty]) == 1


def test_a_text_that_lost_half_of_a_plausible_one_does_not_win_by_being_likelier() -> None:
    half = text(GOOD[: len(GOOD) // 2], avg_logprob=-0.1)
    assert score(half).total < score(text(GOOD)).total
    assert choose(text(GOOD), [half]) == 0
    assert choose(text(GOOD + " of books" * 9), [text(GOOD)]) == 1
