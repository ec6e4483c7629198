"""Latencies are what they are, memory is a fresh process's, and no score stands without its test set."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("torch")

from bili2text.errors import DeviceFailure, ModelError, SourceError, StorageError, UsageError
from bili2text.gpu.device import Cards
from bili2text.progress import Silent
from bili2text.seq2seq.values import WAYS, Pair, Way
from bili2text.workshop.measures.evaluate import EvaluateRequest, Evaluation, TestSet, evaluate
from bili2text.workshop.measures.evaluation_text import text
from bili2text.workshop.measures.quantize import QuantizeRequest, quantize
from bili2text.workshop.measures.targets import SPECIFIED, Figures, excess, verdicts
from bili2text.workshop.measures.testsets import lines_of, of_file
from bili2text.workshop.measures.timing import WARM_UPS, Search, latency, one_by_one
from bili2text.workshop.run import Run
from cli.workshop_evaluate import command

GREEDY = Search(beams=1, max_tokens=64)


@dataclass(frozen=True)
class Said:
    text: str
    source_tokens: int
    tokens: int


class Sleeper:
    """Stands in for a model, whose speed nobody can choose: a sentence takes as many ms as it says."""

    def __init__(self) -> None:
        self.calls = 0

    def translate(
        self, texts: Sequence[str], way: Way, *, beams: int = 1, max_tokens: int = 256, batch: int = 32
    ) -> list[Said]:
        assert len(texts) == batch == 1
        self.calls += 1
        time.sleep(int(texts[0]) / 1000)
        return [Said(texts[0], 7, 3)]


def test_latencies_are_those_of_each_sentence_alone_after_the_warm_ups() -> None:
    sleeper = Sleeper()
    sentences = ["20"] * 18 + ["120", "220"]
    spoken = one_by_one(sleeper, sentences, "zh-en", GREEDY, warm_ups=WARM_UPS)
    found = latency(spoken)
    assert found is not None
    assert sleeper.calls == len(sentences) + WARM_UPS
    assert [one.text for one in spoken] == sentences
    assert 20 <= found.p50_ms < 100
    assert found.p95_ms >= 120  # between the two long ones
    assert found.p95_ms < found.p99_ms
    assert (found.n, found.source_tokens, found.tokens) == (20, 7.0, 3.0)


def test_a_clock_that_is_known_gives_percentiles_that_are_known() -> None:
    ticks = iter(step * 0.001 for one in range(100) for step in (one, 2 * one + 1))
    found = latency(one_by_one(Sleeper(), ["0"] * 100, "zh-en", GREEDY, clock=lambda: next(ticks)))
    assert found is not None
    assert (found.p50_ms, found.mean_ms) == (pytest.approx(50.5), pytest.approx(50.5))
    assert found.p99_ms == pytest.approx(99.01)


def test_what_was_not_timed_has_no_latency() -> None:
    assert latency([]) is None


def test_targets_are_judged_by_what_was_measured_and_nothing_else() -> None:
    small = Figures(bleu=31.0, mean_ms=29.0, peak_mb=None, weight_mb=120.0, precision="int8")
    assert [(one.quantity, one.met) for one in verdicts(small, SPECIFIED)] == [
        ("BLEU", True), ("mean latency", True), ("peak memory", None), ("int8 file", False),
    ]  # fmt: skip
    whole = Figures(bleu=30.0, mean_ms=30.0, peak_mb=100.0, weight_mb=400.0, precision="float32")
    assert [one.met for one in verdicts(whole, SPECIFIED)] == [False, False, True]
    assert excess(whole, SPECIFIED) == pytest.approx(1.0)
    assert excess(small, SPECIFIED) == float("inf")


@pytest.fixture(scope="module")
def run(trained_run: Run, heart_pairs: Sequence[Pair], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The trained run, converted."""
    found = Run(tmp_path_factory.mktemp("evaluate") / "run")
    for part in (trained_run.model, trained_run.vocabulary):
        shutil.copytree(part, found.folder / part.name)
    few = {way: [pair.source(way) for pair in heart_pairs[:8]] for way in WAYS}
    quantize(QuantizeRequest(found, few, max_tokens=64), Silent())
    return found


