"""Which environment variables are set for which library, and that it is those the libraries read."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import itertools
import math
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bili2text.gpu.allocator import (
    CT2_ALLOCATOR,
    CT2_BINS,
    CT2_DEFAULT_BINS,
    FINE_BINS,
    SMALL_BINS,
    TORCH_NAMES,
    TORCH_VALUE,
    apply,
    torch_environment,
    whisper_environment,
)

OLD, NEW = TORCH_NAMES


@pytest.mark.parametrize(
    ("environ", "added"),
    [
        ({}, {OLD: TORCH_VALUE, NEW: TORCH_VALUE}),
        ({OLD: "backend:native"}, {NEW: "backend:native"}),
        ({NEW: "backend:native"}, {OLD: "backend:native"}),
        ({OLD: "a", NEW: "b"}, {}),
        ({NEW: ""}, {OLD: ""}),  # how a user turns it off
    ],
)
def test_torch_gets_the_guides_setting_under_both_names_unless_the_user_has_one(
    environ: dict[str, str], added: dict[str, str]
) -> None:
    assert torch_environment(environ) == added


@pytest.mark.parametrize(
    ("platform", "total", "environ", "added"),
    [
        ("linux", 8188, {}, {CT2_BINS: str(FINE_BINS)}),
        ("linux", 4096, {}, {CT2_BINS: str(SMALL_BINS)}),
        ("linux", None, {}, {CT2_BINS: str(FINE_BINS)}),
        ("win32", 8188, {}, {CT2_BINS: str(FINE_BINS), CT2_ALLOCATOR: "cub_caching"}),
        ("win32", 6144, {}, {CT2_BINS: str(SMALL_BINS), CT2_ALLOCATOR: "cub_caching"}),
        ("win32", 8188, {CT2_ALLOCATOR: "cuda_malloc_async", CT2_BINS: "4,3,12,1"}, {}),
        ("linux", 4096, {CT2_BINS: "4,3,12,1"}, {}),
        ("darwin", None, {}, {}),
    ],
)
def test_whisper_gets_an_allocator_for_its_system_and_card_unless_the_user_has_one(
    platform: str, total: int | None, environ: dict[str, str], added: dict[str, str]
) -> None:
    assert whisper_environment(environ, platform, total_mib=total) == added


def test_what_the_user_has_set_is_never_overwritten() -> None:
    environ = {OLD: "theirs"}
    assert apply(environ, {OLD: "ours", NEW: "ours"}, loaded=()) == ""
    assert environ == {OLD: "theirs", NEW: "ours"}


@pytest.mark.parametrize(("name", "library"), [(OLD, "torch"), (CT2_ALLOCATOR, "ctranslate2")])
def test_a_setting_that_comes_too_late_is_refused_and_nothing_changed(name: str, library: str) -> None:
    environ: dict[str, str] = {}
    reason = apply(environ, {name: "ours"}, loaded={library})
    assert reason == f"{name} has no effect any more: {library} is loaded already"
    assert environ == {}
    other = {"torch": "ctranslate2", "ctranslate2": "torch"}[library]
    assert apply(environ, {name: "ours"}, loaded={other}) == ""


def test_a_setting_that_is_there_already_is_not_too_late() -> None:
    assert apply({CT2_ALLOCATOR: "cub_caching"}, {CT2_ALLOCATOR: "cub_caching"}, loaded={"ctranslate2"}) == ""


def test_this_process_is_asked_which_libraries_it_has() -> None:
    import ctranslate2  # noqa: F401 - that it is loaded is what matters

    assert "ctranslate2 is loaded already" in apply({}, {CT2_ALLOCATOR: "cub_caching"})


def test_setting_them_loads_neither_library() -> None:
    code = (
        "import os, sys; from bili2text.gpu.allocator import *;"
        "assert apply(os.environ, {**torch_environment({}), **whisper_environment({}, 'win32')}) == '';"
        "assert not {'torch', 'ctranslate2', 'numpy'} & set(sys.modules);"
        "print(os.environ['CT2_CUDA_ALLOCATOR'])"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    child = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert child.stdout.strip() == "cub_caching"


@given(st.integers(1, 1 << 36))
def test_fine_bins_never_take_more_than_the_default_ones(amount: int) -> None:
    assert amount <= SMALL_BINS.taken(amount) <= max(2 * amount, 64)
    assert amount <= FINE_BINS.taken(amount) <= CT2_DEFAULT_BINS.taken(amount)


def test_bins_round_as_cub_says() -> None:
    taken = CT2_DEFAULT_BINS.taken
    assert [taken(1), taken(65), taken(4096), taken(4097)] == [64, 256, 4096, 16384]
    assert [taken((16 << 20) - 1), taken((16 << 20) + 1)] == [16 << 20, (16 << 20) + 1]
    assert str(CT2_DEFAULT_BINS) == "4,3,12,209715200"


def variable_sizes(model_bin: Path) -> list[int]:
    """The bytes of each variable of a CTranslate2 file (its specs/model_spec.py, `_serialize`)."""
    data = model_bin.read_bytes()

    def text(at: int) -> int:
        return at + 2 + struct.unpack_from("<H", data, at)[0]

    at = text(4) + 4
    (count,) = struct.unpack_from("<I", data, at)
    at, sizes = at + 4, []
    for _ in range(count):
        at = text(at)
        at += 1 + 4 * data[at] + 1
        (size,) = struct.unpack_from("<I", data, at)
        at += 4 + size
        sizes.append(size)
    return sizes


def test_the_defaults_rounding_costs_a_real_model_memory_and_ours_hardly_any(base_folder: Path) -> None:
    """The figures are in docs/allocators.md."""
    sizes = variable_sizes(base_folder / "model.bin")
    weights, default, fine, small = (
        round(sum(taken(size) for size in sizes if size > 64) / 2**20)
        for taken in (int, CT2_DEFAULT_BINS.taken, FINE_BINS.taken, SMALL_BINS.taken)
    )
    assert (weights, default, fine, small) == (138, 234, 146, 146)


def names_in(package: str, part: str = "") -> set[str]:
    """The names of environment variables in an installed package's binary libraries called `part`."""
    files = importlib.metadata.files(package) or []
    libraries = [file for file in files if re.search(r"\.(so|pyd|dll|dylib)(\.|$)", file.name)]
    libraries = [file for file in libraries if part in file.name]
    assert libraries
    found: set[str] = set()
    for library in libraries:
        data = Path(str(library.locate())).read_bytes()
        found |= {name.decode() for name in re.findall(rb"\b(?:CT2|PYTORCH)_[A-Z0-9_]+", data)}
    return found


