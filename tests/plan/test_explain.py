"""The plan as it is shown: every candidate, sums that add up, and a command that gives the same plan."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bili2text.gpu.known import simulated
from bili2text.models.catalog import CARDS
from bili2text.plan import explain
from bili2text.plan.choose import choose
from bili2text.plan.experience import Experience, Peak, Site
from bili2text.plan.values import Machine, Plan, Stock, Wishes
from cli.audio import command as on_cpu
from cli.gpu_transcribe import command as on_card
from cli.wishes import wishes as as_wishes

sys.path.insert(0, str(Path(__file__).parent))

from worlds import machine

SIMULATED = ("RTX 4060, 8 GB, 7.1 free", "MX450, desktop", "GTX 1660 Ti, 3 free", "RTX 3090, wsl", "P100")


EVERY = Stock(CARDS)


def ask(card: str, stock: Stock = EVERY, known: Experience = Experience(), **wished: object) -> Plan:
    wishes = Wishes(cpu_fallback=False, **wished)  # type: ignore[arg-type]
    return choose(wishes, machine(simulated(card), known=known), stock)


@pytest.mark.parametrize("card", SIMULATED)
def test_the_json_has_every_candidate_with_its_need_its_room_and_why(card: str) -> None:
    plan = ask(card)
    found = json.loads(json.dumps(explain.values(plan)))
    assert {one["model"] for one in found["walk"]} == {one.name for one in CARDS}
    assert [one["verdict"] for one in found["walk"]].count("taken") == 1
    for one in found["walk"]:
        assert one["why"]
        assert one["need_mib"] > 0
        assert one["room_mib"] == found["room"]["mib"]
        assert one["place"] == "cuda:0"
        if one["verdict"] in ("fits", "taken"):
            assert one["need_mib"] <= one["room_mib"]
        if one["verdict"] == "too large":
            assert one["need_mib"] > one["room_mib"]
    assert found["footprint"]["peak"] == pytest.approx(found["need_mib"], abs=1)


@pytest.mark.parametrize("card", SIMULATED)
def test_the_sums_add_up(card: str) -> None:
    plan = ask(card)
    for candidate in plan.walk:
        parts, total = re.fullmatch(r"computed: (.+) = (\d+) MiB", candidate.arithmetic).groups()  # type: ignore[union-attr]
        added = sum(int(part.rsplit(" ", 1)[1]) for part in parts.split(" + "))
        assert added == int(total)
        assert 0 <= added - candidate.need_mib < len(parts.split(" + "))
    free, *less = map(int, re.findall(r"(?<!\d)\d+(?= free| margin| reserved)", plan.room.arithmetic))
    assert f"= {free - sum(less)} MiB" in plan.room.arithmetic
    assert free - sum(less) == plan.room.mib


def test_a_budget_and_a_reserve_are_part_of_the_sum() -> None:
    plan = ask("RTX 4090", reserve_mib=1000, vram_budget_mib=6000)
    assert "- 1000 reserved" in plan.room.arithmetic
    assert plan.room.arithmetic.endswith("of which a budget of 6000 may be used")
    assert plan.need_mib <= plan.room.mib == 6000


def test_the_text_has_a_line_for_the_plan_one_for_each_candidate_and_groups_what_is_ruled_out() -> None:
    plan = ask("RTX 4060, 8 GB, 7.1 free", language="zh", max_model="large-v2")
    lines = explain.text(plan).splitlines()
    assert lines[0].startswith(
        "large-v3-turbo, float16" if plan.model == "large-v3-turbo" else "large-v2, float16"
    )
    assert [line[:4] for line in lines].count("  > ") == 1
    ruled_out = [line for line in lines if line.startswith("  - ")]
    assert any("large-v3" in line and "above --max-model large-v2" in line for line in ruled_out)
    assert any(
        "tiny.en" in line and "small.en" in line and "knows English alone" in line for line in ruled_out
    )
    assert all(one.model in explain.text(plan) for one in plan.walk)


def test_what_would_fit_after_a_download_is_said_on_its_own_line() -> None:
    tiny = Stock(tuple(card for card in CARDS if card.name == "tiny"))
    plan = ask("RTX 4060", stock=tiny)
    assert plan.model == "tiny"
    assert any("bili2text models download large-v3" in reason for reason in plan.reasons)
    assert any(
        "large-v3 " in line and "would fit with batch" in line for line in explain.text(plan).splitlines()
    )


def test_a_need_that_was_measured_is_not_passed_off_as_the_formulas_sum() -> None:
    card = simulated("RTX 4060")
    site = Site(card.name, card.total_mib, card.driver, "ctranslate2 4.8.5")
    first = ask("RTX 4060")
    took = round(0.95 * first.need_mib)
    known = Experience().with_peak(Peak(site, first.model, first.setting, took))
    plan = ask("RTX 4060", known=known, batch_size=first.batch_size)
    assert plan.origin == "measured"
    assert f"{plan.need_mib} MiB (measured); the formula's: weights" in explain.text(plan)


WISHED = [
    {},
    {"word_timestamps": True, "language": "zh", "task": "translate"},
    {"vram_budget_mib": 2500, "reserve_mib": 300, "auto_optimize": False, "threads": 3},
    {"batched": False, "gpu": "GPU-sim"},
]


@pytest.mark.parametrize("wished", WISHED)
@pytest.mark.parametrize("card", SIMULATED)
def test_the_command_gives_the_same_plan_again(card: str, wished: dict[str, object]) -> None:
    plan = ask(card, **wished)
    wishes = Wishes(cpu_fallback=False, **wished)  # type: ignore[arg-type]
    program, name, source, *rest = explain.command(plan, wishes, Path("my models"), offline=True)
    assert (program, name, source) == ("bili2text", "gpu-transcribe", "FILE")
    found = on_card.make_context(name, ["--no-settings", source, *rest]).params
    assert (found["model_dir"], found["offline"]) == (Path("my models"), True)
    again = choose(as_wishes(found), machine(simulated(card)), EVERY)
    assert replace(again, reasons=(), walk=()) == replace(plan, reasons=(), walk=())


def test_the_command_for_the_cpu_is_audio_with_its_threads_and_nothing_of_a_card() -> None:
    wishes = Wishes("base", device="cpu", threads=3, language="de", reserve_mib=500, auto_optimize=False)
    here = Machine(machine().cards, 16.0, 8)
    plan = choose(wishes, here, Stock(CARDS))
    _, name, source, *rest = explain.command(plan, wishes)
    assert name == "audio"
    found = on_cpu.make_context(name, ["--no-settings", source, *rest]).params
    again = choose(as_wishes(found), here, Stock(CARDS))
    assert replace(again, reasons=(), walk=()) == replace(plan, reasons=(), walk=())


def test_names_from_elsewhere_cannot_draw_on_the_screen() -> None:
    card = replace(simulated("RTX 4060"), name="RTX\x1b[2J\u202e 4060\nfits")
    shown = explain.text(choose(Wishes(), machine(card), EVERY))
    assert not set("\x1b\u202e") & set(shown)
    assert "RTX[2J 4060 fits" in shown.splitlines()[0]
