"""The decision where it has to choose between places: several cards, the CPU, and what the user insists on."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bili2text.errors import DependencyError, OutOfMemory, UsageError
from bili2text.gpu.device import Cards, Device
from bili2text.gpu.known import simulated
from bili2text.models.catalog import CARDS, card_named
from bili2text.plan.candidates import site
from bili2text.plan.choose import choose
from bili2text.plan.experience import Experience, Refused
from bili2text.plan.values import Machine, Plan, Stock, Wishes

sys.path.insert(0, str(Path(__file__).parent))

from worlds import EVERY, machine

ABSENT = Machine(Cards((), "no NVIDIA driver is installed"), 16.0, 8, library="4.8.5")


def card(text: str, index: int = 0) -> Device:
    return replace(simulated(text), index=index, uuid=f"GPU-{index:04}")


def ask(here: Machine, stock: Stock = EVERY, **wished: object) -> Plan:
    return choose(Wishes(**wished), here, stock)  # type: ignore[arg-type]


def said(plan: Plan, text: str) -> bool:
    return any(text in reason for reason in plan.reasons)


def test_without_a_card_the_cpu_runs_int8_and_says_why() -> None:
    plan = ask(ABSENT)
    assert (plan.device, plan.compute_type, plan.gpu) == ("cpu", "int8", "")
    assert plan.threads == 8
    assert plan.need_mib <= plan.room.mib
    assert plan.reasons[0] == "using the CPU: no NVIDIA driver is installed"
    with pytest.raises(DependencyError, match="no NVIDIA driver"):
        ask(ABSENT, cpu_fallback=False)


@pytest.mark.parametrize(("cores", "windows"), [(1, 8), (2, 16), (64, 16)])
def test_a_cpu_hears_eight_windows_for_each_core_at_once_up_to_sixteen(cores: int, windows: int) -> None:
    here = replace(ABSENT, cores=cores)
    assert ask(here, model="base").batch_size == windows
    assert (
        ask(replace(here, ram_gib=1.0), model="base").batch_size < windows
    )  # memory goes first to the model
    assert ask(here, model="base", batched=False).batch_size == 1


@pytest.mark.parametrize(
    ("here", "why"),
    [
        (replace(machine(card("RTX 4060")), cublas="the CUDA library cuBLAS 12 was not found"), "cuBLAS 12"),
        (machine(card("GTX 980")), "too old"),
        (machine(card("RTX 4060, 0.4 free")), "nothing fits on the card"),
    ],
)
def test_a_card_that_cannot_be_used_is_left_for_the_cpu_with_its_reason(here: Machine, why: str) -> None:
    plan = ask(here)
    assert plan.device == "cpu"
    assert said(plan, why)
    with pytest.raises((DependencyError, OutOfMemory)) as error:
        ask(here, cpu_fallback=False)
    assert "--no-cpu-fallback" in error.value.hint


def test_the_cpu_is_taken_for_a_much_better_model_and_not_for_a_little_better_one() -> None:
    crowded = replace(machine(card("MX450, desktop, 1.2 free")), cores=6)
    plan = ask(crowded)
    assert (plan.device, plan.model) == ("cpu", "large-v3-turbo")
    assert said(plan, "the card has room for small at most, the CPU can do large-v3-turbo at about")
    assert ask(crowded, device="cuda").model == "small"
    assert ask(crowded, gpu="GPU-0").device == "cuda"
    idle = ask(replace(machine(card("MX450")), cores=32))
    assert ask(replace(ABSENT, cores=32)).model == "large-v3"
    assert (idle.device, idle.model, idle.compute_type) == ("cuda", "large-v3-turbo", "int8_float32")


@pytest.mark.parametrize(("prefer", "floor"), [("quality", 2.0), ("balanced", 4.0), ("speed", 8.0)])
def test_a_cpu_runs_the_best_model_that_is_fast_enough(prefer: str, floor: float) -> None:
    plan = ask(replace(ABSENT, cores=6), prefer=prefer, language="en")
    slow = [one for one in plan.walk if one.verdict == "too slow"]
    assert slow
    for one in slow:
        assert float(re.findall(r"about (.+?)x", one.why)[0]) < floor
        assert one.why.endswith(f"under {floor:g}x")
    fits = [one.model for one in plan.walk if one.verdict in ("taken", "fits")]
    assert plan.model == fits[0]


def test_little_ram_means_a_small_model_and_none_means_an_error() -> None:
    assert ask(replace(ABSENT, ram_gib=0.9)).model == "tiny"
    with pytest.raises(OutOfMemory, match="no model fits: tiny"):
        ask(replace(ABSENT, ram_gib=0.5))


def test_a_cpu_too_slow_for_everything_runs_what_is_fastest() -> None:
    stock = Stock((card_named("large-v3"), card_named("medium")))  # type: ignore[arg-type]
    assert ask(replace(ABSENT, cores=1), stock, prefer="speed").model == "medium"


def test_of_several_cards_the_one_where_the_best_plan_fits_is_taken_unless_one_is_named() -> None:
    both = machine(card("RTX 3050 Laptop", 0), card("RTX 3090", 1))
    assert ask(both).device_index == 1
    assert ask(both, device="cuda:0").device_index == 0
    assert ask(both, gpu="gpu-0000").device_index == 0
    for wished in ({"device": "cuda:5"}, {"gpu": "GPU-9"}, {"gpu": "GPU"}):
        with pytest.raises(UsageError) as error:
            ask(both, **wished)
        assert "there is" in error.value.hint


def test_of_alike_cards_the_first_is_taken_and_a_busy_one_is_not() -> None:
    assert ask(machine(card("RTX 3090", 1), card("RTX 3090", 0))).device_index == 0
    assert ask(machine(card("RTX 3090, 5 free", 0), card("RTX 3090", 1))).device_index == 1


def test_a_card_that_computes_in_float16_is_preferred_to_a_larger_one_that_does_not() -> None:
    assert ask(machine(card("P40", 0), card("RTX 3060", 1))).device_index == 1


def test_a_card_that_does_not_answer_does_not_shift_the_others_and_is_named() -> None:
    here = Machine(Cards((card("RTX 4060", 1),), lost=("card 0 does not answer",)), 16.0, 8, library="4.8.5")
    plan = ask(here)
    assert (plan.device_index, plan.reasons[0]) == (1, "card 0 does not answer")
    assert ask(here, device="cuda:1").device == "cuda"
    with pytest.raises(UsageError, match="cuda:0"):
        ask(here, device="cuda:0")


def test_every_part_can_be_forced() -> None:
    wished = {"model": "medium", "compute_type": "float32", "batch_size": 3, "beam_size": 2, "best_of": 4}
    plan = ask(machine(card("RTX 4090")), **wished, threads=2, word_timestamps=True)
    assert {name: getattr(plan, name) for name in wished} == wished
    assert (plan.threads, plan.word_timestamps, plan.encoder_batch) == (2, True, None)


def test_what_is_asked_for_and_does_not_fit_gives_way_part_by_part() -> None:
    every = {"model": "large-v3", "compute_type": "float16", "batch_size": 8}
    plan = ask(machine(card("RTX 4060, 5 free")), **every)
    assert (plan.model, plan.compute_type, plan.device) == ("large-v3", "float16", "cuda")
    assert plan.batch_size < 8
    assert said(plan, "what was asked for does not fit")
    plan = ask(machine(card("RTX 4060, 3.5 free")), **every)
    assert (plan.model, plan.compute_type, plan.device) == ("large-v3", "int8_float16", "cuda")


def test_where_nothing_may_give_way_it_is_tried_though_it_seems_too_large_but_not_beyond_a_limit() -> None:
    here = machine(card("RTX 4060, 3 free"))
    every = {"model": "large-v3", "compute_type": "float16", "batch_size": 8, "auto_optimize": False}
    plan = ask(here, **every)
    assert (plan.model, plan.compute_type, plan.batch_size, plan.device) == ("large-v3", "float16", 8, "cuda")
    assert said(plan, "nothing may give way")
    for limit in ({"vram_budget_mib": 2000}, {"reserve_mib": 500}):
        for fallback in (True, False):  # a CPU has no float16
            with pytest.raises(OutOfMemory):
                ask(here, **every, **limit, cpu_fallback=fallback)
        assert ask(here, **{**every, "compute_type": "auto"}, **limit).device == "cpu"


def test_what_is_tried_though_too_large_is_the_best_way_and_not_the_smallest() -> None:
    plan = ask(machine(card("RTX 4060, 5 free")), model="large-v3", batch_size=16, auto_optimize=False)
    assert said(plan, "nothing may give way")
    assert (plan.compute_type, plan.batch_size, plan.beam_size, plan.best_of) == ("float16", 16, 5, 5)
    plan = ask(machine(card("RTX 4060, 1 free")), model="large-v3", auto_optimize=False)
    assert (plan.compute_type, plan.beam_size, plan.best_of) == ("float16", 5, 5)
    assert plan.batch_size <= 4  # what nobody asked for is kept small


def test_a_precision_the_card_refuses_gives_way_with_a_reason_or_is_an_error() -> None:
    here = machine(card("GTX 1660 Ti"))
    plan = ask(here, compute_type="float16")
    assert plan.compute_type == "int8_float32"
    assert said(plan, "float16 was asked for, but GTX 1660 Ti has no tensor cores")
    for wished in ({}, {"device": "cuda"}, {"cpu_fallback": False}):
        with pytest.raises(UsageError, match="GTX 1660 Ti has no tensor cores"):
            ask(here, compute_type="float16", auto_optimize=False, **wished)
    assert said(
        ask(machine(card("P100")), compute_type="int8"),
        "int8 was asked for, but capability 6.0 has no int8: float32 instead",
    )


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_a_precision_no_cpu_has_gives_way_on_it_however_it_came_to_be_used(device: str) -> None:
    plan = ask(ABSENT, model="medium", compute_type="float16", device=device)
    assert plan.compute_type == "int8"
    assert said(plan, "a CPU does not compute in float16: int8 instead")
    with pytest.raises(UsageError, match="a CPU does not compute in float16") as error:
        ask(ABSENT, model="medium", compute_type="float16", device=device, auto_optimize=False)
    assert "--no-auto-optimize" in error.value.hint


def test_a_precision_that_failed_on_the_card_is_not_forced_again() -> None:
    device = card("RTX 4060")
    refused = Refused(site(device, machine(device)), "float16", "it computed NaN")
    here = machine(device, known=Experience(refused=(refused,)))
    assert said(ask(here, compute_type="float16"), "it failed on RTX 4060 before (it computed NaN)")
    with pytest.raises(UsageError, match="it computed NaN"):
        ask(here, compute_type="float16", auto_optimize=False)


def test_a_size_that_was_asked_for_is_named_where_it_costs_the_better_model() -> None:
    plan = ask(machine(card("RTX 4060, 5 free")), batch_size=16, device="cuda")
    assert plan.model == "large-v3-turbo"
    assert said(plan, "large-v3 does not fit: in int8_float16 with batch 16 it needs")
    assert "with batch" not in " ".join(
        reason for reason in ask(machine(card("MX450")), device="cuda").reasons if "does not fit" in reason
    )


def test_offline_a_model_too_slow_for_the_cpu_does_not_look_like_a_gain() -> None:
    tiny = Stock(tuple(one for one in CARDS if one.name == "tiny"))
    plan = ask(replace(ABSENT, cores=1), tiny)
    whys = {one.model: one.why for one in plan.walk}
    assert "but run at about" in whys["large-v3"]
    assert "but run at" not in whys["base"]


def test_the_three_preferences_differ_as_they_say() -> None:
    here = machine(card("RTX 4060"))
    quality, balanced, speed = (ask(here, prefer=one) for one in ("quality", "balanced", "speed"))
    assert (quality.model, balanced.model, speed.model) == ("large-v3", "large-v3-turbo", "large-v3-turbo")
    small = machine(card("RTX 3050 Laptop, 2.2 free"))
    quality, speed = (ask(small, prefer=one, model="large-v3-turbo") for one in ("quality", "speed"))
    assert quality.beam_size >= speed.beam_size
    assert quality.batch_size < speed.batch_size


def test_word_timestamps_are_part_of_the_need() -> None:
    plain, timed = (
        ask(machine(card("RTX 4060")), word_timestamps=timing, batch_size=4, model="large-v3")
        for timing in (False, True)
    )
    assert plain.footprint is not None
    assert timed.footprint is not None
    assert plain.footprint.words == 0.0 < timed.footprint.words


def test_what_is_weak_is_said_to_be() -> None:
    assert said(ask(ABSENT, model="base"), "base makes many mistakes")
    assert said(ask(ABSENT, model="small", language="zh"), "small is weak in Chinese")
    assert not said(ask(ABSENT, model="medium", language="zh"), "weak")


def test_the_next_better_model_is_named_with_what_it_needs() -> None:
    plan = ask(machine(card("MX450")), cpu_fallback=False)
    assert said(plan, "large-v3 does not fit: in int8_float32 it needs")


def test_the_ladder_of_one_card_from_empty_to_full_is_that_of_the_models() -> None:
    ranks = {one.name: one.rank for one in CARDS}
    found = [
        ask(machine(card(f"RTX 4060, {free} MiB free")), device="cuda", cpu_fallback=False)
        for free in range(1000, 8001, 500)
    ]
    assert [ranks[plan.model] for plan in found] == sorted(ranks[plan.model] for plan in found)
    assert found[-1].compute_type == "float16"
