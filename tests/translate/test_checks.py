"""What is found wrong with a translation, and how seldom a good one is called bad."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

import pytest

from bili2text.terms import Term
from bili2text.translate import figures
from bili2text.translate.checks import Fault, faults, weight
from bili2text.translate.replies import cleaned
from bili2text.translate.scripts import unwanted
from bili2text.translate.values import Direction, Piece, Sentence, Task
from bili2text.translators.engine import Reply

sys.path.insert(0, str(Path(__file__).parent))

from hostile import HOSTILE, Hostile


def found(
    source: str,
    text: str,
    way: tuple[str, str] = ("zh", "en"),
    *,
    terms: tuple[Term, ...] = (),
    neighbours: Sequence[str] = (),
    earlier: Mapping[str, str] | None = None,
) -> tuple[Fault, ...]:
    task = Task(Sentence(0, source, (Piece(0, source, 1.0),)), terms=terms)
    reply = Reply(text, 9, finished=True)
    return faults(task, text, reply, Direction(*way), neighbours=neighbours, earlier=earlier or {})


@pytest.mark.parametrize("one", HOSTILE, ids=lambda one: one.name)
def test_each_hostile_reply_is_caught_or_cleaned(one: Hostile) -> None:
    text = cleaned(one.reply, one.task(), one.direction)
    wrong = faults(
        one.task(), text, one.said, one.direction, neighbours=one.neighbours, earlier=dict(one.earlier)
    )
    if one.fault:
        assert one.fault in wrong
    else:
        assert wrong == ()


def test_there_are_seventy_of_them_and_every_fault_has_one() -> None:
    assert len({one.name for one in HOSTILE}) == 70
    assert {one.fault for one in HOSTILE if one.fault} == set(get_args(Fault))


@pytest.mark.parametrize("way", [("zh", "en"), ("en", "zh")])
def test_of_400_real_translations_at_most_two_are_called_bad(way: tuple[str, str]) -> None:
    hsk = pytest.importorskip("hsk_sentences_audio")
    pairs = [
        {"zh": row["chinese"], "en": row["translation"]["en"]}
        for row in hsk.load_sentences()
        if not row["translation"].get("en", "placeholder").startswith("placeholder")
    ]
    earlier: dict[str, str] = {}
    bad = []
    for pair in random.Random(3).sample(pairs, 400):
        source, text = (pair[code] for code in way)
        wrong = found(source, text, way, earlier=earlier, neighbours=tuple(earlier)[-2:])
        if wrong:
            bad.append((wrong, source, text))
        earlier[source] = text
    assert len(bad) <= 2, bad


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("对不起，我不能帮你。", "I'm sorry, but I can't help you."),
        ("哎呀，我迟到了。", "Sorry! I'm late."),
        ("以上内容仅供参考。", "The lines before it are for context only."),
        ("我是一个人工智能助手。", "I'm an AI assistant."),
        ("请把这段文本给我。", "Please give me the text."),
        ("这句话的翻译是什么？", "What is the translation of this sentence?"),
        ("好，好，好，好，好。", "Good, good, good, good, good."),
        ("哈哈哈哈哈哈哈哈哈哈！", "Hahahahahaha!"),
        ("啊！！！！！！！！！！", "Ah!!!!!!!!!!"),
        ("走！", "Let's get going!"),
        ("他的名字是 {name}。", "His name is {name}."),
        ("<b>重要</b>的事", "An <b>important</b> thing"),
    ],
)
def test_what_the_source_says_itself_is_no_fault(source: str, text: str) -> None:
    assert found(source, text) == ()


@pytest.mark.parametrize(
    ("way", "source", "text", "wrong"),
    [
        (("en", "zh"), "John Smith, NASA.", "John Smith, NASA.", ()),
        (("en", "zh"), "NASA", "NASA", ()),
        (("en", "zh"), "Install PyTorch with pip.", "用 pip 安装 PyTorch。", ()),
        (("en", "zh"), "It is easy.", "It is 容易 to do so, really.", ("script",)),
        (("en", "fr"), "The character 汉 is hard.", "Le caractère 汉 est difficile.", ()),
        (("en", "zh"), "The angle α is small.", "角 α 很小。", ()),
        (("zh", "ja"), "欢迎来到今天的课程。", "今日の授業へようこそ。", ()),
        (("zh", "ja"), "欢迎来到今天的课程。", "欢迎来到今日之课程。", ("script",)),
        (("zh", "ja"), "北京大学", "北京大学", ("echo",)),
        (("zh", "ko"), "欢迎来到今天的课程。", "오늘 수업에 오신 것을 환영합니다.", ()),
        (("zh", "ko"), "欢迎来到今天的课程。", "오늘 课程에 오신 것을 환영합니다.", ("script",)),
        (("zh", "ru"), "欢迎来到今天的课程。", "Добро пожаловать на сегодняшний урок.", ()),
        (("en", "th"), "Welcome to today's lesson.", "ยินดีต้อนรับสู่บทเรียนวันนี้", ()),
        (("en", "th"), "Welcome to today's lesson.", "Bienvenue au cours.", ("script",)),
        (("en", "zh-Hant"), "Welcome to today's lesson.", "歡迎來到今天的課程。", ()),
        (("fr", "en"), "Information.", "Information.", ()),
    ],
)
def test_each_language_is_written_in_its_own_scripts(
    way: tuple[str, str], source: str, text: str, wrong: tuple[str, ...]
) -> None:
    assert found(source, text, way) == wrong


def test_what_the_glossary_writes_in_another_script_may_stay() -> None:
    told = (Term("太极", "Taiji 太极"),)
    assert found("他每天早上打太极。", "He does Taiji 太极 every morning.", terms=told) == ()
    assert "script" in found("他每天早上打太极。", "He does Taiji 太极 every morning.")


def test_a_term_may_be_inflected_and_must_not_be_replaced() -> None:
    told = (Term("批次大小", "batch size"),)
    assert found("批次大小很重要。", "Batch sizes matter.", terms=told) == ()
    assert found("批次大小很重要。", "The size of a lot matters.", terms=told) == ("terms",)
    russian = (Term("显卡", "видеокарта"),)
    assert found("没有显卡。", "Нет видеокарты.", ("zh", "ru"), terms=russian) == ()
    assert found("没有显卡。", "Термин не назван.", ("zh", "ru"), terms=(Term("显卡", None),)) == ()


def test_one_translation_for_two_sentences_is_a_fault_only_when_they_differ() -> None:
    said = "Thank you all very much for watching."
    assert found("今天天气不错，我们出去走走。", said, earlier={"谢谢大家的观看。": said}) == (
        "copied-previous",
    )
    assert found("非常谢谢大家的观看！", said, earlier={"谢谢大家的观看。": said}) == ()
    assert found("好的。", "Okay.", earlier={"行。": "Okay."}) == ()


def test_the_translation_of_a_neighbour_must_not_be_within_a_text_or_be_nearly_all_of_it() -> None:
    said = "Thank you all very much for watching."
    source, thanks = "今天天气不错，我们出去走走，好吗？", "谢谢大家的观看。"
    for text in (f"Good evening. {said}", said.replace("all ", ""), f"{said[:-1]}!"):
        near = found(source, text, earlier={thanks: said}, neighbours=(thanks,))
        assert near == ("copied-previous",), text
        assert found(source, text, earlier={thanks: said}) == (), "a line far from it is not told as context"
    joined = "この左に深印象を与えました。エリアにはプールがあります。"  # as a 0.5B model said it
    before = {"This left a deep impression on me.": "この左に深く印象を与えました。"}
    wrong = found("If it rains, I won't go.", joined, ("en", "ja"), earlier=before, neighbours=tuple(before))
    assert wrong == ("copied-previous",)
    joined = "今天天气不错，谢谢大家的观看。"
    text = "The weather is fine today, and thank you all very much for watching."
    assert found(joined, text, earlier={thanks: said}, neighbours=(thanks,)) == ()
    assert found(source, "Okay. Let us go for a walk.", earlier={"好。": "Okay."}, neighbours=("好。",)) == ()


KEPT = [
    ("一共3,580台", "3580 units", "en"), ("2.7亿人", "270 million people", "en"), ("100个人", "a hundred people", "en"),
    ("90后", "those born in the 1990s", "en"), ("1600万", "16 million", "en"), ("12.5%", "12.5 percent", "en"),
    ("50%的人", "half of them", "en"), ("1.5小时", "an hour and a half", "en"), ("the 1600s", "17世纪", "zh"),
    ("20世纪90年代", "the 1990s", "en"), ("2,500", "两千五百", "zh"), ("25000 people", "2.5万人", "zh"),
    ("15:30", "3:30 pm", "en"), ("上午8点46分", "8:46 a.m.", "en"), ("1990年5月26日", "May 26, 1990", "en"),
    ("35%", "thirty-five percent", "en"), ("100% done", "全做完了", "zh"), ("1600万", "16 Millionen", "de"),
    ("v3.5.1", "版本 3.5.1", "zh"), ("007", "007", "zh"), ("3.580 Stück", "3,580 pieces", "en"),
    ("３５８０台", "3,580 units", "en"), ("每小时 240 千米", "240 kilometers an hour", "en"),
    ("2 cats", "两只猫", "zh"), ("看 https://a.b/c。", "See https://a.b/c.", "en"), ("用 `pip` 装", "with pip", "en"),
    ("你好 {name}", "Hello {name}", "en"), ("写信到 me@a.org", "write to me@a.org", "en"),
]  # fmt: skip
LOST = [
    ("12.5%", "125%", "en"), ("3,580台", "3,500 units", "en"), ("16万", "16 million", "en"), ("1998年", "1989", "en"),
    ("你好 {name}", "Hello", "en"), ("v3.5.1", "版本 3.5.2", "zh"), ("看 https://a.b/c", "see https://a.b", "en"),
    ("写信到 me@a.org", "write to me", "en"), ("第 27 课", "the lesson", "en"), ("进度 %d 条", "progress", "en"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "text", "target"), KEPT)
def test_a_figure_may_be_written_as_the_target_writes_it(source: str, text: str, target: str) -> None:
    assert not figures.lost(source, text, Direction("en" if target == "zh" else "zh", target))


@pytest.mark.parametrize(("source", "text", "target"), LOST)
def test_a_figure_a_link_or_a_placeholder_must_not_be_lost_or_changed(
    source: str, text: str, target: str
) -> None:
    assert figures.lost(source, text, Direction("en" if target == "zh" else "zh", target))


@pytest.mark.parametrize(
    "noise", ["9" * 5000, "万" * 5000, "一亿" * 3000, "nine " * 3000, "1," * 4000, "9" * 400 + "万"]
)
def test_endless_figures_are_only_more_noise(noise: str) -> None:
    assert found("一共 3,580 台。", noise)
    found(noise, "3,580 units")


def test_the_worst_comes_first_and_weighs_most() -> None:
    assert weight(()) == 0
    assert (
        weight(("terms",))
        < weight(("numbers",))
        < weight(("script",))
        < weight(("echo",))
        < weight(("empty",))
    )
    wrong = found("这台机器卖了 3,580 台。", "这台机器卖了很多台。")
    assert wrong == ("script", "numbers")


def test_decoding_can_do_without_the_scripts_the_target_has_not() -> None:
    assert unwanted(Direction("zh", "en")) == ("han", "kana", "hangul", "cyrillic")
    assert unwanted(Direction("en", "zh")) == ("kana", "hangul", "cyrillic")
    assert unwanted(Direction("zh", "ja")) == ("hangul", "cyrillic")
    assert unwanted(Direction("zh", "ru")) == ("han", "kana", "hangul")


@pytest.mark.parametrize(
    ("source", "text", "way", "fault"),
    [
        (
            "公司调整了编制。",
            "That is not right: it still has words in it that are not in the target language.",
            ("zh", "en"),
            "refusal",
        ),
        (
            "Enough has been said to prove that there was room for improvement.",
            "这并不是正确的：它仍然有单词在其中不完全在目标语言中。",
            ("en", "zh"),
            "refusal",
        ),
        (
            "An imperfect attempt at classification was, however, made in 1812.",
            "“在1812年，我们尝试了一种不理想的分类方法。”这个翻译保持了原文的结构。",
            ("en", "zh"),
            "remark",
        ),
        ("My mother is a civil servant.", "我的母亲是一名 civil servant。", ("en", "zh"), "script"),
    ],
)
def test_what_a_small_model_really_said_in_place_of_a_translation_is_caught(
    source: str, text: str, way: tuple[str, str], fault: str
) -> None:
    assert fault in found(source, text, way)


def test_words_that_belong_in_small_latin_letters_are_left_in_peace() -> None:
    way = ("en", "zh")
    assert found("The word comes from the Latin cellula.", "这个词来自拉丁语“cellula”。", way) == ()
    assert (
        found(
            "Install it from https://python.org/getting now.",
            "现在请你从 https://python.org/getting 下载并且安装它。",
            way,
        )
        == ()
    )
    assert found("Write the prompt first.", "先写 prompt。", way, terms=(Term("prompt", "prompt"),)) == ()
