"""Cues a person can read, and never a character lost."""

import math
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bili2text.cells import width
from bili2text.segments import Segment, Word
from bili2text.subtitles.cues import cues
from bili2text.subtitles.shape import STANDARD_ASIA, Cue, Shape
from bili2text.subtitles.tidy import tidy

EN = "en"
ZH = "zh"


def solid(text: str) -> str:
    return "".join(text.split())


def shown(found: Sequence[Cue]) -> list[str]:
    return ["|".join(cue.lines) for cue in found]


def spoken(text: str, start: float = 0.0, per_word: float = 0.3) -> Segment:
    """A segment with word times, words parted by blanks, or each character of Chinese a word."""
    parts = [f" {part}" for part in text.split()] if " " in text else list(text)
    words = tuple(
        Word(start + index * per_word, start + (index + 1) * per_word, part, 0.9)
        for index, part in enumerate(parts)
    )
    return Segment(start, words[-1].end, text, words)


LONG_URL = "https://example.com/a-path-that-is-wider-than-any-line-a-cue-may-have?x=1,2"
WESTERN = [
    "the",
    "Mr.",
    "H.",
    "because",
    "end.",
    "(so",
    "to)",
    "3.14",
    "é",
    "e\u0301",
    "--",
    "!",
    "…",
    "-->",
    LONG_URL,
]
EASTERN = ["你好", "世界。", "，", "“好”", "は", "コンピュータ", "👩\u200d👧", "🇨🇳", "เป็น", "한국어"]
PIECES = WESTERN + EASTERN
PHRASE = st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=25)
TEXT = st.builds(lambda parts, blank: blank.join(parts), PHRASE, st.sampled_from([" ", ""]))
TIME = st.floats(-1, 60) | st.sampled_from([0.0, math.nan, math.inf, 1e300])


@st.composite
def segment(draw: st.DrawFn) -> Segment:
    text, start, length = draw(TEXT), draw(TIME), draw(TIME)
    words = ()
    if draw(st.booleans()):
        words = tuple(Word(draw(TIME), draw(TIME), part, 0.5) for part in draw(st.permutations(text.split())))
    if draw(st.booleans()):
        words = tuple(Word(start, start + 1, f" {part}", 0.5) for part in text.split())
    return Segment(start, start + length, text, words)


SHAPES = st.builds(
    Shape,
    max_width=st.integers(4, 60),
    max_lines=st.integers(1, 3),
    max_words=st.none() | st.integers(1, 8),
    sentence=st.booleans(),
)


@settings(max_examples=250, deadline=None)
@given(st.lists(segment(), max_size=5), SHAPES, st.sampled_from([EN, ZH, "ja", "fr"]))
def test_no_character_is_lost_and_no_two_cues_meet(
    segments: list[Segment], shape: Shape, language: str
) -> None:
    found = cues(segments, shape, language)
    assert solid("".join(line for cue in found for line in cue.lines)) == solid(
        "".join(one.text for one in tidy(segments))
    )
    for cue in found:
        assert 0 <= cue.start < cue.end
        assert 1 <= len(cue.lines) <= shape.max_lines
        assert all(line and line == line.strip() for line in cue.lines)
        assert cue.start == round(cue.start, 3)
    for before, after in pairwise(found):
        assert before.end <= after.start


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text("abcdefgh.,", min_size=1, max_size=14), min_size=1, max_size=60), st.integers(20, 42))
def test_no_word_is_cut_and_no_line_is_too_wide(words: list[str], max_width: int) -> None:
    found = cues([Segment(0, len(words) * 0.4, " ".join(words))], Shape(max_width=max_width), EN)
    lines = [line for cue in found for line in cue.lines]
    assert [word for line in lines for word in line.split(" ")] == words
    for line in lines:
        tokens = line.split(" ")
        closers_only = sum(not token.strip(".,") for token in tokens)
        assert width(line) <= max_width or len(tokens) - closers_only <= 1


