"""Small models for the tests of translators, built once a session."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for tiny_qwen and other modules shared by tests

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def with_torch() -> None:
    """Skips what needs torch and transformers where they are missing; else torch has one thread."""
    for name in ("torch", "transformers", "accelerate", "safetensors"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed: pip install 'bili2text[qwen]'")
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_qwen(with_torch: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen3 with two layers and random weights, in bfloat16."""
    import tiny_qwen as tiny

    return tiny.build(tmp_path_factory.mktemp("qwen") / "Qwen3-tiny")


@pytest.fixture(scope="session")
def tiny_qwen_fp8(tiny_qwen: Path) -> Path:
    """Its FP8 twin."""
    import tiny_qwen as tiny

    return tiny.build_fp8(tiny_qwen, tiny_qwen.parent / "Qwen3-tiny-FP8")


@pytest.fixture(scope="session")
def tiny_qwen_ct2(tiny_qwen: Path) -> Path:
    """The tiny Qwen3 converted for CTranslate2, in float32: what it says does not depend on the batch."""
    from bili2text.translators.convert import convert

    return convert(tiny_qwen, tiny_qwen.parent / "Qwen3-tiny-ct2", "float32")
