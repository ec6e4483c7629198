"""The guide's table and its tree, number by number and leaf by leaf."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bili2text.errors import OutOfMemory
from bili2text.gpu.device import Cards, Device
from bili2text.gpu.known import simulated
from bili2text.models.catalog import CARDS, card_named
from bili2text.plan import guide
from bili2text.plan.choose import choose
from bili2text.plan.precision import PrecisionWish
from bili2text.plan.values import Machine, Plan, Stock, Wishes

EVERY = Stock(CARDS)


def ask(*cards: Device, stock: Stock = EVERY, **wished: object) -> Plan:
    wishes = Wishes(policy="guide", **wished)  # type: ignore[arg-type]
    return choose(wishes, Machine(Cards(cards, "no card"), 16.0, 8, library="4.8.5"), stock)


def named(*names: str) -> Stock:
    return Stock(tuple(card for name in names if (card := card_named(name))))


@pytest.mark.parametrize(
    ("model", "fp32", "fp16"),
    [
        ("tiny", 1.5, 1.0),
        ("base", 1.5, 1.0),
        ("small", 2.5, 1.5),
        ("medium", 5.0, 3.0),
        ("large", 10.0, 6.0),
        ("large-v3", 10.0, 6.0),
    ],
)
def test_the_twelve_numbers_are_those_of_the_guide(model: str, fp32: float, fp16: float) -> None:
    assert (guide.need(model).fp32, guide.need(model).fp16) == (fp32, fp16)


def test_what_the_guide_does_not_know_counts_as_what_is_nearest() -> None:
    assert guide.need("small.en") == guide.need("small")
    assert guide.need("large-v3-turbo") == guide.need("distil-small.en") == guide.need("medium")
    assert guide.need("somebody/whisper-of-theirs") == guide.need("large")


@pytest.mark.parametrize(
    ("card", "prefer", "model", "compute_type"),
    [
        ("RTX 4060", "quality", "medium", "float16"),
        ("RTX 4060", "speed", "small", "float16"),
        ("RTX 4060", "balanced", "small", "float16"),
        ("RTX 3090", "quality", "medium", "float16"),
        ("RTX 3050 Laptop", "quality", "tiny", "float16"),
        ("GTX 1660 Ti", "quality", "tiny", "float32"),
        ("GTX 1080", "quality", "medium", "float32"),
        ("GTX 1080, 4.9 free", "quality", "small", "float32"),
    ],
)
def test_each_leaf_on_a_card_is_the_guides(card: str, prefer: str, model: str, compute_type: str) -> None:
    plan = ask(simulated(card), prefer=prefer)
    assert (plan.model, plan.compute_type, plan.device) == (model, compute_type, "cuda")
    assert any(reason.startswith("guide: 8 GB of VRAM available?") for reason in plan.reasons)


def test_the_fourth_leaf_is_the_cpu_planned_as_without_the_guide() -> None:
    full = simulated("RTX 3050 Laptop, 0.9 free")
    plan = ask(full)
    assert plan == replace(ask(), reasons=plan.reasons)
    assert plan.device == "cpu"
    assert "guide: no model of its is left for the card: the CPU" in plan.reasons
    with pytest.raises(OutOfMemory, match=r"tiny needs 1.0 GB, 0\.9 are free"):
        ask(full, cpu_fallback=False)


@pytest.mark.parametrize(
    ("total", "large"), [(8188, True), (8192, True), (7680, True), (7679, False), (6144, False)]
)
def test_a_card_sold_as_8_gb_is_one_though_its_driver_says_8188_mib(total: int, large: bool) -> None:
    card = replace(simulated("RTX 4060"), total_mib=total, free_mib=6000)
    found = guide.leaf(card, quality=True, half=True, barred={})
    assert found.model == ("medium" if large else "tiny")


@pytest.mark.parametrize(
    ("free", "model"),
    [(3072, "medium"), (3071, "small"), (1536, "small"), (1535, "tiny"), (1024, "tiny"), (1023, "")],
)
def test_what_is_free_of_a_busy_card_is_held_against_the_table(free: int, model: str) -> None:
    card = replace(simulated("RTX 4060"), free_mib=free)
    assert guide.leaf(card, quality=True, half=True, barred={}).model == model


def test_the_guide_minds_limits_the_disk_and_refusals() -> None:
    card = simulated("RTX 4060")
    assert ask(card, max_model="small").model == "small"
    assert ask(card, stock=named("tiny", "large-v3")).model == "tiny"
    assert ask(card, precision=PrecisionWish(use_fp16=False)).compute_type == "float32"
    assert ask(card, compute_type="int8_float16").compute_type == "int8_float16"
    barred = ask(card, min_model="large-v3")
    assert barred.device == "cpu"
    assert "guide: medium: below --min-model large-v3" in barred.reasons


def test_a_model_that_is_named_stays_and_the_reasons_give_the_tables_figures() -> None:
    plan = ask(simulated("RTX 4060"), model="base")
    assert plan.model == "base"
    assert plan.reasons[0].startswith(
        "guide: its tree is not asked, for --model base is; 1.5 GB in FP32, 1.0 in"
    )


def test_of_several_cards_the_guide_asks_the_one_with_most_free() -> None:
    small = simulated("RTX 3050 Laptop")
    large = replace(simulated("RTX 4060"), index=1, uuid="GPU-other")
    for cards in ((small, large), (large, small)):
        plan = ask(*cards)
        assert (plan.model, plan.device_index, plan.gpu) == ("medium", 1, "GPU-other")
