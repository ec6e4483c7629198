"""Graphs for an NPU: converted and simulated where the toolkit is, and plain words where it is not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("onnx")
pytest.importorskip("transformers")

from bili2text.errors import DependencyError, ModelError, RuntimeFailure, UsageError
from bili2text.progress import Silent
from bili2text.seq2seq.values import Pair
from bili2text.workshop.exports import rknn
from bili2text.workshop.exports.export import ExportRequest, export
from bili2text.workshop.exports.export_rknn import spread
from bili2text.workshop.run import Run

# a virtual environment with rknn-toolkit2, as `export --to rknn --install` makes it
VENV = os.environ.get("RKNN_TOOLKIT_VENV", "")
toolkit = pytest.mark.skipif(not VENV, reason="RKNN_TOOLKIT_VENV names no environment of rknn-toolkit2")


@toolkit
def test_float16_and_int8_graphs_say_on_the_simulator_what_onnx_says(
    trained_run: Run, heart_pairs: Sequence[Pair], tmp_path: Path
) -> None:
    request = ExportRequest(
        trained_run, "rknn", tuple(heart_pairs[:8]), out=tmp_path / "out", int8=True, venv=Path(VENV),
        calibration=tuple(heart_pairs[8:]),
    )  # fmt: skip
    found = export(request, {}, Silent())
    assert found.manifest is not None
    assert sorted(one.name for one in tmp_path.joinpath("out").iterdir()) == [
        "decoder-int8.rknn", "decoder.rknn", "encoder-int8.rknn", "encoder.rknn", "manifest.json", "vocabulary",
    ]  # fmt: skip
    half, small = found.manifest.checks[1:]
    assert (half.precision, small.precision) == ("float16", "int8")
    assert min(half.states.cosine, half.logits.cosine) > 0.9999
    assert half.agreeing == half.steps
    # with masks of -1e4 the states' lowest cosine was 0.83 (see train/onnx.py)
    assert min(small.states.cosine, small.logits.cosine) > 0.99
    assert small.agreeing >= 0.95 * small.steps
    size = {one.file: one.bytes for one in found.manifest.graphs}
    assert size["encoder-int8.rknn"] < size["encoder.rknn"]
    assert found.manifest.target == "rv1126b"


@toolkit
def test_what_the_toolkit_refuses_is_one_line(tmp_path: Path) -> None:
    python, version = rknn.find(Path(VENV), {})
    assert version
    (tmp_path / "encoder.onnx").write_bytes(b"no graph")
    (tmp_path / "rows.npz").write_bytes(b"no rows")
    order = rknn.GraphOrder("encoder.onnx", "encoder.rknn", ("input_ids",), "rows.npz", "found.npz", None)
    with pytest.raises(RuntimeFailure, match="rknn-toolkit2 did not convert the graphs: ") as caught:
        rknn.convert(python, "rv1126b", [order], tmp_path)
    assert "\n" not in caught.value.message


def test_where_the_toolkit_is_not_installed_it_says_so_and_how_to(
    trained_run: Run, heart_pairs: Sequence[Pair], tmp_path: Path
) -> None:
    request = ExportRequest(trained_run, "rknn", tuple(heart_pairs[:2]), out=tmp_path / "out")
    with pytest.raises(DependencyError, match="rknn-toolkit2 is not installed") as caught:
        export(request, {"BILI2TEXT_CACHE_DIR": str(tmp_path / "cache")}, Silent())
    assert "--install" in caught.value.hint
    assert caught.value.exit_code == 4
    assert not (tmp_path / "out").exists()
    with pytest.raises(ModelError, match="no trained model"):  # and not after an installation
        export(replace(request, run=Run(tmp_path / "typo"), install=True), {}, Silent())
    with pytest.raises(DependencyError, match="no virtual environment"):
        rknn.find(tmp_path, {})
    empty = tmp_path / "venv" / "bin"
    empty.mkdir(parents=True)
    (empty / "python").symlink_to("/bin/false")
    with pytest.raises(DependencyError, match="is not installed in"):
        rknn.find(tmp_path / "venv", {})


@pytest.mark.parametrize(
    ("target", "told"), [("rv1126", "first NPU generation"), ("rk9999", "unknown target rk9999")]
)
def test_a_chip_that_the_toolkit_does_not_know_is_refused_before_anything_is_made(
    target: str, told: str, trained_run: Run, heart_pairs: Sequence[Pair]
) -> None:
    request = ExportRequest(trained_run, "rknn", tuple(heart_pairs[:2]), target=target)
    with pytest.raises(UsageError, match=told) as caught:
        export(request, {}, Silent())
    assert "rv1126b" in caught.value.hint


def test_int8_without_pairs_to_calibrate_it_on_is_refused(
    trained_run: Run, heart_pairs: Sequence[Pair]
) -> None:
    with pytest.raises(UsageError, match="calibrated on real pairs"):
        export(ExportRequest(trained_run, "rknn", tuple(heart_pairs[:2]), int8=True), {}, Silent())


def test_errors_that_the_toolkit_goes_on_after_are_counted() -> None:
    lines = ["E RKNN: [20:22:48.754] Unkown op target: 0", "I rknn building done."]
    assert rknn.complaints([*lines, lines[0]]) == ("Unkown op target: 0, 2 times",)


def test_rows_are_spread_over_all_there_are() -> None:
    assert spread(10, 4) == [0, 2, 5, 7]
    assert spread(3, 200) == [0, 1, 2]
    assert spread(0, 200) == []


@pytest.mark.parametrize(
    ("platform", "python"), [("win32", (3, 11)), ("darwin", (3, 11)), ("linux", (3, 13))]
)
def test_systems_without_a_wheel_of_the_toolkit_are_told_which_have_one(
    platform: str, python: tuple[int, int]
) -> None:
    rknn.refuse_system("linux", (3, 12))
    with pytest.raises(DependencyError, match=r"Linux and Python 3\.10 to 3\.12") as caught:
        rknn.refuse_system(platform, python)
    assert "--to onnx" in caught.value.hint


def test_an_environment_without_torch_to_borrow_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rknn, "refuse_system", lambda *_: None)
    monkeypatch.setattr(rknn.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DependencyError, match="torch is missing"):
        rknn.install({"BILI2TEXT_CACHE_DIR": str(tmp_path)}, Silent())
    assert not (tmp_path / "toolkits").exists()
