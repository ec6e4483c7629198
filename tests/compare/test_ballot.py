"""What is shown is drawn by lot, shows nobody who said what, and comes back to the right side."""

from __future__ import annotations

import pytest
from contests import NAMES, contest, different
from hypothesis import given, settings
from hypothesis import strategies as st

from bili2text.compare.ballot import Vote, ballot, preferred
from bili2text.compare.values import Contest, Side

TEXTS = st.sampled_from(["", "a", "b", " a ", "a\u200b", "中", "\x1b[31m"])


@settings(deadline=None, derandomize=True)
@given(said=st.lists(st.tuples(TEXTS, TEXTS), max_size=30))
def test_each_sentence_is_shown_once_with_both_texts_or_both_look_the_same(
    said: list[tuple[str, str]],
) -> None:
    asked = contest([a for a, _ in said], [b for _, b in said])
    shown = ballot(asked)
    assert sorted([*(pair.number for pair in shown.pairs), *shown.equal]) == list(range(len(said)))
    assert all(pair.left != pair.right for pair in shown.pairs)
    assert sum(pair.swapped for pair in shown.pairs) == len(shown.pairs) // 2
    for pair in shown.pairs:
        first = pair.right if pair.swapped else pair.left
        assert first.strip() == said[pair.number][0].strip("\x1b \u200b")
    assert ballot(asked) == shown


def test_a_vote_is_for_the_side_whose_text_was_chosen() -> None:
    asked = different(40)
    for pair in ballot(asked).pairs:
        for choice, text in (("left", pair.left), ("right", pair.right)):
            side = preferred(Vote(pair.number, choice, ""), pair)  # type: ignore[arg-type]
            assert side is not None
            assert asked.sides[side].said[pair.number].text == text
        assert preferred(Vote(pair.number, "tie", ""), pair) is None


def test_order_and_sides_are_drawn_anew_for_another_comparison() -> None:
    one, other = ballot(different(40)), ballot(different(41))
    orders = [[pair.number for pair in each.pairs if pair.number < 40] for each in (one, other)]
    assert orders[0] != orders[1]
    assert orders[0] != sorted(orders[0])
    swapped = [{pair.number for pair in each.pairs if pair.swapped} for each in (one, other)]
    assert swapped[0] != swapped[1] - {40}
    assert [pair.swapped for pair in one.pairs] != [at % 2 == 0 for at in range(40)]


def test_the_key_is_of_what_was_said_and_who_said_it_not_of_how_long_that_took() -> None:
    base = different(3)
    assert different(3, seconds=99.0, tokens=1, peak_mib=None).key == base.key
    assert different(4).key != base.key
    assert contest(["x", "one 1", "one 2"], ["two 0", "two 1", "two 2"]).key != base.key


def test_sides_that_did_not_say_one_thing_of_each_sentence_are_refused() -> None:
    whole = different(2)
    short = Side("C", "api", "", "cpu", whole.sides[0].said[:1], 1.0, 1, None)
    with pytest.raises(ValueError, match="C: not one translation"):
        Contest(whole.key, "", whole.direction, whole.sentences, (whole.sides[0], short))
    twice = (*whole.sentences, whole.sentences[0])
    with pytest.raises(ValueError, match="twice"):
        Contest(whole.key, "", whole.direction, twice, whole.sides)


def test_one_model_against_itself_is_told_apart_by_how_it_runs() -> None:
    whole = different(1)
    one, other = whole.sides
    fast = Side(one.name, "transformers", "bfloat16", "cuda", other.said, 1.0, 1, None)
    mixed = Contest(whole.key, "", whole.direction, whole.sentences, (one, fast))
    assert whole.names == NAMES
    assert mixed.names == ("Aurora-4B (ctranslate2, int8, cpu)", "Aurora-4B (transformers, bfloat16, cuda)")
    same = Contest(whole.key, "", whole.direction, whole.sentences, (one, one))
    assert same.names[0] != same.names[1]
