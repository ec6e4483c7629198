"""The plan: what runs where, for cards we do not have."""

from __future__ import annotations

import pytest

from bili2text.errors import DependencyError, UsageError
from bili2text.gpu.device import Cards, Device, visible
from bili2text.models.catalog import CARDS, ModelCard
from bili2text.plan import guide
from bili2text.plan.choose import Machine, Wishes, choose, on_cpu_instead

NONE = Cards((), "no NVIDIA driver is installed")


def card(
    free_gib: float, name: str = "NVIDIA GeForce RTX 4060", cc: tuple[int, int] = (8, 9), index: int = 0
) -> Device:
    return Device(index, f"GPU-{index:04}", name, cc, 8188, round(free_gib * 1024), "570.1")


def machine(*cards: Device, ram: float = 16.0, cublas: str = "") -> Machine:
    return Machine(Cards(cards) if cards else NONE, ram, 8, cublas)


def models(*names: str) -> tuple[ModelCard, ...]:
    return tuple(card for card in CARDS if card.name in names)


ALL = models("tiny", "base", "small", "medium", "large-v3", "large-v3-turbo")


@pytest.mark.parametrize(
    ("free", "model"),
    [
        (7.1, "large-v3"),
        (6.0, "large-v3"),
        (5.9, "large-v3-turbo"),
        (3.0, "large-v3-turbo"),
        (2.9, "small"),
        (1.0, "base"),
    ],
)
def test_the_best_model_that_the_table_allows_is_taken(free: float, model: str) -> None:
    plan = choose(Wishes(), machine(card(free)), ALL)
    assert (plan.model, plan.device, plan.compute_type) == (model, "cuda", "float16")


def test_more_free_memory_never_gives_a_worse_model() -> None:
    rank = {card.name: card.rank for card in CARDS}
    ranks = [rank[choose(Wishes(), machine(card(free / 10)), ALL).model] for free in range(10, 100)]
    assert ranks == sorted(ranks)


def test_without_a_card_the_cpu_runs_int8_and_says_why() -> None:
    plan = choose(Wishes(), machine(), ALL)
    assert (plan.device, plan.compute_type, plan.model) == ("cpu", "int8", "large-v3")
    assert "no NVIDIA driver is installed" in plan.reasons[0]


def test_without_a_card_the_cpu_can_be_ruled_out() -> None:
    with pytest.raises(DependencyError, match="no NVIDIA driver"):
        choose(Wishes(cpu_fallback=False), machine(), ALL)


def test_float16_on_a_card_that_is_not_there_becomes_int8() -> None:
    plan = choose(Wishes(model="medium", compute_type="float16"), machine(), ())
    assert (plan.model, plan.compute_type) == ("medium", "int8")
    assert any("float16" in reason for reason in plan.reasons)


def test_missing_cublas_is_a_reason_for_the_cpu() -> None:
    plan = choose(Wishes(), machine(card(7), cublas="the CUDA library cuBLAS 12 was not found"), ALL)
    assert plan.device == "cpu"
    assert "cuBLAS" in plan.reasons[0]


def test_a_full_card_is_left_for_the_cpu() -> None:
    assert choose(Wishes(), machine(card(0.4)), ALL).device == "cpu"


def test_the_card_with_the_most_free_memory_is_taken_unless_one_is_named() -> None:
    two = machine(card(2, index=0), card(7, index=1))
    assert choose(Wishes(), two, ALL).device_index == 1
    assert choose(Wishes(device="cuda:0"), two, ALL).device_index == 0
    with pytest.raises(UsageError, match="no card cuda:5"):
        choose(Wishes(device="cuda:5"), two, ALL)


def test_little_ram_means_a_small_model() -> None:
    assert choose(Wishes(), machine(ram=1.3), ALL).model == "base"


def test_english_only_and_untranslating_models_are_left_out_where_they_would_be_wrong() -> None:
    disk = models("base", "small.en", "large-v3-turbo")
    assert choose(Wishes(language="zh"), machine(card(2)), disk).model == "base"
    assert choose(Wishes(language="en"), machine(card(2)), disk).model == "small.en"
    assert choose(Wishes(task="translate"), machine(card(7)), disk).model == "base"


def test_with_nothing_on_disk_the_best_download_is_named() -> None:
    assert choose(Wishes(), machine(card(7)), ()).model == "medium"
    assert choose(Wishes(), machine(ram=8), ()).model == "small"


def test_what_is_asked_for_is_taken() -> None:
    plan = choose(Wishes("tiny", compute_type="float32", batch_size=3, threads=2), machine(card(7)), ALL)
    assert (plan.model, plan.compute_type, plan.batch_size, plan.threads) == ("tiny", "float32", 3, 2)


def test_a_failed_card_gives_the_same_work_to_the_cpu() -> None:
    wishes = Wishes("small", threads=2)
    plan = on_cpu_instead(choose(wishes, machine(card(7)), ()), wishes, "the card failed", 8)
    assert (plan.model, plan.device, plan.compute_type, plan.threads) == ("small", "cpu", "int8", 2)
    assert (plan.batch_size, plan.beam_size) == (4, 8)


def test_a_card_that_does_not_answer_does_not_shift_the_others() -> None:
    only_second = machine(card(7, index=1))
    assert choose(Wishes(device="cuda:1"), only_second, ALL).device_index == 1
    with pytest.raises(UsageError, match="cuda:0"):
        choose(Wishes(device="cuda:0"), only_second, ALL)


@pytest.mark.parametrize(
    ("name", "cc", "expected"),
    [
        ("NVIDIA GeForce RTX 4060", (8, 9), "float16"),
        ("Tesla V100-SXM2-16GB", (7, 0), "float16"),
        ("NVIDIA GeForce GTX 1660 Ti", (7, 5), "int8_float32"),
        ("NVIDIA GeForce MX450", (7, 5), "int8_float32"),
        ("NVIDIA GeForce GTX 1080", (6, 1), "int8_float32"),
        ("Tesla P100-PCIE-16GB", (6, 0), "float32"),
        ("NVIDIA GeForce RTX 5090", (12, 0), "float16"),
    ],
)
def test_no_card_gets_a_precision_that_it_refuses_or_gets_wrong(
    name: str, cc: tuple[int, int], expected: str
) -> None:
    assert guide.precision(card(7, name, cc)) == expected


def test_the_guides_twelve_numbers() -> None:
    table = {
        name: (guide.need(name).fp32, guide.need(name).fp16)
        for name in ("tiny", "base", "small", "medium", "large", "large-v3")
    }
    assert table == {
        "tiny": (1.5, 1.0), "base": (1.5, 1.0), "small": (2.5, 1.5),
        "medium": (5.0, 3.0), "large": (10.0, 6.0), "large-v3": (10.0, 6.0),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "left"),
    [
        (None, ["GPU-0000", "GPU-0001"]),
        ("1", ["GPU-0001"]),
        ("1,0", ["GPU-0001", "GPU-0000"]),
        ("GPU-0001", ["GPU-0001"]),
        ("", []),
        ("-1", []),
        ("0,7,1", ["GPU-0000"]),
        ("0,0", ["GPU-0000"]),
    ],
)
def test_cuda_visible_devices_means_what_cuda_takes_it_for(setting: str | None, left: list[str]) -> None:
    found = visible((card(1, index=0), card(2, index=1)), setting)
    assert [device.uuid for device in found] == left
    assert [device.index for device in found] == list(range(len(left)))