@settings(max_examples=100, deadline=None)
@given(st.text("的一是不了人我在有他这", min_size=1, max_size=200))
def test_chinese_fills_its_lines_without_overflow(text: str) -> None:
    for cue in cues([Segment(0, 30, text)], Shape(), ZH):
        assert all(width(line) <= 42 for line in cue.lines)


@settings(max_examples=100, deadline=None)
@given(st.text("的一是不了人我“（》，。！", min_size=1, max_size=120))
def test_chinese_lines_neither_begin_nor_end_with_the_wrong_mark(text: str) -> None:
    found = cues([Segment(0, 60, f"我{text}他")], Shape(), ZH)
    for line in [line for cue in found for line in cue.lines]:
        assert line[0] not in "》，。！"
        assert line[-1] not in "“（"


def test_english_breaks_at_clauses_and_sentences() -> None:
    text = (
        "Printing, in the only sense with which we are at present concerned, differs from most if not "
        "from all the arts and crafts represented in the Exhibition. It was new."
    )
    assert shown(cues([spoken(text)], Shape(), EN)) == [
        "Printing, in the only sense|with which we are at present concerned,",
        "differs from most if not from all the arts|and crafts represented in the Exhibition.",
        "It was new.",
    ]


def test_a_title_and_initials_end_no_sentence() -> None:
    text = "The Hon. H. G. Bennet visited Newgate. He saw it."
    assert shown(cues([spoken(text)], Shape(sentence=True), EN)) == [
        "The Hon. H. G. Bennet visited Newgate.",
        "He saw it.",
    ]


def test_chinese_with_punctuation_breaks_at_it() -> None:
    text = (
        "据报道，该公司今年第三季度的营业收入为12.5亿元，同比增长了百分之二十三。“我们对此非常满意！”他说。"
    )
    assert shown(cues([Segment(0, 12, text)], Shape(max_width=32), ZH)) == [
        "据报道，该公司今年第三季|度的营业收入为12.5亿元，",
        "同比增长了百分之二十三。",
        "“我们对此非常满意！”他说。",
    ]


def test_chinese_without_punctuation_breaks_before_a_conjunction() -> None:
    text = "大语言模型就是在做下一个词的预测但是它在预测的过程中学到了很多关于世界的知识"
    assert shown(cues([Segment(0, 9, text)], Shape(), ZH))[1].startswith("但是")


def test_a_pause_decides_where_nothing_else_does() -> None:
    before, after = (
        spoken("月球探测器和自动驾驶汽车研究部门"),
        spoken("现在还在继续工作没有停下来", start=5.3),
    )
    whole = Segment(before.start, after.end, before.text + after.text, before.words + after.words)
    assert shown(cues([whole], Shape(max_width=24), ZH))[0].replace("|", "") == before.text


def test_a_long_silence_is_never_spanned() -> None:
    first, second = spoken("one two three"), spoken("four five six", start=9)
    whole = Segment(0, second.end, f"{first.text} {second.text}", first.words + second.words)
    early, late = cues([whole], Shape(), EN)
    assert early.end < 3
    assert late.start == 9


def test_a_sentence_cut_by_whisper_is_joined() -> None:
    segments = [spoken("and it was not"), spoken("ready to relieve Newgate", start=1.2)]
    assert shown(cues(segments, Shape(), EN)) == ["and it was not ready to relieve Newgate"]


def test_segments_with_a_pause_between_are_not_joined() -> None:
    assert len(cues([spoken("and it was not"), spoken("ready at all", start=2)], Shape(), EN)) == 2


def test_phrases_of_chinese_are_not_run_together() -> None:
    segments = [Segment(0, 3, "那很不明智"), Segment(3, 6, "西马庄学校")]
    assert shown(cues(segments, Shape(), ZH)) == ["那很不明智", "西马庄学校"]


def test_a_word_of_an_instant_joins_its_neighbour_without_a_blank_in_chinese() -> None:
    segments = [Segment(0, 0.2, "对"), Segment(0.2, 2.2, "我们明天去")]
    assert shown(cues(segments, Shape(), ZH)) == ["对我们明天去"]


