"""Every section of the acceptance run on the CPU, its children real; only the card's memory is a stand-in."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import gpu_acceptance
import pytest
from acceptance import allocators, children, footprints, precisions, pressing, probing, report, sweep
from acceptance.bench import Bench, Models
from acceptance.children import Ended
from acceptance.run import SECTIONS, run
from acceptance.values import Check, Deadline, Found, Row, Section, Task, task_of

from bili2text.gpu.device import Cards
from bili2text.gpu.known import simulated
from bili2text.models.store import Places
from bili2text.models.weights import read_dims
from bili2text.plan.footprint import Setting


def split(found: list[Found]) -> tuple[list[Check], list[dict[str, object]]]:
    checks = [one for one in found if isinstance(one, Check)]
    return checks, [one.values for one in found if isinstance(one, Row)]


def test_a_sweep_plans_for_what_is_free_and_measures_a_real_run(bench: Bench) -> None:
    checks, (run_row, skipped) = split([*sweep.sweep(bench, Deadline(60), targets=(3.0, 10.0))])
    assert abs(run_row["free_mib"] - 3072) <= 16
    assert run_row["need_mib"] <= run_row["room_mib"] < run_row["free_mib"]
    assert run_row["wrong"] == ""
    assert run_row["peak_mib"] > 50  # of this process; the plan's model is another, so the share says nothing
    assert run_row["tokens"] > 150  # the end was suppressed
    assert run_row["again"] == 1
    assert "cannot be brought there" in skipped["skipped"]
    assert [one.held for one in checks if "no out of memory" in one.what] == [True]


def test_what_is_planned_at_each_size_grows_with_it_and_names_what_is_next(bench: Bench) -> None:
    plans = [bench.planned(round(target * 1024)) for target in sweep.TARGETS_GIB]
    assert all(plan.need_mib <= plan.room.mib for plan in plans)
    ranks = [plan.model for plan in plans]
    assert ranks[-1] == "large-v3"
    nearest = sweep.larger(plans[0], 0.5)
    assert nearest is not None
    assert nearest["over_room_mib"] > 0
    assert sweep.larger(plans[-1], 0.9) is None


def test_a_peak_outside_its_bounds_an_error_and_a_cut_run_are_judged_apart(bench: Bench) -> None:
    plan = bench.planned(4096)

    def judge(part: float, how: str = "done", error: str = "") -> list[bool | None]:
        said = {"measured": {"peak_mib": round(plan.need_mib * part)}}
        if error:
            said |= {"error": error, "message": "no room"}
        return [one.held for one in sweep.judged(4.0, plan, Ended(said, how))]

    assert judge(0.9) == [True, True]
    assert judge(1.02) == [True, False]
    assert judge(0.7) == [True, False]
    assert judge(0.7, how="time") == [None, None]
    assert judge(0.9, error="OutOfMemory") == [False, None]
    assert judge(0.9, error="ModelError") == [False, None, None]


def test_stages_are_measured_one_by_one(bench: Bench) -> None:
    checks, (row,) = split([*footprints.footprint(bench, Deadline(60), shapes=(("base", "float16", 4),))])
    assert row["wrong"] == ""
    assert {name for name, stage in row["stages"].items() if "used" in stage} == set(footprints.STAGES)
    assert row["tokens"] >= 440  # as long as the decoder has room for
    assert len(checks) == len(footprints.STAGES)


def test_the_context_section_runs_the_engine_twice(bench: Bench) -> None:
    checks, (bare, first, second) = split([*probing.context(bench, Deadline(60))])
    assert bare == {"bare_context_mib": 0}
    assert first["load_seconds"] > 0 < second["decode_seconds"]
    assert checks == [
        Check("CUDA, kernels and cuBLAS take no more than the formula says", None, "no pool tells")
    ]


def test_precisions_are_compared_by_their_words(bench: Bench) -> None:
    checks, rows = split([*precisions.precisions(bench, Deadline(60), types=("float32",))])
    assert [one.held for one in checks] == [True]
    assert rows[0]["words"] > 20
    assert precisions.held("int8_float16", Ended({"text": "one"}, "done"), full="", alike=0.0) is None
    assert precisions.held("float32", Ended({"text": ""}, "done"), full="", alike=0.0) is False
    assert precisions.likeness("one two three", "one two four") == pytest.approx(2 / 3)
    assert precisions.likeness("one", "") == 0.0


# What hardware will not do on demand: a small card, and no room left in the second batch. Found by the child
# as its sitecustomize; the program it runs, its plans and its engine are the real ones, on this CPU.
SMALL_CARD = """
from dataclasses import replace
import bili2text.planning as planning
import bili2text.transcribe.ct2 as ct2
from bili2text.errors import OutOfMemory
from bili2text.gpu.device import Cards
from bili2text.gpu.known import simulated
from bili2text.plan.values import Machine

CARD = replace(simulated("RTX 4060, 8 GB, 696 MiB free"), driver="570.86")

