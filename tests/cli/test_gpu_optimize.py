"""`gpu-optimize` as a user runs it on a computer without a card: this one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bili2text.gpu.memory_log import MemoryLog
from bili2text.gpu.monitor import Sample
from bili2text.gpu.probe import probe

ROOT = Path(__file__).parents[2]
without_a_card = pytest.mark.skipif(bool(probe({}).devices), reason="there is a card")


@without_a_card
def test_without_a_card_the_cpu_is_diagnosed_and_its_plan_applied(
    program: Callable, environ: Mapping[str, str], base_folder: Path, tiny_en_folder: Path
) -> None:
    Path(environ["BILI2TEXT_CONFIG"]).write_text('model = "tiny.en"\n', encoding="utf-8")
    models = ("--offline", "--model-dir", str(tiny_en_folder))
    done = program("gpu-optimize", *models, "--apply", "--json", "--threads", "1")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["no_cards"]
    assert found["cards"] == []
    (trials,) = found["trials"]
    assert trials["model"] == "tiny.en"
    assert {one["compute_type"]: one["outcome"] for one in trials["each"]} == {
        "int8": "works", "int8_float32": "works", "float32": "works",
    }  # fmt: skip
    assert "trying int8 on the CPU" in done.stderr
    # the setting before it does not bind the recommendation
    assert (found["plan"]["model"], found["plan"]["device"]) == ("base", "cpu")
    shown = json.loads(program("config", "show", "--json").stdout)
    for name, value in (line.split(" = ") for line in found["settings"]):
        assert str(shown[name]["value"]) == value
    ours = {name for name in shown if shown[name]["from"] == environ["BILI2TEXT_CONFIG"]}
    assert ours == {"model", "compute-type", "model-dir"}
    again = program("gpu-optimize", "--offline", "--no-trials", "--apply")
    assert again.stdout.endswith("  bili2text config unset model compute-type model-dir\n")


@without_a_card
def test_the_file_runs_by_its_path_from_any_folder(
    environ: Mapping[str, str], base_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "bili2text").mkdir()  # not what is imported
    done = subprocess.run(
        [sys.executable, str(ROOT / "cli" / "gpu_optimize.py"), "--offline", "--no-trials"],
        capture_output=True,
        text=True,
        env={name: value for name, value in environ.items() if name != "PYTHONPATH"},
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for title in ("Cards", "Libraries and programs", "Precisions on cpu", "Recommended"):
        assert f"\n{title}" in f"\n{done.stdout}"
    assert "\n  bili2text audio FILE --model base --compute-type int8" in done.stdout


@without_a_card
def test_a_watch_without_a_card_says_so_and_is_no_failure(program: Callable) -> None:
    done = program("gpu-optimize", "--watch", "--seconds", "1")
    assert (done.returncode, done.stdout) == (0, "")
    assert "no card to watch" in done.stderr
    assert json.loads(program("gpu-optimize", "--watch", "--json").stdout)["watched"] is None


def test_the_log_of_a_finished_run_is_drawn(program: Callable, tmp_path: Path) -> None:
    with MemoryLog(tmp_path / "vram.csv") as log:
        for at in range(3):
            log.write(Sample(float(at), 1000 * at, 8000 - 1000 * at))
    done = program("gpu-optimize", "--log", "vram.csv", "--png", "vram.png", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"picture": "vram.png", "samples": 3}
    assert (tmp_path / "vram.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "options",
    [
        ("--watch", "--apply"), ("--every", "1"), ("--seconds", "5"), ("--log", "x.csv"), ("--png", "x.png"),
        ("--log", "x.csv", "--png", "x.png", "--apply"), ("--device", "cpu", "--device-index", "1"),
        ("--min-model", "large-v3", "--max-model", "tiny"), ("--device", "toaster"),
    ],
)  # fmt: skip
def test_contradictions_are_one_line_and_exit_2(program: Callable, options: tuple[str, ...]) -> None:
    done = program("gpu-optimize", "--no-trials", *options)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
