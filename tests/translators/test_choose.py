"""The choice of a translator: the guide's examples, the whole table, and what is true of every plan."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise, product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shelves import CT2, NO_KERNEL, READY, card, converted, machine, model, other

from bili2text.errors import DependencyError, ModelError, OutOfMemory, UsageError
from bili2text.gpu.device import Device
from bili2text.plan.precision import PrecisionWish
from bili2text.plan.values import Machine
from bili2text.translators.catalog import NAMED
from bili2text.translators.choose import choose
from bili2text.translators.learned import NEW, Failed, Kind, Learned, Ran, Runtime, site_of
from bili2text.translators.values import Float8, FoundModel, Shape, TranslatorPlan, TranslatorWishes

FP8 = model("Qwen3-4B-FP8")
FOUR = (FP8, *(model(name) for name in NAMED[1:]))
ALL = {one.name: one for one in FOUR}
SUBSETS = [chosen for size in range(1, 5) for chosen in combinations(FOUR, size)]
# GB of the card; FP8 native or not
CARDS = {
    (24, True): "RTX 4090", (12, True): "RTX 5070", (8, True): "RTX 4060", (6, True): "RTX 4050 Laptop",
    (4, True): "RTX 3050 Laptop",  # with the capability of its successor
    (24, False): "RTX 3090", (12, False): "RTX 3060", (8, False): "RTX 3070", (6, False): "RTX 3060 Laptop",
    (4, False): "RTX 3050 Laptop",
}  # fmt: skip
NO_CARD = machine()


def ask(
    here: Machine, found: Any = FOUR, float8: Float8 = READY, runtime: Runtime = NEW, **wished: Any
) -> TranslatorPlan:
    return choose(TranslatorWishes(**wished), here, found, float8, runtime)


def on(text: str) -> Machine:
    return machine(card(text))


def of_size(size: int, native: bool) -> Device:
    found = card(CARDS[size, native])
    return replace(found, capability=(8, 9)) if native and size == 4 else found


def said(plan: TranslatorPlan, text: str) -> bool:
    return any(text in reason for reason in plan.reasons)


@pytest.mark.parametrize(
    ("size", "free", "name"),
    [
        (24, 24.0, "Qwen3-4B-FP8"), (12, 12.0, "Qwen3-4B-FP8"), (8, 7.9, "Qwen3-4B-FP8"),
        (6, 5.9, "Qwen3-1.7B"), (6, 4.0, "Qwen3-1.7B"), (4, 3.9, "Qwen3-1.7B"), (4, 0.5, "Qwen3-1.7B"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("float8", [READY, NO_KERNEL])
def test_the_guides_examples_by_its_policy(
    size: int, free: float, name: str, native: bool, float8: Float8
) -> None:
    here = on(f"cc {'8.9' if native else '8.6'}, {size} GB, {free} free")
    plan = ask(here, FOUR[:3], float8, policy="guide")
    assert plan.model.name == name
    if free == 12.0:
        assert plan.reasons[0] == "selected Qwen3-4B-FP8 (needs 6.0 GB, 12.00 GB free)"


@pytest.mark.parametrize("size", [24, 12])
def test_the_guides_examples_where_fp8_can_be_used(size: int) -> None:
    plan = ask(on(CARDS[size, True]))
    assert (plan.model, plan.precision, plan.device) == (FP8, "float8", "cuda")
    assert plan.reasons[0].startswith("selected Qwen3-4B-FP8 (needs ")


@pytest.mark.parametrize("size", [6, 4])
@pytest.mark.parametrize("native", [True, False])
def test_the_guides_examples_on_a_card_under_8_gb(size: int, native: bool) -> None:
    plan = ask(machine(of_size(size, native)))
    assert (plan.model.name, plan.device) == ("Qwen3-1.7B", "cuda")


@pytest.mark.parametrize(("at", "float8"), list(product(CARDS, (READY, NO_KERNEL))))
def test_the_whole_table(at: tuple[int, bool], float8: Float8) -> None:
    """Every card, every set of models, FP8 native or not, its kernel there or not."""
    device = of_size(*at)
    native = at[1] and float8.ready
    for found in SUBSETS:
        plan = ask(machine(device), found, float8)
        # written down a second time: what each needs in MiB with one prompt at a time, and the order
        least = {
            "Qwen3-4B-FP8": 6134 - 3.1 * (device.sms or 60) if native else 7980,
            "Qwen3-4B": 7980,
            "Qwen3-1.7B": 3560,
            "Qwen3-0.6B": 1410,
        }
        order = NAMED if native else ("Qwen3-4B", "Qwen3-4B-FP8", "Qwen3-1.7B", "Qwen3-0.6B")
        context = 3.1 * (device.sms or 60)
        room = plan.room.mib
        names = [name for name in order if ALL[name] in found]
        fits = [name for name in names if least[name] + context + 10 <= room]
        tight = [name for name in names if abs(least[name] + context - room) < 120]
        assert not tight or plan.model.name in (*fits[:1], *tight), (at, names, tight)
        if plan.device == "cuda":
            assert plan.need_mib <= room
            assert tight or plan.model.name == fits[0]
            float8_run = plan.model is FP8 and native
            assert plan.precision == ("float8" if float8_run else "bfloat16")
        else:
            # the smallest; of two as small the better, and FP8 is nothing to a CPU
            assert plan.model.name == ("Qwen3-4B" if names[-1] == "Qwen3-4B-FP8" in names[1:] else names[-1])
            assert any(reason.startswith("NO MODEL FITS ON THE CARD") for reason in plan.reasons)
        if FP8 in found and not native:
            why = "needs 8.9" if not at[1] else NO_KERNEL.why
            assert any(why in one.why for one in plan.walk if one.name == "Qwen3-4B-FP8")
        assert ask(machine(device), tuple(reversed(found)), float8) == plan


@pytest.mark.parametrize("found", SUBSETS, ids=len)
def test_without_a_card_the_best_that_the_ram_has_room_for(found: tuple[FoundModel, ...]) -> None:
    plan = ask(NO_CARD, found)
    assert (plan.device, plan.gpu, plan.site) == ("cpu", "", None)
    assert said(plan, "using the CPU: no NVIDIA driver is installed")
    assert plan.model in (found[0], ALL["Qwen3-4B"])
    assert plan.need_mib <= plan.room.mib
    small = ask(machine(ram=3.5), found=(*found, converted("Qwen3-0.6B")))
    assert small.model.name in ("Qwen3-0.6B", "Qwen3-0.6B-ct2")
    assert small.need_mib <= small.room.mib


def test_on_a_cpu_a_conversion_goes_before_the_same_model_as_it_is() -> None:
    plan = ask(NO_CARD, (model("Qwen3-1.7B"), converted("Qwen3-1.7B"), model("Qwen3-0.6B")))
    assert (plan.model.engine, plan.model.card, plan.precision) == (
        "ctranslate2", ALL["Qwen3-1.7B"].card, "int8_float32",
    )  # fmt: skip


def test_fp8_that_is_not_native_counts_as_bfloat16_and_says_so() -> None:
    roomy = ask(on("RTX 3060"), (FP8,))
    assert (roomy.precision, roomy.device) == ("bfloat16", "cuda")
    assert said(roomy, "RTX 3060 has capability 8.6, FP8 needs 8.9: Qwen3-4B-FP8 is run in bfloat16")
    no_kernel = ask(on("RTX 5070"), (FP8,), NO_KERNEL)
    assert said(no_kernel, "FP8 cannot be used: the kernel is not in the cache")
    tight = ask(on("RTX 3070"), (FP8, ALL["Qwen3-1.7B"]))
    assert tight.model.name == "Qwen3-1.7B"
    assert said(tight, "Qwen3-4B-FP8 on cuda:0: needs ")
    assert ask(on("RTX 4060"), (FP8, ALL["Qwen3-1.7B"])).model is FP8
    assert ask(on("RTX 3060")).model.name == "Qwen3-4B"  # the same need, and nothing lost to FP8


def test_a_conversion_wins_where_the_plain_model_does_not_fit() -> None:
    both = (model("Qwen3-4B"), converted("Qwen3-4B"), model("Qwen3-1.7B"))
    wins = ask(on("RTX 3070"), both)
    assert (wins.model.engine, wins.model.card, wins.precision) == (
        "ctranslate2", ALL["Qwen3-4B"].card, "int8_bfloat16",
    )  # fmt: skip
    assert ask(on("RTX 3060"), both).model.engine == "transformers"
    assert ask(on("RTX 3060"), both, engine="ctranslate2").model.engine == "ctranslate2"
    assert ask(on("RTX 2070"), both).precision == "int8_float16"
    assert ask(on("GTX 1080"), both).precision == "int8_float32"


def test_better_translators_go_by_their_rank_and_strangers_come_last() -> None:
    stranger = other("Zephyr-3B", Shape(32, 2560, 6912, 32, 32, 80, 50304, tied=False))
    larger = other("Zephyr-7B", Shape(32, 4096, 14336, 32, 8, 128, 32000, tied=False))
    here = on("RTX 4090")
    better = model("Qwen3-4B-Instruct-2507")
    assert ask(here, (*FOUR, better, stranger, larger)).model is better
    assert ask(here, (ALL["Qwen3-0.6B"], stranger, larger)).model.name == "Qwen3-0.6B"
    assert ask(here, (stranger, larger)).model is larger
    assert ask(on("RTX 3060"), (stranger, larger)).model is stranger


@pytest.mark.parametrize(
    ("text", "wish", "precision"),
    [
        ("RTX 4090", PrecisionWish(), "bfloat16"),
        ("RTX 2080 Ti", PrecisionWish(), "float16"),
        ("GTX 1080 Ti", PrecisionWish(), "float32"),
        ("GTX 1660 Ti", PrecisionWish(), "float32"),
        ("RTX 4090", PrecisionWish(use_fp16=False), "float32"),
        ("RTX 4090", PrecisionWish(policy="chosen"), "float32"),
        ("RTX 4090", PrecisionWish(policy="chosen", fp16_models=("Qwen3-0.6B",)), "bfloat16"),
        ("RTX 4090", PrecisionWish(policy="dynamic"), "float32"),
        ("RTX 3060", PrecisionWish(policy="dynamic"), "bfloat16"),
        ("RTX 4090", PrecisionWish(policy="mixed"), "mixed"),
        ("GTX 1080 Ti", PrecisionWish(policy="mixed"), "float32"),
        ("RTX 4090", PrecisionWish(use_int8=True), "int8"),
    ],
)
def test_the_policies_of_half_precision(text: str, wish: PrecisionWish, precision: str) -> None:
    assert ask(on(text), (model("Qwen3-0.6B"),), wish=wish).precision == precision


def test_what_was_asked_for_is_obeyed() -> None:
    two = machine(card("RTX 4090"), card("RTX 3060", 1))
    assert ask(two, device="cuda:1").device_index == 1
    assert ask(two, gpu="GPU-0001").device_name == "RTX 3060"
    assert ask(two, without=("GPU-0000",)).device_index == 1
    assert ask(two, device="cpu").device == "cpu"
    assert ask(two, precision="float16").precision == "float16"
    assert ask(two, batch_size=3).batch_size == 3
    assert ask(two, batch_size=1, beam_size=4).beam_size == 4
    assert ask(two, threads=3).threads == 3
    forced = Path("/models/Qwen3-0.6B")
    assert ask(two, model_path=forced).model.path == forced
    assert ask(two, model_path=forced, policy="guide").model.path == forced
    assert ask(two, vram_budget_mib=4500).model.name == "Qwen3-1.7B"
    assert ask(two, vram_budget_mib=4500).need_mib <= 4500
    assert ask(on("RTX 3060"), reserve_mib=4096).model.name == "Qwen3-1.7B"
    with pytest.raises(UsageError):
        ask(two, device="cuda:7")


def test_of_two_cards_the_one_that_runs_it_best_is_taken() -> None:
    two = machine(card("RTX 3060"), card("RTX 5070", 1))
    plan = ask(two)
    assert (plan.model, plan.device_index, plan.precision) == (FP8, 1, "float8")
    assert ask(two, float8=NO_KERNEL).model.name == "Qwen3-4B"
    roomier = machine(card("RTX 3060"), card("RTX 3090", 1))
    assert ask(roomier).device_index == 1


def test_a_precision_that_cannot_be_had_gives_way_or_stops_as_told() -> None:
    gives = ask(on("RTX 2080 Ti"), precision="bfloat16")
    assert gives.precision == "float16"
    assert said(gives, "capability 7.5 has no bfloat16")
    with pytest.raises(OutOfMemory):
        ask(on("RTX 2080 Ti"), precision="bfloat16", auto_optimize=False, cpu_fallback=False)
    assert said(ask(on("RTX 4090"), (model("Qwen3-4B"),), precision="float8"), "its weights are not FP8")
    assert ask(on("RTX 4090"), (converted("Qwen3-4B"),), precision="int8").precision == "int8_bfloat16"


def test_where_nothing_fits_the_smallest_runs_on_the_cpu_and_it_is_said_aloud() -> None:
    full = on("RTX 4090, 0.9 free")
    plan = ask(full)
    assert (plan.device, plan.model.name) == ("cpu", "Qwen3-0.6B")
    assert any(
        one.startswith("NO MODEL FITS ON THE CARD, translating on the CPU, which is slow")
        for one in plan.reasons
    )
    with pytest.raises(OutOfMemory, match=r"Qwen3-0\.6B needs") as error:
        ask(full, cpu_fallback=False)
    assert "--no-cpu-fallback" in error.value.hint
    with pytest.raises(OutOfMemory, match="no translation model fits: "):
        ask(machine(card("RTX 4090, 0.9 free"), ram=1.0))
    guided = ask(full, policy="guide")
    assert (guided.device, guided.model.name) == ("cpu", "Qwen3-0.6B")


def test_without_a_model_it_is_said_how_to_get_one() -> None:
    for found, wished in (((), {}), (FOUR, {"model_path": Path("/nowhere")})):
        with pytest.raises(ModelError) as error:
            ask(on("RTX 4090"), found, **wished)
        assert all(word in error.value.hint for word in ("hf download", "hf-mirror", "--api-base"))


def test_an_engine_that_is_not_installed_is_not_chosen() -> None:
    no_torch = Runtime(absent=(("transformers", "torch not installed"),))
    both = (model("Qwen3-4B"), converted("Qwen3-1.7B"))
    for here in (on("RTX 4090"), NO_CARD):
        assert ask(here, both, runtime=no_torch).model.engine == "ctranslate2"
    with pytest.raises(ModelError, match="torch not installed"):
        ask(on("RTX 4090"), FOUR, runtime=no_torch)
    no_cublas = replace(on("RTX 3070"), cublas="the CUDA library cuBLAS 12 was not found")
    plan = ask(no_cublas, (both[0], converted("Qwen3-4B"), model("Qwen3-0.6B")))
    assert plan.model.name == "Qwen3-0.6B"
    assert said(plan, "cuBLAS 12 was not found")
    with pytest.raises(DependencyError):
        ask(NO_CARD, device="cuda", cpu_fallback=False)


def test_packed_weights_run_as_they_are_and_on_a_card_alone() -> None:
    packed = model("Qwen3-1.7B", quantization="awq", weight_bytes=1_300_000_000)
    assert ask(on("RTX 3060"), (packed,)).precision == "auto"
    assert ask(on("RTX 3060"), (packed,), precision="float16").precision == "auto"
    with pytest.raises(ModelError, match="AWQ weights need a graphics card"):
        ask(NO_CARD, (packed,))


def kind(here: Machine, name: str, precision: str, engine: Any = "transformers") -> Kind:
    return Kind(site_of(here.cards.devices[0], engine, NEW, CT2), name, precision)


def test_a_precision_that_failed_on_this_card_is_not_tried_again() -> None:
    here = on("RTX 3060")
    found = (model("Qwen3-1.7B"),)
    failed = Failed(kind(here, "Qwen3-1.7B", "bfloat16"), "gave no text")
    plan = ask(here, found, runtime=Runtime(learned=Learned(failed=(failed,))))
    assert plan.precision == "float32"
    assert said(plan, "bfloat16 failed here before (gave no text)")
    elsewhere = replace(failed, kind=replace(failed.kind, site=replace(failed.kind.site, driver="1")))
    assert ask(here, found, runtime=Runtime(learned=Learned(failed=(elsewhere,)))).precision == "bfloat16"
    fp8 = Failed(kind(on("RTX 5070"), "Qwen3-4B-FP8", "float8"), "no kernel")
    assert (
        ask(on("RTX 5070"), (FP8,), runtime=Runtime(learned=Learned(failed=(fp8,)))).precision == "bfloat16"
    )


def test_the_batch_shrinks_where_memory_ran_out_and_grows_when_more_is_free() -> None:
    tight, roomy = on("RTX 3060, 9.5 free"), on("RTX 3060, 11.9 free")
    found = (model("Qwen3-4B"),)
    first = ask(tight, found)
    assert first.batch_size > 1
    where = kind(tight, "Qwen3-4B", "bfloat16")
    lack = Ran(where, first.batch_size, 1, first.room.free_mib, out_of_memory=True)
    learned = Learned().with_run(lack)
    again = ask(tight, found, runtime=Runtime(learned=learned))
    assert again.batch_size == first.batch_size // 2
    assert ask(roomy, found, runtime=Runtime(learned=learned)).batch_size >= first.batch_size
    # a later run of as many that reached its end has the last word
    done = learned.with_run(Ran(where, first.batch_size, 1, first.need_mib - 100))
    assert ask(tight, found, runtime=Runtime(learned=done)).batch_size >= first.batch_size
    # what was really taken moves what is expected, and no further than a third
    light = Learned().with_run(Ran(where, 8, 1, 2000))
    heavy = Learned().with_run(Ran(where, 8, 1, 60_000))
    needs = [
        ask(tight, found, runtime=Runtime(learned=one), batch_size=1).need_mib for one in (light, Learned())
    ]
    assert 0.89 < needs[0] / needs[1] < 0.91
    assert ask(tight, found, runtime=Runtime(learned=heavy)).device == "cpu"


@settings(max_examples=150, deadline=None)
@given(
    text=st.sampled_from([*CARDS.values(), "RTX 2080 Ti", "GTX 1080", "T4"]),
    frees=st.lists(st.floats(0.1, 24.0), min_size=2, max_size=4),
    found=st.lists(
        st.sampled_from([*FOUR, converted("Qwen3-4B"), converted("Qwen3-1.7B")]), min_size=1, unique_by=id
    ),
    float8=st.sampled_from([READY, NO_KERNEL]),
    wish=st.sampled_from([PrecisionWish(), PrecisionWish(policy="dynamic"), PrecisionWish(use_int8=True)]),
    beams=st.sampled_from([1, 4]),
)
def test_more_free_memory_never_gives_a_lesser_plan(
    text: str, frees: list[float], found: list[FoundModel], float8: Float8, wish: PrecisionWish, beams: int
) -> None:
    device = card(text)
    plans = []
    for free in sorted(frees):
        with_free = replace(device, free_mib=min(int(free * 1024), device.total_mib))
        plan = ask(machine(with_free, ram=64), found, float8, wish=wish, beam_size=beams)
        assert plan.need_mib <= plan.room.mib
        assert plan.batch_size >= 1
        assert plan == ask(machine(with_free, ram=64), found[::-1], float8, wish=wish, beam_size=beams)
        plans.append(plan)
    for less, more in pairwise(plans):
        assert less.device == "cpu" or more.device == "cuda"
        if less.device == "cuda":
            assert place_in(more, found, device, float8) <= place_in(less, found, device, float8)
            if more.model is less.model and more.precision == less.precision:
                assert more.batch_size >= less.batch_size


def test_without_its_library_no_plain_folder_is_packed_and_that_is_said() -> None:
    plain, lacking = (model("Qwen3-0.6B"),), Runtime(packing="int8 needs bitsandbytes")

    def chosen(here: Machine, runtime: Runtime, **wishes: Any) -> TranslatorPlan:
        return choose(TranslatorWishes(**wishes), here, plain, READY, runtime)

    first = {"wish": PrecisionWish(use_int8=True)}
    for here, usual in ((machine(), "float32"), (on("RTX 4090"), "bfloat16")):
        assert chosen(here, NEW, **first).precision == "int8"
        assert chosen(here, NEW, precision="int4").precision == "int4"
        for wishes in (first, {"precision": "int8"}, {"precision": "int4"}):
            plan = chosen(here, lacking, **wishes)
            assert plan.precision == usual
            assert said(plan, "int8 needs bitsandbytes")
        assert not said(chosen(here, lacking), "bitsandbytes")
    with pytest.raises(ModelError, match="int8 needs bitsandbytes"):
        chosen(machine(), lacking, precision="int8", auto_optimize=False)
    packed = (converted("Qwen3-0.6B"),)
    assert choose(TranslatorWishes(precision="int8"), machine(), packed, READY, lacking).precision == (
        "int8_float32"
    )


def place_in(plan: TranslatorPlan, found: list[FoundModel], device: Device, float8: Float8) -> int:
    """Return how far down the order a plan's model is, the order written down a second time."""
    native = device.capability >= (8, 9) and float8.ready
    behind = [("Qwen3-4B-FP8", "transformers")]
    order = [("Qwen3-4B", "transformers"), ("Qwen3-4B", "ctranslate2")]
    order = behind + order if native else order + behind
    order += [("Qwen3-1.7B", "transformers"), ("Qwen3-1.7B", "ctranslate2"), ("Qwen3-0.6B", "transformers")]
    return order.index((plan.model.card.name if plan.model.card else "", plan.model.engine))
