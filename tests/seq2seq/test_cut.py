"""A text that is too long is cut where it reads best, and none of it is lost."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bili2text.cells import graphemes
from bili2text.seq2seq.cut import cut


def at_most(size: int) -> object:
    return lambda text: len(text) <= size


@pytest.mark.parametrize(
    ("text", "size", "pieces"),
    [
        ("我来了。你走吧！", 8, ("我来了。你走吧！",)),
        ("我来了。你走吧！", 7, ("我来了。", "你走吧！")),
        ("他说：“走吧。”我没走。", 8, ("他说：“走吧。”", "我没走。")),
        ("因为下雨，所以没去，真可惜。", 8, ("因为下雨，", "所以没去，", "真可惜。")),
        ("因为下雨，所以没去，真可惜。", 9, ("因为下雨，", "所以没去，真可惜。")),
        ("好。是。因为下雨，所以没去，真可惜。", 9, ("好。", "是。", "因为下雨，", "所以没去，真可惜。")),
        ("It is 3.5 km, I think. Yes.", 22, ("It is 3.5 km, I think.", "Yes.")),
        ("It is 3.5 km, I think.", 14, ("It is 3.5 km,", "I think.")),
        ("one two three four", 9, ("one two", "three", "four")),
        ("一二三四五", 2, ("一二", "三四", "五")),
        ("Wait...what?! No", 14, ("Wait...what?!", "No")),
        ("   ", 2, ()),
    ],
)
def test_it_is_cut_after_sentences_then_clauses_then_words(
    text: str, size: int, pieces: tuple[str, ...]
) -> None:
    assert cut(text, at_most(size)) == pieces  # type: ignore[arg-type]


@given(st.text(st.sampled_from("天地ab .。,，!？ …\n“”👍🏽é"), max_size=60), st.integers(1, 20))
@example("👍🏽" * 3, 1)
def test_nothing_but_blanks_is_lost_and_each_piece_fits_or_is_one_character(text: str, size: int) -> None:
    pieces = cut(text, at_most(size))  # type: ignore[arg-type]
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(len(piece) <= size or len(graphemes(piece)) == 1 for piece in pieces)