def test_a_word_wider_than_a_line_is_alone_and_whole() -> None:
    url = "https://example.com/" + "a" * 200
    found = cues([spoken(f"look at {url} please")], Shape(), EN)
    assert [line for cue in found for line in cue.lines] == ["look at", url, "please"]


def test_fast_speech_stays_to_be_read_but_not_into_the_next_cue() -> None:
    quick = Segment(0, 0.5, "This is said far too quickly.")
    alone, crowded = cues([quick], Shape(), EN), cues([quick, Segment(1.2, 3, "Next one here.")], Shape(), EN)
    assert alone[0].end == pytest.approx(29 / 20)
    assert crowded[0].end == pytest.approx(1.2 - 0.08)
    assert crowded[1].start == 1.2


def test_a_short_word_can_be_read_and_does_not_linger() -> None:
    (cue,) = cues([Segment(0, 0.2, "Yes.")], Shape(), EN)
    assert cue.end == pytest.approx(0.9)
    (cue,) = cues([Segment(0, 30, "Thank you.")], Shape(), EN)
    assert cue.end == 5.5


def test_overlapping_and_equal_segments_take_turns() -> None:
    segments = [
        Segment(0, 5, "First of all."),
        Segment(2, 3, "Second of all."),
        Segment(2, 3, "Third of all."),
    ]
    first, second, third = cues(segments, Shape(), EN)
    assert first.end <= second.start == 2
    assert second.end <= third.start < 2.1


READ_ENGLISH = [  # LJ Speech, public domain
    (0.0, 7.554, ("Printing, then, for our purpose, may be considered as the art of making books "
                 "by means of movable types.")),
    (7.914, 15.46, "As many various and, according to our ideas, heinous crimes came under this head,"),
    (15.895, 21.58, "And it is worth mention in passing that, as an example of fine typography,"),
    (22.019, 33.025, ("four for fourteen years, and three of them persons sentenced to fines "
                     "or short imprisonment -- one for little more than a month.")),
    (48.208, 56.319, ("the invention of movable metal letters in the middle of the fifteenth century "
                     "may justly be considered as the invention of the art of printing.")),
    (67.347, 78.098, ("The Hon. H. G. Bennet, who visited Newgate in eighteen seventeen, saw in one yard, "
                     "in a total of seventy-two prisoners,")),
]  # fmt: skip
READ_CHINESE = [
    (0.0, 6.1, "人工智能正在改变我们的生活方式从手机助手到自动驾驶到处都能看到它的影子"),
    (6.1, 9.0, "但是它也带来了不少新的问题"),
    (9.4, 15.2, "比如说，谁来为机器的错误负责？这个问题到今天还没有一个让所有人满意的答案。"),
]


@pytest.mark.parametrize(("rows", "language"), [(READ_ENGLISH, EN), (READ_CHINESE, ZH)])
def test_real_speech_fits_the_screen_and_keeps_its_pace(
    rows: list[tuple[float, float, str]], language: str
) -> None:
    for shape in (Shape(), STANDARD_ASIA):
        for cue in cues([Segment(*row) for row in rows], shape, language):
            assert all(width(line) <= shape.max_width for line in cue.lines)
            assert 0.9 <= cue.end - cue.start <= shape.max_seconds
            assert sum(map(width, cue.lines)) / (cue.end - cue.start) <= 20


def test_read_english_reads_well() -> None:
    found = shown(cues([Segment(*row) for row in READ_ENGLISH[:3]], Shape(), EN))
    assert found == [
        "Printing, then, for our purpose,",
        "may be considered as the art of making|books by means of movable types.",
        "As many various and,|according to our ideas,",
        "heinous crimes came under this head,",
        "And it is worth mention in passing that,|as an example of fine typography,",
    ]


def test_spoken_chinese_reads_well() -> None:
    assert shown(cues([Segment(*row) for row in READ_CHINESE], Shape(), ZH)) == [
        "人工智能正在改变我们的生活方式|从手机助手到自动驾驶到处都能看到它的影子",
        "但是它也带来了不少新的问题",
        "比如说，谁来为机器的错误负责？",
        "这个问题到今天还没有一个|让所有人满意的答案。",
    ]
