"""The whole diagnosis, of this machine and of one whose card CUDA cannot use."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bili2text.diagnosis.diagnose import Asked, diagnose, judged, remember
from bili2text.diagnosis.values import Trial, Trials
from bili2text.errors import UsageError
from bili2text.gpu.device import Cards, Holder
from bili2text.gpu.known import simulated
from bili2text.models.catalog import CARDS
from bili2text.models.store import Places
from bili2text.plan import ledger
from bili2text.plan.values import Machine, Stock, Wishes
from bili2text.progress import Silent

CARD = replace(simulated("RTX 4060"), driver="570.133.07")
MACHINE = Machine(Cards((CARD,)), 16.0, 4, library="4.8.5")


def with_a_card(wishes: Wishes, environ: Mapping[str, str]) -> Machine:
    """A machine whose driver tells of a card that CUDA cannot use, which is what this one makes of it."""
    return MACHINE


@pytest.fixture
def tiny(tiny_en_folder: Path, tmp_path: Path) -> Places:
    """A cache of the test's own, and the English tiny model."""
    models = tmp_path / "models"
    models.mkdir()
    shutil.copytree(tiny_en_folder, models / "tiny.en")
    return Places(tmp_path / "cache", models, {})


def test_a_card_that_fails_whatever_the_precision_is_not_held_against_one(
    tiny: Places, environ: Mapping[str, str], tmp_path: Path
) -> None:
    environ = {**environ, "BILI2TEXT_CACHE_DIR": str(tmp_path / "cache")}
    asked = Asked(Wishes(threads=1), tiny, may_download=True)
    found = diagnose(asked, Silent(), environ, with_a_card)
    trials, on_cpu = found.trials
    assert (trials.place, trials.model) == ("cuda:0", "tiny.en")
    assert {trial.outcome for trial in trials.each} == {"failed"}
    assert all(trial.why for trial in trials.each)
    assert ledger.read(ledger.ledger_file(environ)).refused == ()
    # nor is the card planned with: the CPU is tried in its stead, and what is to be mended is told
    assert (on_cpu.place, {trial.outcome for trial in on_cpu.each}) == ("cpu", {"works"})
    assert found.plan is not None
    assert found.plan.device == "cpu"
    assert found.advice[0].startswith(
        f"no precision works on cuda:0 (RTX 4060) (float16: {trials.each[0].why}): once it does, large-v3 in "
    )


def test_a_precision_that_failed_is_remembered_and_not_planned_with(tmp_path: Path) -> None:
    environ = {"BILI2TEXT_CACHE_DIR": str(tmp_path)}
    each = (Trial("float16", "nonsense", "float16 gives no text"), Trial("int8_float16", "works", speed=9.0))
    tried = (Trials("cuda:0", "base", each),)
    known = remember(tried, MACHINE, environ, Silent())
    assert ledger.read(ledger.ledger_file(environ)) == known
    found = judged(Wishes(), replace(MACHINE, experience=known), Stock(CARDS, True), (), tried)
    assert found.plan is not None
    assert found.plan.compute_type == "int8_float16"
    assert any("float16 gives no text" in reason for reason in found.plan.reasons)


def test_a_card_too_full_for_any_trial_is_left_out_alone_and_what_to_stop_is_told() -> None:
    full = replace(CARD, free_mib=900, holders=(Holder(7, "trainer", 7000),))
    twin = replace(CARD, index=1, uuid="GPU-twin", free_mib=3000)
    tried = (
        Trials(
            "cuda:0", "base", (Trial("float16", "no room", "no room left"), Trial("bfloat16", "ruled out"))
        ),
    )
    both = judged(Wishes(), replace(MACHINE, cards=Cards((full, twin))), Stock(CARDS, True), (), tried)
    assert both.plan is not None
    assert both.plan.gpu == "GPU-twin"
    alone = judged(Wishes(), replace(MACHINE, cards=Cards((full,))), Stock(CARDS, True), (), tried)
    assert alone.plan is not None
    assert alone.plan.device == "cpu"
    assert any("stop trainer (PID 7, 7000 MiB): then large-v3" in line for line in alone.advice)


def test_what_a_cpu_gets_wrong_is_not_in_this_reports_plan() -> None:
    bare = Machine(Cards((), "no NVIDIA driver is installed"), 16.0, 8)
    each = (
        Trial("int8", "nonsense", "int8 gives no text"), Trial("int8_float32", "works", speed=3.0),
        Trial("float32", "works", speed=5.0),
    )  # fmt: skip
    found = judged(Wishes(), bare, Stock(CARDS, True), (), (Trials("cpu", "base", each),))
    assert found.plan is not None
    assert found.plan.compute_type == "float32"
    assert "int8 fails on this CPU (int8 gives no text)" in found.plan.reasons
    assert "float32" in found.command
    none = judged(Wishes(), bare, Stock(CARDS, True), (), (Trials("cpu", "base", each[:1]),))
    assert none.advice[0] == "no precision works on this CPU (int8: int8 gives no text)"


def test_without_a_model_or_without_trials_it_says_so(tmp_path: Path) -> None:
    empty = Places(tmp_path, tmp_path / "none", {"HF_HUB_CACHE": str(tmp_path)})
    asked = Asked(Wishes(device="cpu"), empty, may_download=True, tries=False)
    (trials,) = diagnose(asked, Silent(), {"BILI2TEXT_CACHE_DIR": str(tmp_path)}).trials
    assert trials.reason == "--no-trials was given"


def test_wishes_that_cannot_be_are_refused_before_anything_is_tried(tiny: Places, tmp_path: Path) -> None:
    asked = Asked(Wishes(device="cuda:7"), tiny, may_download=True)
    with pytest.raises(UsageError, match="cuda:7"):
        diagnose(asked, Silent(), {"BILI2TEXT_CACHE_DIR": str(tmp_path)}, with_a_card)
