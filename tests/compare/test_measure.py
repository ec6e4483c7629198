"""What is measured is what sacrebleu measures, laid beside a reference line by line, with nothing fetched."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
from contests import contest

from bili2text.compare.measure import RESAMPLES, measured, scores
from bili2text.compare.references import Unit, aligned, references
from bili2text.errors import DependencyError, SourceError, UsageError
from bili2text.translate.values import Said

sacrebleu = pytest.importorskip("sacrebleu")
REFERENCE = [
    f"The {thing} number {at} is on the table today." for at in range(20) for thing in ("cat", "dog", "map")
]
GOOD = [one.replace("today", "now") for one in REFERENCE]
BAD = [" ".join(reversed(one.split())).upper() for one in REFERENCE]


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: object, **kwargs: object) -> None:
        raise AssertionError("a socket")

    monkeypatch.setattr(socket, "socket", refused)
    monkeypatch.delenv("SACREBLEU_SEED", raising=False)


def units(first: list[str], second: list[str], reference: list[str] = REFERENCE) -> list[Unit]:
    return [Unit(*one) for one in zip(reference, zip(first, second, strict=True), strict=True)]  # type: ignore[arg-type]


def test_the_scores_are_those_of_sacrebleu_and_the_signature_makes_them_again() -> None:
    chrf, bleu = scores(units(GOOD, BAD), "en")
    assert chrf.scores[0] == pytest.approx(sacrebleu.corpus_chrf(GOOD, [REFERENCE]).score)
    assert bleu.scores[1] == pytest.approx(sacrebleu.corpus_bleu(BAD, [REFERENCE], force=True).score)
    for one, metric in ((chrf, "chrF2"), (bleu, "BLEU")):
        assert one.metric == metric
        assert f"bs:{RESAMPLES}|seed:12345" in one.signature
        assert one.signature.endswith(sacrebleu.__version__)
        assert one.p is not None
        assert one.p < 0.01
        assert one.units == len(REFERENCE)
    assert scores(units(GOOD, BAD), "en") == (chrf, bleu)


@pytest.mark.parametrize(
    ("target", "tokenizer"),
    [("zh", "zh"), ("zh-Hant", "zh"), ("yue", "zh"), ("ja", "char"), ("en", "13a"), ("ru", "13a")],
)
def test_bleu_counts_what_the_language_has_for_words(target: str, tokenizer: str) -> None:
    text = ["今天天气很好，我们去公园散步。", "他昨天没有来上课，因为生病了。"]
    _, bleu = scores(units(text, [one[:-3] for one in text], text), target)
    assert f"tok:{tokenizer}|" in bleu.signature
    assert bleu.scores[0] == pytest.approx(100.0) or tokenizer == "13a"


def test_no_difference_is_not_called_significant_and_few_lines_give_no_p_value() -> None:
    assert [one.p for one in scores(units(GOOD, GOOD), "en")] == [1.0, 1.0]
    assert [one.p for one in scores(units(GOOD[:5], BAD[:5], REFERENCE[:5]), "en")] == [None, None]
    nothing = [""] * len(GOOD)
    assert [one.scores[1] for one in scores(units(GOOD, nothing), "en")] == [0.0, 0.0]


def test_without_sacrebleu_that_part_alone_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "sacrebleu"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    with pytest.raises(DependencyError) as caught:
        scores(units(GOOD, BAD), "en")
    assert "sacrebleu" in caught.value.message
    assert "[qwen]" in caught.value.hint
    assert measured(contest(["a"], ["b"]))[0].review == 0.0


def test_a_seed_that_is_no_number_is_an_error_of_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SACREBLEU_SEED", "many")
    with pytest.raises(UsageError, match="SACREBLEU_SEED"):
        scores(units(GOOD, BAD), "en")


def test_a_reference_with_a_line_for_each_line_is_joined_as_the_sentences_are() -> None:
    # sentence 0 fills lines 0 and 1, 1 and 2 share line 2, line 3 is copied, 3 fills line 4, 4 line 5
    asked = contest([*"abcde"], [*"ABCDE"], lines=[[0, 1], [2], [2], [4], [5]])
    found = aligned(["r0", "r1", "r2", "♪", "r4", ""], asked, 6, "r.txt")
    assert found == (Unit("r0 r1", ("a", "A")), Unit("r2", ("b c", "B C")), Unit("r4", ("d", "D")))


def test_a_reference_with_a_line_for_each_sentence_is_taken_so_and_chinese_is_joined_without_blanks() -> None:
    asked = contest([*"甲乙"], ["丙", ""], lines=[[0, 1], [1, 2]], target="zh")
    assert aligned(["一", "二"], asked, 3, "r.txt") == (Unit("一", ("甲", "丙")), Unit("二", ("乙", "")))
    assert aligned(["一", "二", "三"], asked, 3, "r.txt") == (Unit("一二三", ("甲乙", "丙")),)


def test_a_reference_of_another_length_or_a_blank_one_is_refused_and_says_the_counts(tmp_path: Path) -> None:
    asked = contest([*"ab"], [*"AB"], lines=[[0, 1], [2]])
    path = tmp_path / "r.txt"
    path.write_text("one\ntwo\nthree\nfour\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"r\.txt has 4 lines; the transcript has 3 lines, 2 sentences"):
        references(path, asked, 3)
    path.write_text("\n\n\n", encoding="utf-8")
    with pytest.raises(UsageError, match="is blank"):
        references(path, asked, 3)
    with pytest.raises(SourceError):
        references(tmp_path / "none.srt", asked, 3)
    path = tmp_path / "r.srt"
    times = [f"{at + 1}\n00:00:0{at},000 --> 00:00:0{at},900\nr{at}\n" for at in range(3)]
    path.write_text("\n".join(times), encoding="utf-8")
    assert [one.reference for one in references(path, asked, 3)] == ["r0 r1", "r2"]


def test_failures_repairs_and_speed_are_counted_without_a_reference() -> None:
    said = [
        Said(0, "good one!"), Said(1, "mended", repair="script", tried=("feedback", "script")),
        Said(2, "bad", ("numbers", "length"), "sampling"), Said(3, "", ("empty",)),
    ]  # fmt: skip
    first, second = measured(contest(said, [*"abcd"], ["123", "123", "123", "123"], seconds=2.0, tokens=50))
    assert (first.review, first.repaired, first.empty) == (0.5, 0.25, 0.25)
    assert first.faults == {"empty": 1, "length": 1, "numbers": 1}
    assert first.length_ratio == pytest.approx((9 + 6 + 3) / 9)
    assert (first.sentences_per_second, first.tokens_per_second, first.peak_mib) == (2.0, 25.0, 900)
    assert (second.review, second.faults) == (0.0, {})


def test_what_was_not_measured_is_not_a_number() -> None:
    resumed, _ = measured(contest(["a"], ["b"], seconds=0.0, tokens=0, peak_mib=None))
    assert (resumed.sentences_per_second, resumed.tokens_per_second, resumed.peak_mib) == (None, None, None)
    partly, _ = measured(contest([*"abcd"], [*"ABCD"], seconds=2.0, asked=1))
    assert partly.sentences_per_second == 0.5
    nothing, _ = measured(contest([], []))
    assert (nothing.review, nothing.length_ratio) == (None, None)
