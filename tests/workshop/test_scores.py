"""The scores are sacrebleu's, with signatures that make them again; nothing unscorable is scored."""

from __future__ import annotations

import pytest

from bili2text.errors import UsageError
from bili2text.workshop.measures.scores import difference, likeness, score

sacrebleu = pytest.importorskip("sacrebleu")

ENGLISH = ["This cloth is soft.", "Sir, who are you looking for?", "He likes to drink tea."] * 12
NEAR = ["This cloth is soft.", "Sir, who do you look for?", "He likes drinking tea."] * 12
CHINESE = ["这块布很软。", "先生，您找谁？", "他喜欢喝茶。"] * 12


def test_english_is_scored_by_words_and_the_signature_says_so() -> None:
    found = score(NEAR, ENGLISH, "en")
    assert found.bleu == pytest.approx(sacrebleu.corpus_bleu(NEAR, [ENGLISH]).score)
    assert found.chrf == pytest.approx(sacrebleu.corpus_chrf(NEAR, [ENGLISH]).score)
    assert found.signature == f"nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:{sacrebleu.__version__}"
    assert found.n == 36
    assert 0 < found.half < found.bleu


def test_chinese_is_scored_by_characters() -> None:
    said = [text.replace("喜欢", "爱") for text in CHINESE]
    found = score(said, CHINESE, "zh")
    assert found.bleu == pytest.approx(sacrebleu.corpus_bleu(said, [CHINESE], tokenize="zh").score)
    assert "tok:zh" in found.signature
    assert found.bleu > score(said, CHINESE, "en").bleu  # whose words are whole sentences here


def test_a_worse_system_is_told_from_an_equal_one() -> None:
    worse = [" ".join(reversed(text.split())) for text in ENGLISH]
    same = difference(ENGLISH, list(ENGLISH), ENGLISH, "en")
    lower = difference(ENGLISH, worse, ENGLISH, "en")
    assert (same.bleu, same.p) == (0.0, 1.0)
    assert lower.bleu < -50
    assert lower.p is not None
    assert lower.p < 0.05
    assert "bs:1000" in lower.signature


def test_few_sentences_give_no_p_value() -> None:
    assert difference(ENGLISH[:5], NEAR[:5], ENGLISH[:5], "en").p is None


def test_likeness_of_the_same_texts_is_100() -> None:
    assert likeness(CHINESE, list(CHINESE)) == pytest.approx(100.0)
    assert likeness(ENGLISH, NEAR) < 100


@pytest.mark.parametrize(("said", "references"), [([], []), (["a"], ["a", "b"])])
def test_what_cannot_be_scored_is_one_line(said: list[str], references: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        score(said, references, "en")
    assert "\n" not in caught.value.message


def test_blank_texts_are_alike_as_others_are() -> None:
    assert likeness(["", "a"], ["", "a"]) == likeness([""], [""]) == 100.0
    assert likeness(["one"], ["two"]) < 100.0
