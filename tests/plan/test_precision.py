"""Which precisions a card is given, in what order, and what the settings of the guide make of that."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from bili2text.gpu.device import Device
from bili2text.gpu.known import KNOWN, simulated
from bili2text.plan import precision
from bili2text.plan.precision import PrecisionWish, ladder

sys.path.insert(0, str(Path(__file__).parent))

import worlds
from worlds import ANCIENT, GOOD, LEGAL, legal


def card(
    capability: tuple[int, int], name: str = "NVIDIA card", total: int = 8192, driver: str = "575.57"
) -> Device:
    return Device(0, "GPU-0", name, capability, total, total, driver)


EVERY_CARD = [card(one) for one in LEGAL if one != (7, 5)] + [
    card((7, 5), name) for name in (*worlds.WITH_CORES, *worlds.WITHOUT_CORES)
]


@pytest.mark.parametrize("library", [GOOD, ANCIENT])
def test_what_is_refused_is_what_the_engine_refuses_or_gets_wrong(library: str) -> None:
    for device in EVERY_CARD:
        if precision.unusable(device):
            assert legal(device, library) == set()
            continue
        taken = {one for one in worlds.TYPES if not precision.refusal(device, one, library)} - {"int8"}
        assert taken == legal(device, library), device


def test_int8_is_the_one_that_the_card_computes_beside_it() -> None:
    for device in EVERY_CARD:
        found = precision.resolved("int8", device, GOOD)
        assert found == ("int8_float16" if "float16" in legal(device, GOOD) else "int8_float32")
    assert precision.resolved("float32", EVERY_CARD[0], GOOD) == "float32"


@pytest.mark.parametrize(
    ("device", "why"),
    [
        (card((5, 2)), "too old: CTranslate2 needs 5.3"),
        (card((9, 0), driver="550.54.14"), "needs driver 570"),
        (card((12, 0), driver="566.36"), "needs driver 570"),
        (card((0, 0)), "does not tell"),
        (card((9, 0), driver="570.86"), ""),
        (card((9, 0), driver=""), ""),
        (card((8, 9), driver="525.60"), ""),
    ],
)
def test_a_card_that_cannot_run_the_engine_at_all_is_named_with_its_reason(device: Device, why: str) -> None:
    assert why in precision.unusable(device)
    assert bool(precision.unusable(device)) == bool(why)


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("RTX 4060", "float16", "int8_float16"),
        ("V100", "float16", "int8_float16"),
        ("RTX 5090", "float16", "int8_float16"),
        ("GTX 1660 Ti", "int8_float32", "float32"),
        ("MX450", "int8_float32", "float32"),
        ("GTX 1080", "int8_float32", "float32"),
        ("P100", "float32", None),
    ],
)
def test_the_best_precision_comes_first(name: str, first: str, second: str | None) -> None:
    found = ladder(simulated(name), PrecisionWish(), "large-v3", GOOD)
    assert found == ((first, second) if second else (first,))


def test_blackwell_needs_a_ctranslate2_that_pads_for_int8() -> None:
    blackwell = simulated("RTX 5090")
    assert ladder(blackwell, PrecisionWish(), "tiny", ANCIENT) == ("float16",)
    assert ladder(blackwell, PrecisionWish(), "tiny", "") == ("float16",)
    assert "4.7" in precision.refusal(blackwell, "int8_float16", ANCIENT)


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (PrecisionWish(), ("float16", "int8_float16")),
        (PrecisionWish(policy="mixed"), ("float16", "int8_float16")),
        (PrecisionWish(use_fp16=False), ("float32", "int8_float32")),
        (PrecisionWish(use_int8=False), ("float16",)),
        (PrecisionWish(use_int8=True), ("int8_float16", "float16")),
        (PrecisionWish(use_fp16=False, use_int8=False), ("float32",)),
        (PrecisionWish(policy="chosen", fp16_models=("medium",)), ("float32", "int8_float32")),
        (PrecisionWish(policy="chosen", fp16_models=("large-v3",)), ("float16", "int8_float16")),
        (PrecisionWish(policy="dynamic"), ("float16", "int8_float16")),
    ],
)
def test_the_four_policies_and_the_switches_of_half_precision(
    wish: PrecisionWish, expected: tuple[str, ...]
) -> None:
    assert ladder(simulated("RTX 4060"), wish, "large-v3", GOOD) == expected


def test_the_dynamic_policy_takes_float32_from_20_gb_on_and_steps_down_from_there() -> None:
    wish = PrecisionWish(policy="dynamic")
    large = simulated("RTX 4090")
    assert ladder(large, wish, "large-v3", GOOD) == ("float32", "float16", "int8_float16")
    assert ladder(replace(large, total_mib=20 * 1024 - 1), wish, "large-v3", GOOD)[0] == "float16"


def test_no_setting_makes_any_known_card_compute_what_it_cannot() -> None:
    wishes = [
        PrecisionWish(half, int8, policy)  # type: ignore[arg-type]
        for half, int8, policy in product(
            (True, False), (None, True, False), ("fp16", "chosen", "dynamic", "mixed")
        )
    ]
    for known, wish in product(KNOWN, wishes):
        device = card(known.capability, known.name, known.total_mib)
        if not precision.unusable(device):
            found = ladder(device, wish, "large-v3", GOOD)
            assert len(set(found)) == len(found) > 0
            assert not any(precision.refusal(device, one, GOOD) for one in found)
