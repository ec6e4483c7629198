"""Cells and graphemes: what a reader sees as one character, and how wide it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bili2text.cells import graphemes, width

FAMILY = "👩\u200d👩\u200d👧"
HEART = "❤\ufe0f\u200d🔥"


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("", 0),
        ("hello", 5),
        ("你好，世界", 10),
        ("Ｆｕｌｌ", 8),
        ("ｶﾅ", 2),
        ("e\u0301", 1),
        (FAMILY, 2),
        (HEART, 2),
        ("👍🏽", 2),
        ("🇨🇳", 2),
        ("1\ufe0f\u20e3", 2),
        ("한국", 4),
        ("नमस्ते", 4),
        ("\u200b", 0),
    ],
)
def test_width_is_what_a_terminal_shows(text: str, cells: int) -> None:
    assert width(text) == cells


@pytest.mark.parametrize("whole", [FAMILY, HEART, "👍🏽", "🇨🇳", "1\ufe0f\u20e3", "e\u0301", "ก็", "ᄒ\u1161ᆫ"])
def test_what_a_reader_sees_as_one_is_one(whole: str) -> None:
    assert graphemes(f"x{whole}é")[1] == whole


def test_two_flags_are_two() -> None:
    assert graphemes("🇨🇳🇩🇪") == ("🇨🇳", "🇩🇪")


def test_a_blank_takes_no_accent() -> None:
    assert graphemes("a \u0301b") == ("a", " ", "\u0301", "b")


@given(st.text())
def test_graphemes_joined_are_the_text(text: str) -> None:
    assert "".join(graphemes(text)) == text
    assert all(graphemes(text))
