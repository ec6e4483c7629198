"""The measurements for a card, on a CPU and with tiny shapes: rows, children, JSON and tables are real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import gpu_workshop  # noqa: E402 - found by the line above
from workshop_gpu.lengths import drawn  # noqa: E402
from workshop_gpu.report import tables  # noqa: E402
from workshop_gpu.values import Errand, TeacherShape, errand_of, errands  # noqa: E402

from bili2text.workshop.costs.shapes import Shape  # noqa: E402

TOY = Shape("toy", 32, 4, 1, 1, 64, 300, 64)


def tiny(row: Errand) -> Errand:
    """The same row with a model that a CPU computes at once."""
    return replace(
        row,
        shape=TOY,
        device="cpu",
        train=replace(row.train, batch=4, accumulate=2),
        tokens=min(row.tokens, 48),
        longest=48,
        mean=min(row.mean, 12.0),
        warm=1,
        steps=2,
        teacher=TeacherShape(32, 1, 4, 64, 300),
    )


def test_rows_are_measured_written_and_told_and_one_that_fails_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "found.json"
    rows = [tiny(row) for row in errands(15.5)]
    broken = replace(rows[0], shape=replace(TOY, heads=5))  # 32 numbers do not part into 5
    some = [broken, rows[0], next(row for row in rows if row.kind == "speed" and row.likely), rows[-1]]
    assert gpu_workshop.measured(some, {"card": {"name": "none"}, "cap_gib": 15.5}, path, 250) == 1
    failed, *found = json.loads(path.read_text())["rows"]
    assert "failed" in failed
    assert [(row["kind"], "failed" in row) for row in found] == [
        ("memory", False), ("speed", False), ("labels", False),
    ]  # fmt: skip
    assert found[1]["tokens_per_second"] > 0
    # int32 and float16 of 16 tokens, two sums, at 64 positions; and the file's own header
    assert found[2]["bytes_per_sample"] == pytest.approx(64 * (16 * 6 + 8), rel=0.02)
    said = capsys.readouterr().out
    assert "| 32 | in chunks | not measured | not measured |" in said
    assert "| 1.8B teacher | 16 | 64 |" in said


def test_rows_that_time_does_not_reach_are_not_measured(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    assert gpu_workshop.measured([errands(15.5)[0]], {}, path, 0) == 1
    assert "no time was left" in path.read_text()


def test_without_a_card_it_says_so_and_ends_with_4() -> None:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    found = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "gpu_workshop.py")],
        env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 4
    assert found.stderr.startswith("no card to measure: ")
    assert found.stderr.count("\n") == 1


def test_what_a_child_is_told_is_what_was_asked() -> None:
    assert all(errand_of(row.text()) == row for row in errands(15.5))


def test_lengths_have_the_mean_asked_for_and_a_long_tail() -> None:
    found = drawn(20_000, 35, 256)
    assert sum(found) / len(found) == pytest.approx(35, rel=0.03)
    assert max(found) > 100
    assert found == drawn(20_000, 35, 256)


def test_nothing_measured_is_told_as_that() -> None:
    assert "not measured" in tables({})
