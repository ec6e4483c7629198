"""The memory of a translator, against what others measured and against files that are here."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from shelves import converted, model

from bili2text.plan.stages import BYTES
from bili2text.translators.folders import look
from bili2text.translators.footprint import Setting, on_card, on_cpu, weights_bytes
from bili2text.translators.values import Shape

# MB as torch counts them (2**20), docs of Qwen3, "Speed Benchmark": transformers 4.51.3 on an H20, one prompt of
# one token, 2048 new ones. How far the formula is off stands beside it.
MEASURED = [
    ("Qwen3-4B", "bfloat16", "", 7973, -0.001),
    ("Qwen3-4B-FP8", "float8", "fp8", 5281, -0.006),
    ("Qwen3-1.7B", "bfloat16", "", 3412, 0.030),
    ("Qwen3-1.7B", "float8", "fp8", 2726, 0.015),
]


@pytest.mark.parametrize(("name", "precision", "packed", "mib", "error"), MEASURED)
def test_what_qwen_measured_is_computed_with_the_error_stated(
    name: str, precision: str, packed: str, mib: int, error: float
) -> None:
    taken = on_card(model(name, quantization=packed), Setting(precision, prompt=1, reply=2048), 78)
    assert (taken.peak - taken.context) / mib - 1 == pytest.approx(error, abs=0.001)


# MiB of RAM at the peak, CTranslate2 4.8.5 on 2 threads of an AMD EPYC, int8_float32: batch, tokens of a reply
TAKEN = [(1, 128, 889), (4, 1, 1131), (4, 64, 1227), (8, 1, 1541), (8, 128, 2034)]


@pytest.mark.parametrize(("batch", "reply", "mib"), TAKEN)
def test_what_was_taken_on_a_cpu_is_bounded_from_above(batch: int, reply: int, mib: int) -> None:
    small = replace(converted("Qwen3-0.6B"), shape=Shape(24, 896, 4864, 14, 2, 64, 151936, tied=False))
    assert 1.0 < on_cpu(small, Setting("int8_float32", batch, reply=reply)).peak / mib < 1.35


def test_half_precision_saves_nearly_half_and_int8_half_of_that() -> None:
    sizes = {
        one: weights_bytes(model("Qwen3-4B"), one) for one in ("float32", "bfloat16", "int8", "int4", "mixed")
    }
    assert sizes["bfloat16"] == sizes["float32"] / 2 == 2 * 4_022_458_880
    # its embedding stays in half precision
    assert 0.54 < sizes["int8"] / sizes["bfloat16"] < 0.56
    assert 0.34 < sizes["int4"] / sizes["bfloat16"] < 0.37
    assert sizes["mixed"] - sizes["bfloat16"] == 4 * 151936 * 2560
    assert weights_bytes(converted("Qwen3-4B"), "int8_bfloat16") == pytest.approx(4.03e9, rel=2e-3)


def test_a_converted_file_is_as_large_as_its_weights(tiny_qwen_ct2: Path) -> None:
    found = look(tiny_qwen_ct2)
    size = found.weight_bytes
    # beside the weights the file has their names, and Qwen3's norms of queries and keys
    assert weights_bytes(found, found.dtype) == pytest.approx(size, rel=0.05)


def test_what_the_shape_does_not_tell_counts_as_the_files_do() -> None:
    experts = model("Qwen3-4B", weight_bytes=60_000_000_000)
    assert weights_bytes(experts, "bfloat16") == pytest.approx(60e9)
    assert weights_bytes(experts, "float32") == pytest.approx(120e9)
    assert weights_bytes(model("Qwen3-4B", weight_bytes=8_100_000_000), "bfloat16") == 2 * 4_022_458_880
    stored_in_full = model("Qwen3-4B", weight_bytes=16_089_835_520, dtype="float32")
    assert weights_bytes(stored_in_full, "bfloat16") == 2 * 4_022_458_880
    packed = model("Qwen3-4B", quantization="awq", weight_bytes=2_700_000_000)
    assert weights_bytes(packed, "auto") == 2_700_000_000


def test_it_grows_with_the_batch_the_beams_and_the_text() -> None:
    for here, precision in ((model("Qwen3-1.7B"), "bfloat16"), (converted("Qwen3-1.7B"), "int8_float16")):
        settings = [Setting(precision, 2 ** (i // 2), 1 + i % 2) for i in range(14)]
        for place in (lambda s, here=here: on_card(here, s, 24), lambda s, here=here: on_cpu(here, s)):
            by_batch = [place(one).peak for one in settings[::2]]
            assert all(less < more for less, more in pairwise(by_batch))
            assert place(Setting(precision, 4, 4)).peak > place(Setting(precision, 4)).peak
            assert place(Setting(precision, 4, reply=512)).peak > place(Setting(precision, 4)).peak


def test_the_sum_that_is_shown_adds_up() -> None:
    for precision in BYTES:
        if precision != "int16":
            taken = on_card(converted("Qwen3-4B"), Setting(precision, 8), 36)
            parts, total = taken.arithmetic().removesuffix(" MiB").split(" = ")
            assert sum(int(part.rpartition(" ")[2]) for part in parts.split(" + ")) == int(total)
            assert 0 <= int(total) - taken.peak < 1
