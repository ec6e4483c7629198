"""The best is chosen by a rule: targets first, then BLEU, then size where BLEU may be chance."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from bili2text.errors import ModelError, UsageError
from bili2text.progress import Silent
from bili2text.seq2seq.values import Pair
from bili2text.workshop.measures.choice import Candidate, candidate, choose
from bili2text.workshop.measures.evaluate import Evaluation, Row, TestSet
from bili2text.workshop.measures.picture import picture
from bili2text.workshop.measures.scores import Score
from bili2text.workshop.measures.sweep import SweepRequest, sweep
from bili2text.workshop.measures.sweep_file import read
from bili2text.workshop.measures.targets import SPECIFIED, Figures
from bili2text.workshop.measures.timing import Latency, Search
from bili2text.workshop.run import Run


def made(
    name: str,
    bleu: float,
    *,
    half: float = 1.0,
    ms: float | None = 10.0,
    rss: float | None = 100.0,
    mb: float = 20.0,
) -> Candidate:
    return Candidate(name, "flores", 100, 13_000_000, half, Figures(bleu, ms, rss, mb, "int8"))


def test_the_highest_bleu_of_those_that_meet_the_targets_is_the_best() -> None:
    found = choose([made("slow", 40.0, ms=31.0), made("good", 33.0), made("poor", 20.0)], SPECIFIED)
    assert found.best is not None
    assert (found.best.name, found.nearest) == ("good", None)
    assert "flores (n 100)" in found.why


def test_where_the_difference_may_be_chance_the_smaller_is_taken() -> None:
    large, small = made("large", 33.0, half=1.0, mb=60.0), made("small", 32.2, half=0.8, mb=17.0)
    found = choose([large, small], SPECIFIED)
    assert found.best is small
    assert "no more than chance" in found.why
    assert choose([replace(large, half=0.5), replace(small, half=0.5)], SPECIFIED).best is not small


@pytest.mark.parametrize(
    "over", [{"ms": 30.0}, {"rss": 512.0}, {"mb": 100.0}, {"ms": None}, {"rss": None}], ids=str
)
def test_what_is_over_one_target_or_was_not_measured_is_not_chosen(over: dict[str, float | None]) -> None:
    found = choose([made("over", 50.0, **over), made("fits", 1.0)], SPECIFIED)  # type: ignore[arg-type]
    assert found.best is not None
    assert found.best.name == "fits"
    assert "BLEU over 30 is not met" in found.why


def test_where_none_meets_the_targets_that_is_said_and_the_nearest_named() -> None:
    found = choose([made("far", 35.0, ms=90.0), made("near", 20.0, ms=33.0)], SPECIFIED)
    assert found.best is None
    assert found.nearest is not None
    assert found.nearest.name == "near"
    assert "none meets the targets" in found.why
    assert "1.1 times" in found.why


def test_a_translator_is_compared_by_its_int8_rows_and_the_worse_direction() -> None:
    def row(test: str, precision: str, bleu: float, ms: float) -> Row:
        way = "zh-en" if bleu == 20.0 else "en-zh"
        return Row(
            test, way, precision, "cpu", Score(bleu, 3.0, 50.0, "", "", 9),
            Latency(9, ms, ms, ms, ms, 9.0, 9.0), 80.0, None, 12.0,
        )  # fmt: skip

    rows = (
        row("first", "float32", 90.0, 1.0), row("first", "int8", 20.0, 5.0), row("first", "int8", 30.0, 9.0),
        row("second", "int8", 70.0, 2.0),
    )  # fmt: skip
    found = candidate(Evaluation("it", 13, 1, Search(), SPECIFIED, rows, ()))
    assert (found.test, found.n, found.figures.bleu, found.figures.mean_ms) == ("first", 9, 25.0, 9.0)
    assert found.half == pytest.approx(18**0.5 / 2)


def test_the_picture_is_an_svg_with_every_name_the_same_each_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    candidates = [made("小", 20.0), made("$large$", 33.0, mb=60.0), made("unmeasured", 10.0, ms=None)]
    choice = choose(candidates, SPECIFIED)
    for name in ("one.svg", "two.svg"):
        picture(candidates, choice, SPECIFIED, tmp_path / name)
    drawn = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert drawn == (tmp_path / "two.svg").read_text(encoding="utf-8")
    said = [text for one in ElementTree.fromstring(drawn).iter() if (text := (one.text or "").strip())]
    assert said.count("小") == 2
    assert said.count("$large$") == 2
    assert said.count("unmeasured") == 1  # beside its size alone


def test_students_are_trained_once_and_finished_runs_taken_as_they_are(
    trained_run: Run, heart_pairs: Sequence[Pair], tmp_path: Path
) -> None:
    trained: list[str] = []

    def train(name: str, run: Run) -> None:
        trained.append(name)
        _copy(trained_run, run.folder)

    finished = _copy(trained_run, tmp_path / "finished")
    request = SweepRequest(
        out=tmp_path / "sweep",
        sets=(TestSet("by heart", tuple(heart_pairs[:32])),),
        search=Search(1, 64),
        students=("tiny",),
        runs=(finished.folder,),
        timed=8,
    )
    for _ in range(2):
        found = sweep(request, train, os.environ, Silent())
    assert trained == ["tiny"]
    assert [one.name for one in found.candidates] == ["tiny", "finished"]
    assert found.choice.best is not None
    told = json.loads((tmp_path / "sweep" / "sweep.json").read_text(encoding="utf-8"))
    assert told["best"] == found.choice.best.name
    assert (tmp_path / "sweep" / "sweep.svg").is_file()
    assert Run(tmp_path / "sweep" / "tiny").evaluation.is_file()


def _copy(run: Run, folder: Path) -> Run:
    for part in (run.model, run.vocabulary):
        shutil.copytree(part, folder / part.name)
    return Run(folder)


def test_nothing_to_compare_and_two_of_one_name_are_one_line(tmp_path: Path) -> None:
    def train(name: str, run: Run) -> None:
        raise AssertionError(name)

    sets = (TestSet("a", (Pair("你好。", "Hello."),)),)
    for runs in ((), (tmp_path / "a" / "run", tmp_path / "b" / "run")):
        with pytest.raises(UsageError):
            sweep(SweepRequest(tmp_path, sets, Search(), runs=runs), train, os.environ, Silent())


def test_a_run_that_is_not_finished_is_told_before_any_training(tmp_path: Path) -> None:
    def train(name: str, run: Run) -> None:
        raise AssertionError(name)

    sets = (TestSet("a", (Pair("你好。", "Hello."),)),)
    request = SweepRequest(tmp_path, sets, Search(), students=("tiny",), runs=(tmp_path / "typo",))
    with pytest.raises(ModelError, match="no trained model in"):
        sweep(request, train, os.environ, Silent())


def test_a_file_says_a_sweep_and_its_paths_begin_where_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text(
        'data = "data"\nstudents = ["tiny", "small"]\nmax_steps = 5\n[tests]\nflores = "flores.tsv"\n',
        encoding="utf-8",
    )
    found = read(path)
    assert (found.data, found.students, found.max_steps) == (tmp_path / "data", ("tiny", "small"), 5)
    assert found.tests == (f"flores={tmp_path / 'flores.tsv'}",)


@pytest.mark.parametrize(
    "text",
    [
        "sizes = 3",
        'students = "tiny"',
        'students = ["huge"]',
        "max_steps = 0",
        "data = 3",
        "tests = 1",
        "=",
        '[tests]\n"a=b" = "a.tsv"',
    ],
)
def test_a_file_that_says_something_else_is_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read(path)
    assert "\n" not in caught.value.message.strip()


def test_the_command_trains_a_student_on_prepared_pairs_and_says_what_it_is_worth(
    heart_pairs: Sequence[Pair], tmp_path: Path
) -> None:
    from bili2text.workshop.data.filters import Rules
    from bili2text.workshop.data.prepare import PrepareRequest, prepare
    from bili2text.workshop.data.sources import source
    from cli.workshop_sweep import command

    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("".join(f"{one.zh}\t{one.en}\n" for one in heart_pairs), encoding="utf-8")
    data = tmp_path / "data"
    prepare(PrepareRequest((source(str(pairs)),), data, Rules(4, 400), dev=8, test=8), Silent())
    told = CliRunner().invoke(
        command,
        [str(data), "--students", "tiny", "--max-steps", "2", "--device", "cpu", "--out", str(tmp_path / "s"),
         "--timed", "2", "--max-tokens", "16", "--progress", "none"],
        catch_exceptions=False,
    )  # fmt: skip
    assert told.exit_code == 0
    assert "data/test" in told.stdout
    assert "tiny is the best on data/test" in told.stdout
