"""What holds for every text, and for words as well as for texts."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bili2text.chinese import numerals, script
from bili2text.chinese.digits import written
from bili2text.chinese.edits import applied
from bili2text.chinese.normalise import ChineseRules, normalised
from bili2text.chinese.spoken import spoken
from bili2text.segments import Segment, Word

EVERY = [
    ChineseRules(s, n) for s in ("simplified", "traditional", "keep") for n in ("keep", "digits", "spoken")
]
_PIECES = """
我 你 皇后 后 里 裡 发 發 現 头 台灣 著 着 么 妳 一 二 三 两 十 百 千 万 亿 零 点 半 年 月 日 号 百分之 分之 个 一起 几 第
, . ? ! : ; ( ) " ... 。 ， 、 ！ ？ …… 。。。 “ ” （ ） 1 25 2026 3.5 1,234 30% 10:30 666 6 Python RTX 5G a.b U.S. v1.2
https://b23.tv/x?p=2 a@b.com `x=1` 😂 1️⃣ １ Ａ ％
"""
PIECES = st.sampled_from([*_PIECES.split(), " ", "  ", "\u3000", "\n"])
TEXTS = st.one_of(st.lists(PIECES, max_size=14).map("".join), st.text(max_size=20))
ENGLISH = st.text(st.sampled_from("abcXYZ 0123456789.,:;!?()'\"%-/@"), max_size=40)


def cut(texts, gap=0.0):
    """Return segments of words, each a character or two, half a second long."""
    segments, now = [], 0.0
    for text in texts:
        words, begin = [], now
        for at in range(0, len(text), 2):
            words.append(Word(now, now + 0.5, text[at : at + 2], 0.5 + at % 3 / 10))
            now += 0.5
        segments.append(Segment(begin, now, text, tuple(words)))
        now += gap
    return tuple(segments)


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXTS, max_size=3), st.sampled_from(EVERY))
@example(["二十", "五个"], ChineseRules(numbers="digits"))
@example(["我们发", "现了"], ChineseRules("traditional"))
def test_twice_is_once_words_spell_their_segment_and_no_time_moves(texts, rules):
    before = cut(texts)
    after = normalised(before, rules)
    assert normalised(after, rules) == after
    for was, now in zip(before, after, strict=True):
        assert (was.start, was.end) == (now.start, now.end)
        assert "".join(word.text for word in now.words) == now.text
        assert {word.start for word in now.words} <= {word.start for word in was.words}
        assert {word.end for word in now.words} <= {word.end for word in was.words}
        assert all(one.end <= other.start for one, other in zip(now.words, now.words[1:], strict=False))


@settings(max_examples=200, deadline=None)
@given(ENGLISH, st.sampled_from(EVERY))
def test_english_alone_is_left_as_it_is(text, rules):
    if rules.numbers == "spoken" and re.search(r"\d", text):
        return
    (after,) = normalised((Segment(0.0, 1.0, text),), rules)
    assert after.text == re.sub(r"(?<=\s)\s+", "", text)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10**16 - 1))
@example(10**8 + 5)
@example(2 * 10**12 + 2000)
def test_a_number_said_is_worth_what_it_was(number):
    assert numerals.value(numerals.said(number)) == number


@settings(max_examples=300, deadline=None)
@given(st.integers(11, 10**12 - 1))
def test_a_number_said_and_written_again_is_worth_what_it_was(number):
    said = f"花了{applied(str(number), spoken(str(number)))}元"
    text = applied(said, written(said))
    match = re.fullmatch(r"花了(?:(\d+)亿)?(?:(\d+)万)?(\d*)元", text)
    assert match, text
    high, middle, low = (int(part or 0) for part in match.groups())
    assert high * 10**8 + middle * 10**4 + low == number


def test_a_number_takes_the_time_of_all_its_words():
    words = (
        Word(0.0, 0.4, "有", 0.9),
        Word(0.4, 0.8, "二十", 0.8),
        Word(0.8, 1.2, "五", 0.6),
        Word(1.2, 2.0, "个", 0.9),
    )
    (after,) = normalised((Segment(0.0, 2.0, "有二十五个", words),), ChineseRules(numbers="digits"))
    assert after.text == "有25个"
    assert after.words == (words[0], Word(0.4, 1.2, "25", 0.6), words[3])


def test_words_that_do_not_spell_their_segment_are_written_right_by_themselves():
    words = (Word(0.0, 1.0, "發現", 0.9), Word(1.0, 2.0, "  ", 0.1), Word(1.0, 2.0, "頭髮,", 0.9))
    (after,) = normalised((Segment(0.0, 2.0, "發現了頭髮,", words),))
    assert (after.text, [word.text for word in after.words]) == ("发现了头发，", ["发现", " ", "头发，"])


@pytest.mark.parametrize(("gap", "end"), [(0.0, "髮師"), (2.0, "發師")])
def test_a_phrase_is_one_across_segments_that_touch_and_two_across_a_pause(gap, end):
    after = normalised(cut(["他是理", "发师"], gap), ChineseRules("traditional"))
    assert [segment.text for segment in after] == ["他是理", end]


def test_the_tables_give_a_character_for_a_character_and_leave_simplified_text_alone():
    text = "什么都说了，为什么那么显著？土著居民的名著里，皇后看着干净的头发发呆，面条和表面都在台湾。"
    assert script.written_in(text, "simplified") == text
    traditional = script.written_in(text, "traditional")
    assert len(traditional) == len(text)
    assert script.written_in(traditional, "simplified") == text
    assert script.written_in(traditional, "traditional") == traditional


def test_a_table_that_changes_the_length_is_used_a_character_at_a_time(monkeypatch):
    class Longer:
        def convert(self, string):
            return {"發": "发", "現": "现"}.get(string, string * 2)

    monkeypatch.setattr(script, "_converter", lambda table: Longer())
    monkeypatch.setattr(script, "_converted", script._converted.__wrapped__)
    assert script.written_in("發現了", "simplified") == "发现了"
