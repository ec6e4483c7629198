"""The report: what a person reads, what a program gets, and the page that shows it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bili2text.diagnosis import apply, report
from bili2text.diagnosis.diagnose import judged
from bili2text.diagnosis.values import Diagnosis, Part, Trial, Trials
from bili2text.gpu.device import Cards, Holder
from bili2text.gpu.known import simulated
from bili2text.models.catalog import CARDS
from bili2text.plan.values import Machine, Stock, Wishes
from bili2text.settings import read

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))


@pytest.fixture
def crowded() -> Diagnosis:
    """A card in WSL with a screen, programs of odd names, and every kind of trial."""
    holders = (Holder(12345678, "evil\x1b[2J\nname " + "long " * 40, 700), Holder(3, "", None))
    card = replace(
        simulated("RTX 4060, wsl, desktop, 3 free"),
        holders=holders,
        driver="570.133.07",
        reserved_mib=200,
        unknown=("SM count: the driver does not tell (Not Supported)",),
    )
    tried = (
        Trial("float16", "works", "", 41.26, 612),
        Trial("int8_float16", "aborted", "killed by SIGABRT; terminate called after throwing " + "x" * 200),
        Trial("bfloat16", "works", "but its process killed by SIGSEGV", 3.0, None),
        Trial("float32", "ruled out", "for the test"),
    )
    machine = Machine(Cards((card,), lost=("card 1 (RTX 4090) does not answer: GPU is lost",)), 16.0, 8)
    parts = (Part("yt-dlp", "2026.1.1", "200 days old", "update it"), Part("torch", "", "not needed"))
    return judged(Wishes(), machine, Stock(CARDS, True), parts, (Trials("cuda:0", "base", tried),))


def test_everything_is_told_within_a_hundred_columns_and_without_control_characters(
    crowded: Diagnosis,
) -> None:
    shown = report.text(crowded)
    (command,) = [line for line in shown.splitlines() if line.startswith("  bili2text ")]
    assert all(len(line) <= 100 for line in shown.splitlines() if line != command)
    assert shown.isascii()
    assert shown.replace("\n", "").isprintable()
    for part in (
        "3072 free", "200 reserved", "a screen hangs on it", "under WSL", "PID 12345678", "    ? MiB  no name",
        "not known: SM count", "card 1 (RTX 4090) does not answer", "41.3x realtime", "612 MiB of the card",
        "peak not known", "killed by SIGABRT", "ruled out", "200 days old; update it",
    ):  # fmt: skip
        assert part in shown


def test_a_program_gets_the_same_as_one_object(crowded: Diagnosis) -> None:
    found = json.loads(json.dumps(report.values(crowded)))
    assert found["cards"][0]["free_mib"] == 3072
    assert [one["outcome"] for one in found["trials"][0]["each"]][:2] == ["works", "aborted"]
    assert found["plan"]["model"] == found["command"][found["command"].index("--model") + 1]
    assert found["advice"] == list(crowded.advice)


def test_without_a_plan_the_report_says_what_is_missing() -> None:
    machine = Machine(Cards((), "no NVIDIA driver is installed"), 0.1, 2)
    found = judged(Wishes(), machine, Stock(CARDS), (), (Trials("cpu", reason="no model"),))
    assert found.plan is None
    assert report.values(found)["command"] is None
    assert "no model fits" in report.text(found)


def test_what_is_applied_is_what_a_run_reads(crowded: Diagnosis, tmp_path: Path) -> None:
    assert crowded.plan is not None
    file = tmp_path / "settings.toml"
    file.write_text('# mine\nmodel = "tiny"\nlanguage = "zh"\n', encoding="utf-8")
    wanted = apply.as_settings(crowded.plan, Wishes())
    assert wanted == {"model": crowded.plan.model, "compute-type": crowded.plan.compute_type}
    lines = apply.write(wanted, file)
    found = {name: one.value for name, one in read(file, {}, frozenset((*wanted, "language"))).items()}
    assert found == {**wanted, "language": "zh"}
    assert file.read_text(encoding="utf-8").startswith("# mine\n")
    assert lines[0] == f"model = {crowded.plan.model}"


def test_a_model_that_is_right_for_what_was_asked_goes_with_what_was_asked(
    crowded: Diagnosis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert crowded.plan is not None
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    english = replace(crowded.plan, model="small.en")
    assert apply.as_settings(english, Wishes(model="small.en"))["language"] == "en"
    wishes = Wishes(language="fr", task="translate", prefer="speed")
    found = apply.as_settings(replace(crowded.plan, model="./mine"), wishes, Path("models"))
    assert (found["model"], found["model-dir"]) == (str(tmp_path / "mine"), str(tmp_path / "models"))
    assert (found["language"], found["task"], found["prefer"]) == ("fr", "translate", "speed")
    on_cpu = replace(crowded.plan, device="cpu", compute_type="int8")
    assert apply.as_settings(on_cpu, Wishes())["compute-type"] == "auto"
    assert apply.as_settings(on_cpu, Wishes(compute_type="int8"))["compute-type"] == "int8"


def test_a_lost_card_is_told_once_when_it_is_the_only_one() -> None:
    line = "card 0 (RTX 4090) does not answer: GPU is lost"
    machine = Machine(Cards((), f"no card can be used: {line}", (line,)), 16.0, 8)
    shown = report.text(judged(Wishes(), machine, Stock(CARDS, True), (), ()))
    assert shown.partition("Libraries")[0].count("does not answer") == 1


def test_the_page_shows_what_the_program_prints() -> None:
    from optimize_pages import pages

    page = (ROOT / "docs" / "gpu_optimize.md").read_text(encoding="utf-8")
    assert f"<!-- situations -->\n{pages().rstrip()}\n<!-- end -->" in page
