"""What of a reply is the translation: trimmings go, and nothing that could be the sentence itself."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from bili2text.translate.replies import cleaned
from bili2text.translate.values import Direction, Piece, Sentence, Task

sys.path.insert(0, str(Path(__file__).parent))

from hostile import EN, HOSTILE, ZH, Hostile

ZH_EN, EN_ZH = Direction("zh", "en"), Direction("en", "zh")


def task(text: str) -> Task:
    return Task(Sentence(0, text, (Piece(0, text, 1.0),)))


@pytest.mark.parametrize("one", [one for one in HOSTILE if one.cleaned], ids=lambda one: one.name)
def test_of_a_trimmed_reply_the_translation_is_left(one: Hostile) -> None:
    assert cleaned(one.reply, one.task(), one.direction) == one.cleaned


@pytest.mark.parametrize(
    ("source", "reply"),
    [
        ("翻译：一门艺术。", "Translation: an art."),
        ("翻译如下：你好。", "The translation is as follows: hello."),
        ("注意：地面湿滑。", "Note: the floor is wet."),
        ("他说：“走吧。”", 'He said: "Let\'s go."'),
        ("“走吧。”", '"Let\'s go."'),
        ("“走吧，”他说，“快点。”", '"Let\'s go," he said, "quickly."'),
        ("他用“走”和“来”这两个字。", '"Go" and "come" are his words.'),
        ("在网页里写 <think> 标签。", "Write a <think> tag in the page."),
        ("输入 ```python 就行。", "Just type ```python here."),
        ("用**加粗**。", "**Bold** goes with **"),
        ("当然！", "Sure!"),
        ("英语：我最喜欢的课。", "English: my favourite class."),
        ("好的，以下是答案。", "Okay, here is the answer."),
        ("这句话的意思是“停”。", 'This sentence means "stop".'),
        ("他喊：快跑！", "Sure enough, he shouted: run!"),
    ],
)
def test_what_could_be_the_sentence_itself_stays(source: str, reply: str) -> None:
    assert cleaned(reply, task(source), ZH_EN) == reply


def test_lines_are_joined_as_the_target_joins_words() -> None:
    assert cleaned("今天\n我们学 Python\nclass", task("Hello."), EN_ZH) == "今天我们学 Python class"
    assert cleaned("Today\r\nwe  learn\u2028it.", task("今天。"), ZH_EN) == "Today we learn it."


def test_the_whole_reply_may_be_the_source_and_is_left_to_the_checks() -> None:
    assert cleaned(ZH, task(ZH), ZH_EN) == ZH
    assert cleaned(f"{ZH}\n{ZH}", task(ZH), ZH_EN) == ZH
    assert cleaned(f"{ZH}\n\n{EN}\n{ZH}", task(ZH), ZH_EN) == EN


def test_of_a_sentence_about_the_translation_what_it_quotes_is_left() -> None:
    assert cleaned(f'The line "{ZH}" translates to English as: "{EN}"', task(ZH), ZH_EN) == EN
    assert cleaned(f'The line translates to: "{EN}"', task(ZH), ZH_EN) == EN
    meant = 'This sentence means "stop".'
    assert cleaned(meant, task("这句话的译文是“停”。"), ZH_EN) == meant


def test_trimmings_within_trimmings_go() -> None:
    reply = f"<think>hm</think>Sure, here is the translation:\n```\n**Translation:** “{EN}”\n```"
    assert cleaned(reply, task(ZH), ZH_EN) == EN


@pytest.mark.parametrize("one", HOSTILE, ids=lambda one: one.name)
def test_cleaning_twice_is_cleaning_once_and_gives_one_line(one: Hostile) -> None:
    once = cleaned(one.reply, one.task(), one.direction)
    assert cleaned(once, one.task(), one.direction) == once
    assert len(once.splitlines()) <= 1


def test_any_reply_ends_in_one_clean_line() -> None:
    parts = [
        "<think>",
        "</think>",
        "```",
        "“",
        "”",
        '"',
        "**",
        "\n",
        "Translation:",
        "译文：",
        ZH,
        EN,
        "<text>",
        "!",
        " ",
    ]
    pick = random.Random(5)
    for _ in range(2000):
        reply = "".join(pick.choices(parts, k=pick.randrange(9)))
        once = cleaned(reply, task(ZH), ZH_EN)
        assert len(once.splitlines()) <= 1
        assert once == once.strip()


@pytest.mark.parametrize(
    ("source", "reply", "direction", "said"),
    [
        ("这批货是进口的。", "This line translates to English as: This batch is imported.", ZH_EN,
         "This batch is imported."),
        ("This was successful.", "这一行翻译成简体中文是“这很成功。”", EN_ZH, "这很成功。"),
    ],
)  # fmt: skip
def test_of_what_a_small_model_says_about_the_translation_the_translation_is_left(
    source: str, reply: str, direction: Direction, said: str
) -> None:
    assert cleaned(reply, task(source), direction) == said