@pytest.fixture(scope="module")
def evaluation(run: Run, heart_pairs: Sequence[Pair]) -> Evaluation:
    sets = (TestSet("learned", tuple(heart_pairs)), TestSet("shuffled", _shuffled(heart_pairs)))
    return evaluate(EvaluateRequest(run.folder, sets, GREEDY, timed=16), os.environ, Silent())


def _shuffled(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """Sources with the references of others: what a model would score that does not look at its source."""
    turned = [*pairs[1:], pairs[0]]
    return tuple(Pair(one.zh, other.en) for one, other in zip(pairs, turned, strict=True))


def test_every_set_direction_and_precision_has_its_row(evaluation: Evaluation) -> None:
    assert [(row.test, row.precision, row.way) for row in evaluation.rows] == [
        (test, precision, way)
        for test in ("learned", "shuffled")
        for precision in ("float32", "int8")
        for way in WAYS
    ]
    for row in evaluation.rows:
        assert row.latency is not None
        assert row.latency.n == 16
        assert 0 < row.latency.p50_ms <= row.latency.p95_ms <= row.latency.p99_ms
        assert row.latency.source_tokens > 3
        assert row.score.n == 64


def test_what_was_learned_scores_high_and_what_does_not_belong_together_low(evaluation: Evaluation) -> None:
    scores = {(row.test, row.way): row.score.bleu for row in evaluation.rows if row.precision == "int8"}
    for way in WAYS:
        assert scores["learned", way] > 85
        assert scores["shuffled", way] < scores["learned", way] - 40


def test_the_memory_is_that_of_a_fresh_process_without_torch(evaluation: Evaluation) -> None:
    for row in evaluation.rows:
        assert row.peak_mb is not None
        assert 10 < row.peak_mb < 200  # with torch in it, as this process has, it is over 300


def test_int8_is_held_against_float32_on_the_same_sentences(evaluation: Evaluation) -> None:
    assert len(evaluation.changes) == 4
    assert all(one.difference.n == 64 and one.difference.p is not None for one in evaluation.changes)
    assert all(one.difference.bleu >= -1.0 for one in evaluation.changes if one.test == "learned")


def test_no_score_and_no_verdict_stands_without_the_name_and_the_size_of_its_set(
    evaluation: Evaluation,
) -> None:
    told = text(evaluation)
    lines = [line for line in told.splitlines() if " met " in line or "int8 against" in line]
    assert len(lines) == 8 + 4
    assert all("learned (n 64)" in line or "shuffled (n 64)" in line for line in lines)
    assert "tok:13a" in told
    assert "tok:zh" in told


def test_the_command_writes_what_it_prints(run: Run, heart_pairs: Sequence[Pair], tmp_path: Path) -> None:
    pairs = tmp_path / "some.tsv"
    pairs.write_text("".join(f"{one.zh}\t{one.en}\n" for one in heart_pairs[:6]), encoding="utf-8")
    told = CliRunner().invoke(
        command,
        [str(run.folder), "--test", f"six={pairs}", "--device", "cpu", "--no-int8", "--max-tokens", "64",
         "--limit", "4", "--json", "--progress", "none"],
        catch_exceptions=False,
    )  # fmt: skip
    assert told.exit_code == 0
    found = json.loads(told.stdout)
    assert found == json.loads(run.evaluation.read_text(encoding="utf-8"))
    assert [(row["test"], row["precision"], row["score"]["n"]) for row in found["rows"]] == [
        ("six", "float32", 4), ("six", "float32", 4),
    ]  # fmt: skip
    assert found["rows"][0]["verdicts"][0]["quantity"] == "BLEU"


def test_what_another_system_wrote_is_scored_under_its_name(tmp_path: Path) -> None:
    said, wanted = tmp_path / "said.en", tmp_path / "flores.en"
    said.write_text("This cloth is soft.\nWho are you looking for?\n", encoding="utf-8")
    wanted.write_text("This cloth is soft.\nSir, who are you looking for?\n", encoding="utf-8")
    told = CliRunner().invoke(
        command,
        ["--hypotheses", str(said), "--references", str(wanted), "--to", "en"],
        catch_exceptions=False,
    )
    assert told.exit_code == 0
    assert "flores.en" in told.stdout
    assert "tok:13a" in told.stdout


def test_a_set_that_is_empty_or_named_twice_is_refused_before_anything_runs(run: Run) -> None:
    pair = Pair("你好。", "Hello.")
    for sets in ((), (TestSet("a", ()),), (TestSet("a", (pair,)), TestSet("a", (pair,)))):
        with pytest.raises(UsageError):
            evaluate(EvaluateRequest(run.folder, sets, GREEDY), os.environ, Silent())


def test_a_run_that_was_not_converted_says_how_it_is(trained_run: Run) -> None:
    sets = (TestSet("a", (Pair("你好。", "Hello."),)),)
    with pytest.raises(ModelError) as caught:
        evaluate(EvaluateRequest(trained_run.folder, sets, GREEDY), os.environ, Silent())
    assert "workshop quantize" in caught.value.hint
    with pytest.raises(ModelError, match="no folder of a trained model"):
        evaluate(EvaluateRequest(trained_run.folder / "nothing", sets, GREEDY), os.environ, Silent())


def test_a_run_with_one_model_of_two_says_which_is_missing(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.converted("float32"), tmp_path / "run" / "ct2-float32")
    sets = (TestSet("a", (Pair("你好。", "Hello."),)),)
    with pytest.raises(ModelError, match=r"^no ct2-int8 in") as caught:
        evaluate(EvaluateRequest(tmp_path / "run", sets, GREEDY), os.environ, Silent())
    assert caught.value.hint.endswith("--overwrite")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--hypotheses", "a", "--references", "b", "--to", "en", "--data", "d"), "--data says nothing"),
        (("run", "--test", "a=b.tsv", "--name", "it"), "--name says nothing"),
    ],
)
def test_options_that_would_change_nothing_are_refused(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        CliRunner().invoke(command, [*words], catch_exceptions=False)


def test_where_the_result_cannot_be_kept_nothing_is_measured(
    run: Run, heart_pairs: Sequence[Pair], tmp_path: Path
) -> None:
    alone = Path(shutil.copytree(run.converted("int8"), tmp_path / "alone"))
    (alone / "evaluation.json").mkdir(exist_ok=True)
    pairs = tmp_path / "some.tsv"
    pairs.write_text(f"{heart_pairs[0].zh}\t{heart_pairs[0].en}\n", encoding="utf-8")
    with pytest.raises(StorageError, match="not a plain file"):
        CliRunner().invoke(command, [str(alone), "--test", f"a={pairs}"], catch_exceptions=False)


def test_a_card_that_is_not_there_is_refused_before_anything_is_measured(
    run: Run, heart_pairs: Sequence[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = tmp_path / "some.tsv"
    pairs.write_text(f"{heart_pairs[0].zh}\t{heart_pairs[0].en}\n", encoding="utf-8")
    monkeypatch.setattr("bili2text.gpu.probe.probe", lambda _: Cards((), "no NVIDIA driver is installed"))
    with pytest.raises(DeviceFailure, match="no NVIDIA driver is installed"):
        CliRunner().invoke(
            command, [str(run.folder), "--test", f"a={pairs}", "--device", "cuda"], catch_exceptions=False
        )


def test_the_name_of_a_set_is_one_line_of_text_whatever_was_typed(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("你好。\tHello.\n", encoding="utf-8")
    assert of_file(f"one\n\x1b[31mtwo\udce6={tmp_path / 'a.tsv'}").name == "one [31mtwo?"
    with pytest.raises(UsageError):
        of_file(f"\x1b={tmp_path / 'a.tsv'}")


def test_lines_of_a_test_file_that_are_no_pair_are_counted_and_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.tsv"
    path.write_text("你好。\tHello.\n再见。\t\n这块布很软。\tThis cloth is soft.\n", encoding="utf-8")
    warned: list[str] = []
    found = of_file(str(path), None, warned.append)
    assert (found.name, len(found.pairs)) == ("mine", 2)
    assert len(warned) == 1
    assert "mine.tsv:2" in warned[0]


def test_hypotheses_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "said.en"
    path.write_bytes("好的\n".encode("gb18030") * 40)
    with pytest.raises(SourceError):
        lines_of(path)
