"""The two functions that the guide names, on this machine and on others; what is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from shelves import NO_KERNEL, READY, card, config, machine, write_folder

from bili2text.errors import ModelError
from bili2text.gpu.device import Cards
from bili2text.plan.values import Machine
from bili2text.translators import select
from bili2text.translators.gpu_memory import memory_of
from bili2text.translators.learned import NEW
from bili2text.translators.values import Float8

SHAPES = {
    "Qwen3-4B": {
        "hidden_size": 2560,
        "intermediate_size": 9728,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
    },
    "Qwen3-1.7B": {"hidden_size": 2048, "intermediate_size": 6144},
    "Qwen3-0.6B": {},
}
FP8 = {"quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}}


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """The guide's three models, of their real shapes, with weights of nothing."""
    for name in ("Qwen3-4B", "Qwen3-1.7B"):
        write_folder(tmp_path / "models" / name, config(**SHAPES[name]))
    write_folder(tmp_path / "models" / "Qwen3-4B-FP8", config(**SHAPES["Qwen3-4B"], **FP8))
    return tmp_path / "models"


def elsewhere(monkeypatch: pytest.MonkeyPatch, here: Machine, float8: Float8 = READY) -> None:
    """Stand in for a computer that is not this one; the choice itself is the real one."""
    monkeypatch.setattr(select, "this_machine", lambda wishes, environ: here)
    monkeypatch.setattr(select, "probe", lambda environ: here.cards)
    monkeypatch.setattr(select, "float8", lambda environ: float8)
    monkeypatch.setattr(select, "runtime", lambda environ: NEW)


@pytest.mark.parametrize(
    ("text", "float8", "policy", "name"),
    [
        ("RTX 4090, 24 free", READY, "measured", "Qwen3-4B-FP8"), ("RTX 5070, 12 free", READY, "measured", "Qwen3-4B-FP8"),
        ("RTX 3090, 24 free", NO_KERNEL, "guide", "Qwen3-4B-FP8"), ("RTX 3060, 12 free", NO_KERNEL, "guide", "Qwen3-4B-FP8"),
        ("RTX 3090, 24 free", NO_KERNEL, "measured", "Qwen3-4B"), ("RTX 3060, 12 free", NO_KERNEL, "measured", "Qwen3-4B"),
        ("RTX 3070, 7.8 free", NO_KERNEL, "measured", "Qwen3-1.7B"), ("RTX 3060 Laptop", READY, "measured", "Qwen3-1.7B"),
        ("RTX 3060 Laptop", READY, "guide", "Qwen3-1.7B"), ("RTX 4050 Laptop", READY, "measured", "Qwen3-1.7B"),
        ("RTX 3050 Laptop", READY, "guide", "Qwen3-1.7B"), ("RTX 3050 Laptop, 0.3 free", READY, "guide", "Qwen3-1.7B"),
        ("RTX 3050 Laptop, 0.3 free", READY, "measured", "Qwen3-1.7B"),
        ("", READY, "measured", "Qwen3-1.7B"), ("", NO_KERNEL, "guide", "Qwen3-1.7B"),
    ],
)  # fmt: skip
def test_the_guides_examples(
    text: str, float8: Float8, policy: str, name: str, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere(monkeypatch, machine(*[card(text)] if text else []), float8)
    said: list[str] = []
    assert select.select_model_by_gpu(shelf, policy, said.append, {}) == str(shelf / name)  # type: ignore[arg-type]
    smallest = not text or "0.3 free" in text
    assert said[0].startswith(f"selected {name}{', the smallest: no ' if smallest else ' (needs '}")
    assert said[-1] == str(shelf / name)


def test_where_not_even_the_ram_has_room_it_is_still_the_smallest(
    shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere(monkeypatch, machine(card("RTX 3050 Laptop, 0.3 free"), ram=0.6))
    said: list[str] = []
    assert select.select_model_by_gpu(str(shelf), say=said.append, environ={}) == str(shelf / "Qwen3-1.7B")
    assert "the smallest: no translation model fits" in said[0]


def test_no_model_is_an_error_that_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no translation model") as error:
        select.select_model_by_gpu(tmp_path, environ={"BILI2TEXT_CACHE_DIR": str(tmp_path)})
    assert "hf download" in error.value.hint


def test_the_memory_is_that_of_the_card_with_the_most_free(monkeypatch: pytest.MonkeyPatch) -> None:
    here = machine(card("RTX 4090, 1 free"), card("RTX 3060, 10.5 free", 1))
    elsewhere(monkeypatch, here)
    said: list[str] = []
    assert select.get_gpu_memory_gb(said.append) == 10.5
    assert said == ["RTX 3060: 12.00 GB total, 1.50 GB allocated, 0.00 GB reserved, 10.50 GB free"]
    assert memory_of(Cards(())).free == 0.0


def test_both_work_on_this_machine_whatever_it_has(shelf: Path, tmp_path: Path) -> None:
    environ = {"BILI2TEXT_CACHE_DIR": str(tmp_path), "CUDA_VISIBLE_DEVICES": ""}
    assert select.get_gpu_memory_gb(environ=environ) == 0.0
    assert select.runtime(environ).learned == NEW.learned


def test_nothing_heavy_is_imported_to_choose() -> None:
    code = (
        "import sys; from bili2text.translators import select, explain, folders; select.runtime({});"
        "print([name for name in ('torch', 'transformers', 'ctranslate2', 'huggingface_hub') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_library_that_packs_weights_is_looked_for_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"BILI2TEXT_CACHE_DIR": str(tmp_path)}
    monkeypatch.setattr(select, "find_spec", lambda name: None if name == "bitsandbytes" else object())
    assert "pip install bitsandbytes" in select.runtime(environ).packing
    monkeypatch.setattr(select, "find_spec", lambda name: object())
    assert select.runtime(environ).packing == ""
