"""Lines become the sentences a person would hear in them, and no character is lost on the way."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bili2text.captions.read import parse
from bili2text.captions.values import Line
from bili2text.subtitles.atoms import unspaced
from bili2text.translate.copied import content
from bili2text.translate.sentences import LONGEST, UNMARKED, WHOLE, sentences
from bili2text.translate.values import Sentence

drawn = settings(
    deadline=None, derandomize=True, max_examples=200, suppress_health_check=[HealthCheck.too_slow]
)
_TOKENS = (
    "I am here. He said: Mr. J. K. 3.5 1984 ... … , “ ” \" ' - — -- >> JOHN: ♪ ♪♪ [Music] (applause) （掌声） 我们 "
    "今天去，看书。 吗？ 好！ ” 」 「 かな カタカナ です。 안녕 มาก 👍 \u200b \u200d \u3000 \u3164 é e\u0301 U.S. https://x.y/z 三百 50%"
).split(" ")
words = st.lists(st.sampled_from(_TOKENS) | st.text(max_size=6), max_size=8)
texts = words.map(" ".join) | words.map("".join)
seconds = st.none() | st.floats(-1, 100) | st.sampled_from([math.nan, math.inf, 0.0])
any_lines = st.lists(st.builds(Line, seconds, seconds, texts), max_size=12)


def spoken(*texts: str, pause: float = 0.0, each: float = 2.0) -> list[Line]:
    """Lines one after the other, with as long a pause after each."""
    return [Line(at * (each + pause), at * (each + pause) + each, text) for at, text in enumerate(texts)]


def unspoken(*texts: str) -> list[Line]:
    return [Line(None, None, text) for text in texts]


def found(lines: list[Line], language: str = "en") -> list[str]:
    return [sentence.text for sentence in sentences(lines, language)]


def bare(text: str) -> str:
    return "".join(text.split())


def size(text: str) -> float:
    return sum(2.5 if unspaced(one) else 1.0 for one in text)


@drawn
@given(any_lines, st.sampled_from(["en", "zh", "ja", "fr", "xx"]))
def test_whatever_the_lines_hold_the_pieces_hold_in_the_same_order(lines: list[Line], language: str) -> None:
    result = sentences(lines, language)
    shown = ["" for _ in lines]
    for sentence in result:
        for piece in sentence.pieces:
            shown[piece.line] += bare(piece.text)
    assert shown == [bare(line.text) for line in lines]
    assert [sentence.number for sentence in result] == list(range(len(result)))
    order = [piece.line for sentence in result for piece in sentence.pieces]
    assert order == sorted(order)
    for sentence in result:
        check(sentence)


def check(sentence: Sentence) -> None:
    assert bare(sentence.text) == "".join(bare(piece.text) for piece in sentence.pieces)
    assert sum(piece.weight for piece in sentence.pieces) == pytest.approx(1.0)
    assert all(piece.weight > 0 for piece in sentence.pieces)
    lines = [piece.line for piece in sentence.pieces]
    assert lines == sorted(set(lines))
    if not sentence.copied:
        assert any(one.isalpha() for one in sentence.text)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("We saw", "Mr. Smith at 3.5 miles.", "Then"), ["We saw Mr. Smith at 3.5 miles.", "Then"]),
        (("J. K. Rowling, of the U.S. Army,", "wrote it."), ["J. K. Rowling, of the U.S. Army, wrote it."]),
        (("Well... I", "know. Do you?", "Yes!"), ["Well...", "I know.", "Do you?", "Yes!"]),
        (("Well... maybe", "not."), ["Well... maybe not."]),
        (("“Really?” he", "asked. “Yes.” She", "left."), ["“Really?” he asked.", "“Yes.”", "She left."]),
        (("Yahoo! and others", "came."), ["Yahoo! and others came."]),
        (("No. I saw", "No. 5 there."), ["No.", "I saw No. 5 there."]),
        (("1. Apples are", "red. 2. So"), ["1. Apples are red.", "2. So"]),
        (("हाँ। यह", "ठीक है।"), ["हाँ।", "यह ठीक है।"]),
    ],
)
def test_a_sentence_ends_with_its_mark_and_not_before(lines: tuple[str, ...], expected: list[str]) -> None:
    assert found(spoken(*lines)) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            ("大家好，欢迎来", "到课程。我们先", "复习！好吗？"),
            ["大家好，欢迎来到课程。", "我们先复习！", "好吗？"],
        ),
        (("他说：“走吧。", "”然后走了。"), ["他说：“走吧。”", "然后走了。"]),
        (("我……我不", "知道。"), ["我……我不知道。"]),
        (("用 Python", "写代码，很快。"), ["用 Python写代码，很快。"]),
    ],
)
def test_chinese_is_joined_without_blanks(lines: tuple[str, ...], expected: list[str]) -> None:
    assert found(spoken(*lines), "zh") == expected


def test_a_pause_ends_a_sentence_but_a_comma_or_a_small_letter_carries_it_further() -> None:
    assert found(spoken("The house", "Two of them came.", pause=1.2)) == ["The house", "Two of them came."]
    assert found(spoken("The house", "of them.", pause=0.9)) == ["The house of them."]
    assert found(spoken("The house", "of them.", pause=1.2)) == ["The house of them."]
    assert found(spoken("The house,", "Tom thought.", pause=1.2)) == ["The house, Tom thought."]
    assert found(spoken("The house,", "of them.", pause=3.2)) == ["The house,", "of them."]
    assert found(spoken("It rained. the", "next day", pause=0.0)) == ["It rained. the next day"]
    assert found(spoken("It rained.", "the next day", pause=0.5)) == ["It rained.", "the next day"]


def test_chinese_without_marks_is_joined_by_pauses_and_each_line_is_a_clause() -> None:
    lines = spoken("今天天气很好", "我们去公园", "看见很多人", each=2.0, pause=0.1)
    assert found(lines, "zh") == ["今天天气很好 我们去公园 看见很多人"]
    assert found(spoken("今天天气很好", "我们去公园", pause=0.6), "zh") == ["今天天气很好", "我们去公园"]
    assert found(spoken("今天天气很好", "的时候", pause=0.1), "zh") == ["今天天气很好的时候"]  # 的 leans back


def test_marks_count_where_they_are_for_whisper_stops_writing_them_midway() -> None:
    marked = ["今天，天气很好，我们去", "公园看花。"] * 15
    lines = spoken(*marked, *["今天天气很好", "我们去公园"] * 15, each=2.0, pause=0.0)
    result = found(lines, "zh")
    assert result[:15] == ["今天，天气很好，我们去公园看花。"] * 15
    assert all(" " in text and size(bare(text)) <= UNMARKED for text in result[-2:])


def test_text_without_an_end_is_cut_at_its_best_breaks_and_a_whole_sentence_only_when_far_too_long() -> None:
    clause = "the old man walked along the road to the town, "
    assert size(clause * 5) > LONGEST
    assert found(spoken((clause * 5).strip(" ,") + ".")) == [(clause * 5).strip(" ,") + "."]
    for text in (clause * 30, clause * 30 + "and left."):
        parts = found(spoken(*[part + "," for part in text.strip(" ,").split(",")]))
        assert len(parts) > 5
        assert all(size(part) <= LONGEST for part in parts)
        assert all(part.endswith((",", ".")) for part in parts)
    chinese = found(spoken(*["今天天气很好我们去公园"] * 40), "zh")
    assert all(size(bare(part)) <= UNMARKED for part in chinese)
    assert found(spoken("a" * 5000)) == ["a" * 5000]
    assert WHOLE > LONGEST > UNMARKED


def test_lines_end_where_somebody_else_begins_to_speak() -> None:
    assert found(spoken("- Are you", "- No", "— Так", ">> so", "JOHN: well")) == [
        "- Are you", "- No", "— Так", ">> so", "JOHN: well",
    ]  # fmt: skip
    assert found(spoken("- Yes - No - not now")) == ["- Yes", "- No - not now"]
    assert found(spoken("小明：你去", "小红：我不", "小明：好", "他说：走"), "zh") == [
        "小明：你去小红：我不", "小明：好他说：走",
    ]  # fmt: skip
    assert found(spoken("It was", "-5 degrees", "--and", "so: cold")) == ["It was -5 degrees --and so: cold"]


@pytest.mark.parametrize(
    "text",
    [
        "", "  ", "\u200b\ufeff", "♪", "♪♪", "・～", "...", "---", "？！", "👍", "[Music]", "(applause)", "[音乐]",
        "（掌声）", "【笑声】", "*sighs*", "♪ [Music playing] ♪", "[Audience laughing]", "（热烈的掌声）",
        "https://example.org/a?b=1", "www.example.org", "(me@example.org)",
    ],
)  # fmt: skip
def test_what_holds_nothing_to_translate_is_copied_as_it_is(text: str) -> None:
    first, copied, last = sentences(spoken("We were", text, "there then"), "en")
    assert (copied.text, copied.copied) == (text, True)
    assert not first.copied
    assert not last.copied


@pytest.mark.parametrize(
    "text",
    [
        "♪ la la la ♪", "(I know.)", "[in French]", "（我知道）", "三百二十八", "5 km", "See https://example.org",
        "music", "OK", "[Chapter 1]",
    ],
)  # fmt: skip
def test_words_are_translated_in_whatever_they_are_wrapped(text: str) -> None:
    assert content(text) == "words"


def test_digits_alone_are_copied_but_not_out_of_the_middle_of_a_sentence() -> None:
    numbers = sentences(unspoken("1", "12:30", "50%", "2026-11-21"), "en")
    assert [sentence.copied for sentence in numbers] == [True] * 4
    assert found(spoken("It was in", "1984", "that he left.")) == ["It was in 1984 that he left."]
    assert found(spoken("It ended.", "1984", "That year")) == ["It ended.", "1984", "That year"]


def test_lines_without_times_are_whole_unless_they_were_wrapped() -> None:
    assert found(unspoken("A walk", "in the park,", "Tom said.", "", "red roses", "Blue")) == [
        "A walk in the park, Tom said.", "", "red roses", "Blue",
    ]  # fmt: skip
    assert found(unspoken("第一章", "今天很好，", "我们去。", "好"), "zh") == [
        "第一章",
        "今天很好，我们去。",
        "好",
    ]


def test_weights_are_the_share_of_time_and_of_width_without_times() -> None:
    lines = [Line(0, 3, "One two. Now"), Line(3, 4, "we go.")]
    first, second = sentences(lines, "en")
    assert [piece.weight for piece in first.pieces] == [1.0]
    now, go = (piece.weight for piece in second.pieces)
    assert now / go == pytest.approx(3 * 3 / 12)
    halves = sentences(unspoken("今天很好，", "abcdefghij"), "zh")[0]
    assert [piece.weight for piece in halves.pieces] == [0.5, 0.5]


def test_a_file_of_signs_and_speech_that_goes_back_in_time_joins_neither() -> None:
    lines = [Line(50, 52, "THE END"), Line(0, 2, "It was"), Line(2, 4, "the first day.")]
    assert found(lines) == ["THE END", "It was the first day."]


def test_hostile_lengths_end() -> None:
    texts = [
        "好" * 20_000,
        "a" * 50_000,
        "b. " * 5_000,
        "- A " * 3_000,
        "-" * 20_000,
        "[" * 20_000,
        "»”" * 2_000,
    ]
    for text in texts:
        result = sentences([Line(0, 2, text)], "en")
        assert bare("".join(sentence.text for sentence in result)) == bare(text)


def test_where_one_break_is_as_good_as_another_a_line_is_left_whole() -> None:
    lines = spoken(*["word " * 7] * 37)
    assert all(piece.text == ("word " * 7).strip() for one in sentences(lines, "en") for piece in one.pieces)


def test_a_sign_and_a_speaker_named_by_the_file_share_no_sentence() -> None:
    rows = (
        "0:00:01.00,0:00:02.00,Sign,,0,0,0,,{\\pos(9,9)}Train Station\\NPlatform 9",
        "0:00:02.00,0:00:03.00,Main,Ann,0,0,0,,the train is late,",
        "0:00:03.00,0:00:04.00,Main,Ann,0,0,0,,I think.",
        "0:00:04.00,0:00:05.00,Main,Bob,0,0,0,,no,",
        "0:00:05.00,0:00:06.00,Main,Ann,0,0,0,,it is.",
    )
    file = "[Events]\n" + "".join(f"Dialogue: 0,{row}\n" for row in rows)
    lines = list(parse(file, "ass", "a.ass").lines)
    assert found(lines) == ["Train Station Platform 9", "the train is late, I think.", "no,", "it is."]