class Engine(ct2.Ct2Engine):
    batches = 0

    def __init__(self, load, options):
        self.half = load.compute_type == "float16"
        super().__init__(replace(load, device="cpu", compute_type="int8", threads=1), replace(options, beam_size=1))

    def decode(self, windows, *how):
        self.batches += 1
        if self.half and self.batches == 2:
            raise OutOfMemory("the GPU has no room left")
        return super().decode(windows, *how)

ct2.Ct2Engine = Engine
planning.this_machine = lambda wishes, environ: Machine(Cards((CARD,)), 16.0, 2, library="4.8.5")
"""


def test_a_run_whose_card_fills_up_after_its_first_chunk_steps_down_and_goes_on(
    bench: Bench, tmp_path: Path
) -> None:
    patch = tmp_path / "patch"
    patch.mkdir()
    (patch / "sitecustomize.py").write_text(SMALL_CARD, encoding="utf-8")
    environ = {**bench.environ, "PYTHONPATH": os.pathsep.join([str(patch), bench.environ["PYTHONPATH"]])}
    single = replace(bench, environ=environ, adapt=lambda task: replace(task, setting=Setting("auto", 1)))
    checks, (quiet, pressed) = split([*pressing.pressure(single, Deadline(90))])
    assert quiet["wrong"] == pressed["wrong"] == ""
    assert abs(pressed["left_mib"] - pressing.LEFT_MIB) <= 16
    assert quiet["words"] == pressed["words"] > 20
    assert "no room left" in pressed["warnings"][0]
    assert "no room left" in pressed["steps"][0]
    assert os.sep + "model" not in json.dumps(pressed)  # whose disk it is on concerns nobody
    assert [one.held for one in checks] == [True, True, True, True]


def test_pressure_is_judged_by_steps_and_by_what_was_heard() -> None:
    quiet = Ended({"way": "base", "steps": [], "ends_at": 100.0}, "done")
    lesser = Ended({"way": "base", "steps": ["base failed: no room"], "ends_at": 99.0}, "done")
    short = Ended({"way": "base", "steps": ["base failed: no room"], "ends_at": 60.0}, "done")
    failed = Ended({"error": "OutOfMemory", "message": "no room"}, "done")
    assert [one.held for one in pressing.judged(quiet, lesser, grew=True)] == [True, True, True, True]
    assert [one.held for one in pressing.judged(quiet, short, grew=True)][-1] is False
    assert [one.held for one in pressing.judged(quiet, failed, grew=True)] == [True, False]


def test_an_allocators_run_gives_the_memory_back(bench: Bench) -> None:
    quick = replace(bench, adapt=lambda task: replace(bench.adapt(task), longest=False))
    checks, (row,) = split([*allocators.allocators(quick, Deadline(60), runs=allocators.RUNS[1:2])])
    assert row["wrong"] == ""
    assert row["environment"]["PYTORCH_CUDA_ALLOC_CONF"]
    assert row["free_before_mib"] == row["free_after_exit_mib"]
    assert [one.held for one in checks] == [True, True, None, None]


def test_allocators_are_judged_by_peaks_and_pools() -> None:
    def ended(peak: int, reserved: int) -> Ended:
        pool = {"reserved": reserved, "used": 300}
        return Ended({"measured": {"peak_mib": peak}, "pool_after_mib": pool}, "done")

    labels = [label for label, _, _ in allocators.RUNS]
    runs = dict(zip(labels, (ended(900, 320), ended(900, 320), ended(950, 0), ended(900, 800)), strict=True))
    assert [one.held for one in allocators.judged(runs)] == [True, True]
    runs[labels[1]] = ended(700, 320)
    assert [one.held for one in allocators.judged(runs)] == [False, True]


def test_our_picture_of_the_card_is_held_against_nvidia_smi() -> None:
    ours = replace(simulated("RTX 4060, 8 GB, 7 free"), driver="570.86", name="NVIDIA GeForce RTX 4060")
    line = "GPU-simulated, NVIDIA GeForce RTX 4060, 8192, 7160, 570.86, 8.9\n"
    assert all(one.held for one in probing.compared(ours, line) if isinstance(one, Check))
    wrong = [one for one in probing.compared(ours, line.replace("8192", "8188")) if not one.held]  # type: ignore[union-attr]
    assert [one.what for one in wrong] == ["memory.total is as nvidia-smi says"]  # type: ignore[union-attr]
    (missing,) = probing.compared(ours, "Failed to initialize NVML\n")
    assert missing == Check("nvidia-smi lists our card", held=False, figure="Failed to initialize NVML")


def test_a_model_that_is_not_here_is_made_in_its_shape_and_runs(
    bench: Bench, base_folder: Path, shared_cache: Path, tmp_path: Path
) -> None:
    models = Models(Places(shared_cache, None, {}), tmp_path / "models")
    assert models.folder("base") == (base_folder, True)
    folder, real = models.folder("tiny")
    assert not real
    assert read_dims(folder / "model.bin").width == 384
    ended = bench.run("decode_child", bench.task(folder, Setting("float16")), 60)
    assert ended.wrong == ""
    assert ended.said["compute_type"] == "int8_float32"


def test_a_child_that_hangs_aborts_or_refuses_is_an_answer(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "naughty.py").write_text(
        "import json, os, sys, time\n"
        "print('not json')\n"
        "print(json.dumps({'measured': {'peak_mib': 7}}), flush=True)\n"
        "os.abort() if sys.argv[1] == 'abort' else time.sleep(60)\n",
        encoding="utf-8",
    )
    environ = {**bench.environ, "PYTHONPATH": str(tmp_path)}
    hung = children.ask("naughty", "hang", environ, 1.5)
    assert (hung.cut, hung.wrong, hung.said) == (True, "", {"measured": {"peak_mib": 7}})
    assert children.ask("naughty", "abort", environ, 20).wrong.startswith("killed by SIGABRT")
    refused = bench.run("decode_child", bench.task(tmp_path, Setting("float16"), longest=False), 30)
    assert refused.said["error"] == "ModelError"


def test_a_section_that_breaks_or_runs_out_costs_the_others_nothing(bench: Bench, tmp_path: Path) -> None:
    def broken(bench: Bench, deadline: Deadline):
        yield Check("first", True, "1")
        raise RuntimeError("the ballast is gone")

    def slow(bench: Bench, deadline: Deadline):
        yield Row({"run": 1})
        Deadline(0).check()

    sections = {**dict.fromkeys(SECTIONS, probing.probe), "sweep": broken, "footprint": slow}
    found = [*run(bench, ("sweep", "footprint", "probe"), 100, sections)]
    assert [(one.state, len(one.checks), len(one.rows)) for one in found] == [
        ("failed", 1, 0),
        ("out of time", 0, 1),
        ("done", 1, 1),
    ]
    wrong = report.failures(found)
    assert wrong[0] == "sweep: failed: RuntimeError: the ballast is gone"
    assert wrong[1].startswith("footprint: out of time")


def test_a_task_survives_the_command_line() -> None:
    task = Task("/models/a b", "s.wav", Setting("float16", 8, encoder_batch=4), uuid="GPU-1", keep_mib=5)
    assert task_of(task.text()) == task


def results(path: Path, bench: Bench, **kept: object) -> list[Section]:
    sweeping = partial(sweep.sweep, targets=(12.0,))
    sections = [*run(bench, ("sweep",), 60, {"sweep": sweeping})]
    about = {"measured": "2026-01-01", "card": {"name": "simulated", "total_mib": 1, "driver": "1"}, **kept}
    report.write(path, {**about, "versions": {"ctranslate2": "4"}}, {}, sections)
    return sections


def test_the_table_says_what_was_measured_and_what_was_not(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    assert report.gpu_table(path) == "not measured\n"
    results(path, bench)
    text = report.gpu_table(path)
    assert "| 12.0 | the card cannot be brought there: 7892 MiB are free |" in text
    assert "stages one by one: not measured" in text
    assert not report.plot(path, tmp_path / "none.svg")
    found = json.loads(path.read_text(encoding="utf-8"))
    ended = Ended({"measured": {"peak_mib": 2000, "origin": "pool"}, "speed": 3.5}, "done")
    plan = bench.planned(3072)
    found["sections"]["sweep"]["rows"] += [{"weights": "random", **sweep.row(3.0, 3072, plan, ended)}]
    path.write_text(json.dumps(found), encoding="utf-8")
    assert f"{plan.need_mib} | 2000 | {2000 / plan.need_mib:.0%} | 3.5 |" in report.gpu_table(path)
    assert report.plot(path, tmp_path / "sweep.svg")
    assert "planned" in (tmp_path / "sweep.svg").read_text(encoding="utf-8")


def test_a_section_run_alone_keeps_the_others_of_the_same_card_only(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    results(path, bench)
    about = json.loads(path.read_text(encoding="utf-8"))
    assert report.earlier(path, about).keys() == {"sweep"}
    assert report.earlier(path, {**about, "versions": {"ctranslate2": "5"}}) == {}
    path.write_text("{torn", encoding="utf-8")
    assert report.earlier(path, about) == {}


def test_the_command_writes_its_results_and_says_what_did_not_hold(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu_acceptance, "probe", lambda environ: Cards((bench.device,)))
    monkeypatch.setattr(gpu_acceptance, "bench", lambda *given: bench)
    monkeypatch.setattr(probing.shutil, "which", lambda name: None)
    path = tmp_path / "results.json"
    assert gpu_acceptance.main(["--only", "probe", "--json", str(path)]) == 0
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["card"]["name"] == "RTX 4060"
    assert found["sections"]["probe"]["state"] == "done"
    assert bench.device.uuid not in path.read_text(encoding="utf-8")  # whose card it is concerns nobody
    assert gpu_acceptance.main(["--only", "probe", "--json", str(path), "--gpu", "GPU-no"]) == 2
    monkeypatch.setattr(probing.shutil, "which", lambda name: "false")
    assert gpu_acceptance.main(["--only", "probe", "--json", str(path)]) == 1
    assert "nvidia-smi lists our card" in capsys.readouterr().out