def test_ctranslate2_reads_its_own_variables_and_none_of_torchs() -> None:
    names = names_in("ctranslate2")
    assert {CT2_ALLOCATOR, CT2_BINS} <= names
    assert not [name for name in names if name.startswith("PYTORCH_")]


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch")
def test_torch_reads_one_of_the_names_and_understands_the_guides_value() -> None:
    assert {OLD, NEW} & names_in("torch", "c10")
    code = (
        "import torch; parse = getattr(torch._C, '_accelerator_setAllocatorSettings', None);"
        f"parse and parse({TORCH_VALUE!r})"  # a value it does not understand is an error
    )
    environ = {**os.environ, OLD: TORCH_VALUE, NEW: TORCH_VALUE}
    subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, check=True, timeout=120)


def layer_sizes(encoder: int, decoder: int, width: int, bytes_each: int) -> list[int]:
    """The bytes of the matrices of a Whisper's layers, fused as CTranslate2's converter fuses them."""
    own = [3 * width * width, width * width, 4 * width * width, 4 * width * width]
    cross = [width * width, 2 * width * width, width * width]
    return [bytes_each * size for size in itertools.chain(own * (encoder + decoder), cross * decoder)]


@pytest.mark.parametrize(
    ("model", "shape", "expected"),
    [
        ("medium float16", (24, 24, 1024, 2), (1344, 2784, 1440, 1344)),
        ("large-v3 float16", (32, 32, 1280, 2), (2800, 4096, 3840, 2912)),
        ("large-v3 int8_float16", (32, 32, 1280, 1), (1400, 3712, 1920, 1484)),
        ("large-v3-turbo int8_float16", (32, 4, 1280, 1), (700, 1920, 968, 723)),
    ],
)
def test_computed_figures_of_large_models_are_those_in_the_docs(
    model: str, shape: tuple[int, int, int, int], expected: tuple[int, ...]
) -> None:
    sizes = layer_sizes(*shape)
    found = tuple(
        math.ceil(sum(taken(size) for size in sizes) / 2**20)
        for taken in (int, CT2_DEFAULT_BINS.taken, FINE_BINS.taken, SMALL_BINS.taken)
    )
    assert found == expected, model
