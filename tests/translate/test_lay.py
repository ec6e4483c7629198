"""Translations go back to the lines their sentences came from: all of them, in order, readable."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bili2text.captions.values import Line
from bili2text.subtitles.atoms import blank_between
from bili2text.translate.lay import lay
from bili2text.translate.sentences import sentences
from bili2text.translate.values import Piece, Sentence

drawn = settings(
    deadline=None, derandomize=True, max_examples=200, suppress_health_check=[HealthCheck.too_slow]
)
_SOURCE = "we saw him. Then, he left for good! 我们 今天去看书。 好吗？ [Music] ♪ 12 - Yes. 小明，来".split(
    " "
)
_TARGET = "我们 今天去看书，好吗？ Then, he said: “no” . 、 … (yes) — 。 a".split(" ")
source_texts = st.lists(st.sampled_from(_SOURCE), max_size=6).map(" ".join)
lines_drawn = st.lists(source_texts, max_size=10).map(
    lambda texts: [Line(at * 2.0, at * 2.0 + 1.9, text) for at, text in enumerate(texts)]
)
replies = st.lists(st.sampled_from(_TARGET), max_size=12).map(" ".join)


def bare(text: str) -> str:
    return "".join(text.split())


def one(text: str, *weights: float) -> tuple[Sentence, list[Line]]:
    """A sentence over as many lines as it has weights."""
    pieces = tuple(Piece(at, "w", weight) for at, weight in enumerate(weights))
    return Sentence(0, text, pieces), [Line(None, None, "w") for _ in weights]


def laid(translation: str, *weights: float, target: str = "en") -> tuple[str, ...]:
    sentence, lines = one("w", *weights)
    return lay([sentence], {0: translation}, lines, target)


@drawn
@given(lines_drawn, st.lists(replies, min_size=1, max_size=5), st.sampled_from(["en", "zh", "de"]))
def test_nothing_is_lost_and_no_line_with_words_is_left_without(
    lines: list[Line], said: list[str], target: str
) -> None:
    found = sentences(lines, "en")
    full = {sentence.number: said[sentence.number % len(said)] or "好" for sentence in found}
    texts = lay(found, full, lines, target)
    assert texts == lay(found, full, lines, target)
    assert len(texts) == len(lines)
    for line, text in zip(lines, texts, strict=True):
        assert bool(text.strip()) is bool(line.text.strip())
    everything = bare("".join(texts))
    at = 0
    for sentence in found:  # one after the other, each whole
        expected = bare(sentence.text if sentence.copied else full[sentence.number])
        assert expected in everything[at:]
        at = everything.index(expected, at) + (len(expected) if len(sentence.pieces) == 1 else 0)


@drawn
@given(replies, st.lists(st.floats(0.01, 5.0), min_size=1, max_size=8))
def test_the_parts_of_a_translation_are_the_translation(text: str, weights: list[float]) -> None:
    parts = laid(text, *weights, target="zh")
    if bare("".join(parts)) != bare(text):  # fewer words than lines
        assert parts == (" ".join(text.split()),) * len(weights)
        return
    assert all(part[:1] not in tuple("，。、？！：,:.…”)") for part in parts[1:])


def test_a_translation_is_cut_at_the_comma_near_the_place_and_not_at_one_far_away() -> None:
    text = "When we came home in the evening, the lights were on"
    assert laid(text, 0.5, 0.5) == ("When we came home in the evening,", "the lights were on")
    first, second = laid("Yes, when we came home in the evening the lights were on", 0.5, 0.5)
    assert first.startswith("Yes, when we came home")
    assert laid("我们回家的时候，灯还亮着", 0.5, 0.5, target="zh") == ("我们回家的时候，", "灯还亮着")
    assert second


def test_parts_follow_the_weights_where_breaks_are_alike() -> None:
    words = " ".join(["word"] * 12)
    assert [len(part.split()) for part in laid(words, 0.25, 0.5, 0.25)] == [3, 6, 3]


def test_a_translation_of_fewer_words_than_lines_is_shown_whole_in_each() -> None:
    assert laid("Good morning.", 0.2, 0.3, 0.5) == ("Good morning.",) * 3


@pytest.mark.parametrize("said", [{}, {0: ""}, {0: " \u3000 "}])
def test_what_was_not_translated_leaves_its_lines_empty_and_never_shows_the_source(
    said: dict[int, str],
) -> None:
    sentence, lines = one("source", 0.5, 0.5)
    assert lay([sentence], said, lines, "zh") == ("", "")


def test_what_is_copied_stays_whatever_was_said() -> None:
    lines = [Line(0, 1, "  ♪ "), Line(1, 2, "https://example.org")]
    assert lay(sentences(lines, "en"), {0: "x", 1: "y"}, lines, "zh") == ("  ♪ ", "https://example.org")


def test_sentences_that_share_a_line_are_joined_as_the_target_joins_words() -> None:
    lines = [Line(0, 2, "Yes. No. Now we"), Line(2, 4, "go home.")]
    found = sentences(lines, "en")
    chinese = {0: "是。", 1: "不", 2: "那么，我们回家。"}
    assert lay(found, chinese, lines, "zh") == ("是。不 那么，", "我们回家。")
    english = {0: "Sì.", 1: "No.", 2: "Ora andiamo a casa."}
    assert lay(found, english, lines, "it") == ("Sì. No. Ora", "andiamo a casa.")
    assert blank_between("Sì.", "No.")


def test_the_tail_of_a_line_may_stay_empty_rather_than_show_half_a_phrase() -> None:
    lines = [
        Line(0, 5, "They had all gone away long before. It"),
        Line(5, 10, "was very late in the evening."),
    ]
    assert lay(sentences(lines, "en"), {0: "大家早就走了。", 1: "夜已经很深了。"}, lines, "zh") == (
        "大家早就走了。",
        "夜已经很深了。",
    )


def test_hostile_lengths_end() -> None:
    assert laid("a" * 500, *[1.0] * 300) == ("a" * 500,) * 300
    parts = laid("好" * 5000, *[1.0] * 300, target="zh")
    assert {len(part) for part in parts} <= set(range(10, 25))
    assert "".join(parts) == "好" * 5000
    assert len(laid("b c " * 200, *[1e-9] * 299, 1.0)) == 300
