"""Each sentence is told with what stands around it and the terms that occur in it, and no more."""

from __future__ import annotations

import pytest

from bili2text.captions.values import Line
from bili2text.terms import Term
from bili2text.translate.context import MOST_TERMS, tasks
from bili2text.translate.sentences import sentences
from bili2text.translate.values import Piece, Sentence


def told(text: str, *terms: Term) -> list[str]:
    (task,) = tasks([Sentence(0, text, (Piece(0, text, 1.0),))], terms)
    return [term.source for term in task.terms]


def pairs(*sources: str) -> list[Term]:
    return [Term(source, "x") for source in sources]


def test_every_sentence_but_the_copied_ones_is_a_task_with_its_neighbours() -> None:
    texts = ["One.", "Two.", "♪", "Three.", "Four."]
    lines = [Line(at, at + 1, text) for at, text in enumerate(texts)]
    found = tasks(sentences(lines, "en"), (), after=1, lines=lines)
    assert [task.sentence.number for task in found] == [0, 1, 3, 4]
    assert [task.before for task in found] == [(), ("One.",), ("One.", "Two."), ("Two.", "Three.")]
    assert [task.after for task in found] == [("Two.",), ("Three.",), ("Four.",), ()]
    assert [task.before for task in tasks(sentences(lines, "en"), (), before=0)] == [()] * 4


def test_what_was_said_before_a_long_silence_is_no_context() -> None:
    lines = [Line(0, 2, "One."), Line(40, 42, "Two."), Line(60, 62, "Three.")]
    found = sentences(lines, "en")
    assert [task.before for task in tasks(found, (), after=2, lines=lines)] == [(), (), ("Two.",)]
    assert [task.after for task in tasks(found, (), after=2, lines=lines)] == [(), ("Three.",), ()]
    untimed = [Line(None, None, line.text) for line in lines]
    assert [task.before for task in tasks(sentences(untimed, "en"), (), lines=untimed)] == [
        (), ("One.",), ("One.", "Two."),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "sources", "expected"),
    [
        ("The GPUs and the gpu.", ["GPU", "and the"], ["and the", "GPU"]),
        ("Cats concatenate.", ["cat"], []),
        ("Qwen3 beats Qwen.", ["qwen"], ["qwen"]),
        ("用Python写的显存管理", ["Python", "显存", "存管"], ["Python", "显存"]),
        ("ＧＰＵ显存", ["gpu"], ["gpu"]),
        ("Straße STRASSE", ["strasse"], ["strasse"]),
        ("机器学习和学习", ["学习", "机器学习"], ["机器学习", "学习"]),
        ("机器学习", ["学习", "机器学习"], ["机器学习"]),
        ("서울에서", ["서울"], ["서울"]),
        ("New  York", ["new york", "york"], ["new york"]),
        ("C++ and C", ["C++", "C"], ["C++", "C"]),
        ("", ["a"], []),
    ],
)
def test_terms_occur_as_whole_words_or_anywhere_in_text_without_blanks(
    text: str, sources: list[str], expected: list[str]
) -> None:
    assert told(text, *pairs(*sources)) == expected


def test_terms_need_a_target_and_of_two_the_later_counts() -> None:
    assert told("One two", Term("one"), Term("two", "zwei")) == ["two"]
    (task,) = tasks([Sentence(0, "one", (Piece(0, "one", 1.0),))], [Term("one", "eins"), Term("One", "Eins")])
    assert task.terms == (Term("One", "Eins"),)


def test_the_longest_terms_are_told_where_too_many_occur() -> None:
    sources = ["w" * length for length in range(1, 41)]
    assert told(" ".join(sources), *pairs(*sources)) == sources[::-1][:MOST_TERMS]


def test_a_large_glossary_and_a_long_text_end() -> None:
    terms = pairs(*(f"term {number}" for number in range(5000)))
    text = " ".join(f"term {number}" for number in range(0, 5000, 100))
    assert len(told(text, *terms)) == MOST_TERMS
