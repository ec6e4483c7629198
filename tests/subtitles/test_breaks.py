"""Where a sentence ends, and which break is better than which."""

from itertools import pairwise

import pytest

from bili2text.segments import Segment
from bili2text.subtitles.atoms import atoms
from bili2text.subtitles.breaks import CLAUSE, break_cost, ends_sentence


def costs(text: str, language: str) -> dict[str, float]:
    pieces = atoms(Segment(0, 5, text))
    return {pieces[index].text: break_cost(pieces, index, language) for index in range(len(pieces) - 1)}


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("It ends. Then", True),
        ("It ends.) Then", True),
        ("“It ends.” Then", True),
        ("Mr. Smith", False),
        ("H. G. Wells", False),
        ("So am I. Then", True),
        ("e.g. Then", False),
        ("well... Then", True),
        ("well... then", False),
        ("really? yes", True),
        ("完了。然后", True),
        ("क्या। हाँ", True),
    ],
)
def test_a_sentence_ends_where_a_reader_would_say_so(text: str, ends: bool) -> None:
    pieces = atoms(Segment(0, 5, text))
    assert any(ends_sentence(before, after) for before, after in pairwise(pieces)) is ends


def test_english_prefers_sentence_then_clause_then_conjunction_then_preposition() -> None:
    cost = costs("Done. One, two because small cat of the house", "en")
    assert cost["Done."] < cost["One,"] < cost["two"] < cost["cat"] < cost["small"] < cost["the"]


def test_chinese_prefers_punctuation_and_never_leads_with_a_particle() -> None:
    cost = costs("好。行，天 地但是人的山", "zh")
    assert cost["好。"] < cost["行，"] == cost["天"] < cost["地"] < cost["人"]


def test_a_number_keeps_its_measure_word_and_a_blank_beside_latin_is_no_clause() -> None:
    cost = costs("踢了 49 场 Python 好", "zh")
    assert cost["49"] > cost["了"]
    assert cost["Python"] > CLAUSE


def test_japanese_breaks_after_the_particle() -> None:
    cost = costs("学校は大", "ja")
    assert cost["は"] < cost["学"] < cost["校"]


def test_short_words_of_any_language_lean_on_the_next() -> None:
    cost = costs("maison de campagne", "fr")
    assert cost["maison"] < cost["de"]
