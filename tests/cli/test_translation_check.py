"""`translate --check`, whatever there is: no model, a folder that is broken, a server in the model's place."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from words_model import running

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def empty(tmp_path: Path) -> dict[str, str]:
    """An environment without any model."""
    hidden = {"CUDA_VISIBLE_DEVICES": "", "HF_HOME": str(tmp_path / "none"), "HF_HUB_CACHE": ""}
    return {**hidden, "BILI2TEXT_CACHE_DIR": str(tmp_path / "cache")}


def test_without_a_model_it_shows_what_each_needs_and_how_to_get_one(
    program: Run, empty: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "models" / "Qwen3-4B").mkdir(parents=True)
    (tmp_path / "models" / "Qwen3-4B" / "config.json").write_text("{")
    done = program("translate", "--check", "--models-dir", "models", "--device", "cpu", env=empty)
    assert done.returncode == 4
    lines = done.stdout.splitlines()
    assert lines[0].startswith("GPU: ")
    rows = [line.split() for line in lines if line.startswith("no ")]
    assert [row[1] for row in rows] == ["Qwen3-4B-FP8", "Qwen3-4B", "Qwen3-1.7B", "Qwen3-0.6B"]
    assert all(row[5] == "MiB" for row in rows)
    assert any(line.startswith("not usable: damaged model") for line in lines)
    assert "choice: none" in lines
    assert "  there is no translation model" in lines
    assert "hf download" in done.stdout
    assert "there is no translation model" in done.stderr
    told = program("translate", "--check", "--json", "--models-dir", "models", "--device", "cpu", env=empty)
    assert told.returncode == 4
    found = json.loads(told.stdout)
    assert found["choice"] is None
    assert len(found["models"]) == 4
    assert found["faults"]


def test_a_folder_that_is_not_there_is_the_reason(program: Run, empty: dict[str, str]) -> None:
    for option in ("--models-dir", "--model-path"):
        done = program("translate", "--check", option, "missing", "--device", "cpu", env=empty)
        assert done.returncode == 4
        assert "missing" in done.stdout.partition("reason:")[2]


def test_with_a_server_it_is_the_server_that_would_translate(program: Run, empty: dict[str, str]) -> None:
    with running() as base:
        done = program("translate", "--check", "--api-base", f"{base}/v1", env=empty)
        assert done.returncode == 0, done.stderr
        assert f"choice: words, at {base}/v1" in done.stdout.splitlines()
        assert "--api-base names it" in done.stdout
        told = program("translate", "--check", "--json", "--api-base", f"{base}/v1", env=empty)
        assert json.loads(told.stdout)["choice"]["model"] == "words"
        refused = program("translate", "--check", "--api-base", f"{base}/v1", "--gpu", "GPU-1", env=empty)
        assert refused.returncode == 2
        assert "--gpu means nothing" in refused.stderr
    gone = program("translate", "--check", "--api-base", f"{base}/v1", env=empty)
    assert gone.returncode == 4
    assert "choice: none" in gone.stdout.splitlines()


def test_a_served_model_is_not_said_to_be_missing() -> None:
    from bili2text.translators.explain import Checked, Server, check_lines
    from bili2text.translators.gpu_memory import GpuMemory

    server = Server("m", "u", "ctranslate2", "int8", 8, "CPU", "serve-translation keeps it loaded")
    found = Checked(GpuMemory(), server=server)
    assert check_lines(found)[-1] == "  serve-translation keeps it loaded"
