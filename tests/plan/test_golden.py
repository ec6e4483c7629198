"""What is chosen on twenty cards: the page says what the code does, and the rows that matter are right."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import golden


def test_the_page_has_the_table_that_is_true_now() -> None:
    page = (Path(__file__).parents[2] / "docs" / "plan.md").read_text(encoding="utf-8")
    written = page.partition("<!-- golden -->\n")[2].partition("<!-- end -->")[0]
    assert written == golden.golden_table(), "run scripts/make_docs.py"


def test_the_table_has_twenty_cards_from_2_gb_to_80() -> None:
    assert len(set(golden.NAMES)) == 20
    sizes = {golden.card(name, "idle").total_mib // 1024 for name in golden.NAMES}
    assert {2, 3, 4, 6, 8, 10, 11, 12, 16, 24, 32, 80} == sizes


# Written by hand, from what is published of the models' sizes and of the cards; not from the code's output.
@pytest.mark.parametrize(
    ("name", "situation", "model", "compute_type", "least_batch", "why"),
    [
        ("RTX 4060", "idle", "large-v3", "float16", 4, "large-v2 float16 took 6.1 GB at batch 8 on 8 GB"),
        ("RTX 4060", "desktop in use", "large-v3", "float16", 2, "4.5 GB are enough one by one"),
        ("RTX 2060", "idle", "large-v3", "float16", 1, "6 GB hold 4.5 GB"),
        ("RTX 2060", "half busy", "large-v3", "int8_float16", 1, "2.9 GB are published for int8"),
        ("RTX 3050 Laptop", "desktop in use", "large-v3", "int8_float16", 1, "3.2 GB hold 2.9 GB"),
        ("RTX 3050 Laptop", "half busy", "large-v3-turbo", "int8_float16", 1, "2 GB hold 1.3 GB"),
        ("MX450", "idle", "large-v3-turbo", "int8_float32", 1, "2 GB hold turbo in int8, not large-v3"),
        ("GTX 1050", "idle", "large-v3-turbo", "int8_float32", 1, "2 GB hold turbo in int8, not large-v3"),
        ("GTX 1660 Ti", "idle", "large-v3", "int8_float32", 1, "float16 writes '!' on it"),
        ("GTX 1080", "idle", "large-v3", "int8_float32", 1, "float16 runs at 1/64 of its speed"),
        ("P100", "idle", "large-v3", "float32", 1, "capability 6.0 has neither float16 nor int8"),
        ("T4", "idle", "large-v3", "float16", 12, "16 GB hold 3 GB of weights and 0.6 GB for each window"),
        ("RTX 4090", "idle", "large-v3", "float16", 16, "24 GB"),
        ("H100", "idle", "large-v3", "float16", 32, "the largest batch there is"),
    ],
)
def test_a_card_gets_what_its_memory_and_its_cores_are_good_for(
    name: str, situation: str, model: str, compute_type: str, least_batch: int, why: str
) -> None:
    plan = golden.plan(name, situation)
    assert (plan.model, plan.compute_type) == (model, compute_type), why
    assert plan.batch_size >= least_batch, why


@pytest.mark.parametrize("situation", golden.SITUATIONS)
def test_no_card_of_2_gb_is_given_a_large_model(situation: str) -> None:
    for name in ("MX450", "GTX 1050"):
        assert golden.plan(name, situation).model in ("large-v3-turbo", "small", "base")


@pytest.mark.parametrize("situation", golden.SITUATIONS)
def test_a_card_without_tensor_cores_never_gets_float16(situation: str) -> None:
    for name in ("MX450", "GTX 1650", "GTX 1660 Ti", "GTX 1050", "GTX 1080 Ti", "P100"):
        assert "float16" not in golden.plan(name, situation).compute_type
