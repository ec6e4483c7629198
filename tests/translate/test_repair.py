"""The ladder of repairs: which suits which fault, and what is kept in the end."""

import pytest
from scripted import task

from bili2text.terms import Term
from bili2text.translate.manner import Manner
from bili2text.translate.profiles import RULES
from bili2text.translate.prompts import prompt
from bili2text.translate.repair import (
    MOST_TOKENS,
    ROUNDS,
    Ask,
    Attempt,
    again,
    better,
    outcome,
    seed,
    without,
)
from bili2text.translate.values import Direction, Said

ZH = "如果显存不够，可以先把批次大小调小一点，然后再试一次。"
EN = "If the memory is not enough, make the batch smaller first and try again."
TO_EN, TO_ZH = Direction("zh", "en"), Direction("en", "zh")
MIXED = Attempt("If the 显存 is short, make the batch smaller.", ("script",), "If the 显存 is short...")


def asked(repair: str, *attempts: Attempt, direction: Direction = TO_EN, text: str = ZH) -> Ask | None:
    one = task(0, text)
    manner = Manner(direction, "qwen3")
    return again(repair, one, prompt(one, direction, "qwen3"), attempts, manner)


def bad(*faults: str, text: str = EN) -> Attempt:
    return Attempt(text, faults, text)


def test_a_bad_reply_is_shown_again_with_what_was_wrong_and_decoded_as_before() -> None:
    ask = asked("feedback", bad("numbers"))
    plain = prompt(task(0, ZH), TO_EN, "qwen3")
    assert ask is not None
    assert ask.prompt.messages[: len(plain.messages)] == plain.messages
    assert ask.prompt.messages[len(plain.messages)].text == EN
    assert ask.decoding == Manner(TO_EN, "qwen3").decoding


def test_what_was_only_cut_short_is_asked_again_with_more_room_and_nothing_else() -> None:
    ask = asked("feedback", bad("unfinished"))
    plain = prompt(task(0, ZH), TO_EN, "qwen3")
    assert ask is not None
    assert ask.prompt.messages == plain.messages
    assert plain.max_new_tokens < ask.prompt.max_new_tokens <= MOST_TOKENS


def test_what_never_ends_is_given_no_more_room() -> None:
    ask = asked("feedback", bad("repetition", "unfinished"))
    assert ask is not None
    assert ask.prompt.max_new_tokens == prompt(task(0, ZH), TO_EN, "qwen3").max_new_tokens


@pytest.mark.parametrize(
    "fault", ["empty", "length", "refusal", "numbers", "repetition", "unfinished", "terms"]
)
def test_scripts_are_suppressed_for_no_other_fault_than_scripts(fault: str) -> None:
    assert asked("script", bad(fault)) is None
    ask = asked("sampling", bad(fault))
    assert ask is not None
    assert ask.decoding == RULES["qwen3"].sampling


def test_a_script_that_was_left_in_stays_suppressed_when_it_is_sampled() -> None:
    for repair in ("script", "sampling"):
        ask = asked(repair, MIXED, bad("length"))
        assert ask is not None
        assert "han" in ask.decoding.without
        assert "latin" not in ask.decoding.without
        assert bool(ask.decoding.temperature) == (repair == "sampling")


@pytest.mark.parametrize(
    ("direction", "text", "found"),
    [
        (TO_EN, "此事并不困难。", True),
        (TO_EN, "It is easy.", False),
        (TO_ZH, "Welcome, everybody.", True),  # nothing but Latin letters
        (TO_ZH, "欢迎 everybody.", False),  # it may be a name
        (TO_ZH, "今日の授業へようこそ。", True),
        (Direction("zh", "ja"), "此事并不困难。", False),  # Han is at home in Japanese
        (Direction("zh", "ru"), "It is easy.", True),
        (Direction("en", "ko"), "こんにちは", True),
        (Direction("zh", "ar"), "这个 هذا", True),
    ],
)
def test_only_scripts_that_do_not_belong_there_are_suppressed(
    direction: Direction, text: str, found: bool
) -> None:
    assert bool(without(task(0, ZH), [bad("script", text=text)], direction)) == found


def test_latin_letters_are_suppressed_only_where_a_reply_held_nothing_else() -> None:
    assert "latin" in without(task(0, EN), [bad("echo", text=EN)], TO_ZH)
    assert "latin" not in without(task(0, EN), [bad("script", text="今日は everybody")], TO_ZH)


def test_a_script_that_a_term_needs_is_left_alone() -> None:
    kept = task(0, ZH, terms=[Term("显存", "显存")])
    assert "han" not in without(kept, [MIXED], TO_EN)


def test_the_first_good_reply_is_kept() -> None:
    attempts = [MIXED, Attempt(EN, (), EN, "feedback")]
    assert outcome(task(3, ZH), attempts) == Said(3, EN, (), "feedback", ("feedback",))


def test_the_best_of_bad_replies_is_kept_with_its_faults() -> None:
    attempts = [
        bad("script", "length"),
        Attempt("Nearly.", ("numbers",), "Nearly.", "feedback"),
        Attempt("Worse.", ("numbers", "length"), "Worse.", "sampling"),
    ]
    said = outcome(task(3, ZH), attempts)
    assert said == Said(3, "Nearly.", ("numbers",), "feedback", ("feedback", "sampling"))
    assert said.needs_review


@pytest.mark.parametrize("fault", ["empty", "echo", "refusal", "gibberish"])
def test_what_is_no_translation_is_never_kept_as_one(fault: str) -> None:
    said = outcome(task(0, ZH), [bad(fault, text=ZH), bad("empty", fault, text="")])
    assert (said.text, fault in said.faults, said.needs_review) == ("", True, True)
    said = outcome(task(0, ZH), [bad(fault, text=ZH), bad("length", "numbers", text="Half.")])
    assert said.text == "Half."


def test_a_good_translation_is_better_than_any_text_and_any_text_better_than_none() -> None:
    good, poor, none = Said(0, EN), Said(0, EN, ("markup", "length")), Said(0, "", ("empty",))
    assert better(poor, good) == better(good, poor) == good
    assert better(none, poor) == better(poor, none) == poor
    assert better(good, Said(0, "Another.")) == good


def test_seeds_are_those_of_the_sentence_and_of_the_turn() -> None:
    seeds = {seed(number, turn) for number in range(500) for turn in range(3 * len(ROUNDS))}
    assert len(seeds) == 500 * 3 * len(ROUNDS)
    assert all(0 <= one < 2**31 for one in seeds)
    assert seed(7, 2) == seed(7, 2)
