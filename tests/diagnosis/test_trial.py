"""A precision is tried in a child that may do anything: real children, and a real model that computes NaN."""

from __future__ import annotations

import json
import os
import shutil
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from bili2text.diagnosis import trial
from bili2text.diagnosis.lessons import to_remember
from bili2text.diagnosis.trial_child import sound
from bili2text.diagnosis.values import Trial
from bili2text.gpu.allocator import CT2_BINS, SMALL_BINS
from bili2text.gpu.known import simulated


def tried(folder: Path, compute_type: str) -> Trial:
    arguments = trial.command(folder, None, compute_type, threads=1)
    return trial.run(compute_type, arguments, trial.environment(os.environ, None))


def child(program: str, limit: float = 20.0) -> Trial:
    return trial.run("float16", [sys.executable, "-c", program], os.environ, limit)


def test_a_cpu_computes_in_int8_and_says_how_fast_and_with_how_much_memory(tiny_en_folder: Path) -> None:
    found = tried(tiny_en_folder, "int8")
    assert (found.outcome, found.why) == ("works", "")
    assert found.speed is not None
    assert found.speed > 0
    if sys.platform == "linux":
        assert found.peak_mib is not None
        assert found.peak_mib > 100


def test_a_cpu_refuses_float16(tiny_en_folder: Path) -> None:
    found = tried(tiny_en_folder, "float16")
    assert found.outcome == "refused"
    assert "float16" in found.why


def test_a_model_that_computes_nan_is_nonsense(tiny_en_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "nan"
    shutil.copytree(tiny_en_folder, folder)
    spoil(folder / "model.bin", b"decoder/layer_norm/beta\0")
    found = tried(folder, "int8")
    assert found.outcome == "nonsense"
    assert "NaN" in found.why or "!" in found.why


def test_a_folder_without_a_model_fails_for_another_reason_than_the_precision(tmp_path: Path) -> None:
    assert tried(tmp_path, "int8").outcome == "failed"


@pytest.mark.parametrize(
    ("program", "outcome", "why"),
    [
        ("import os; os.abort()", "aborted", "SIGABRT"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "aborted", "SIGSEGV"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "no room", "SIGKILL"),
        ("print('Loading ... done')", "failed", "no sense"),
        ("print('[1, 2]')", "failed", "no sense"),
        ("print('{\"outcome\": \"ruled out\"}')", "failed", "no sense"),
        ("", "failed", "no sense"),
        ("raise RuntimeError('the card\\x1b[31m is gone')", "failed", "the card[31m is gone"),
        ("print('{\"outcome\": \"works\", \"speed\": NaN, \"peak_mib\": 1}')", "nonsense", "nan"),
        ("print('{\"outcome\": \"works\", \"speed\": \"fast\"}')", "nonsense", "fast"),
        ("print('{\"outcome\": \"no room\", \"why\": \"the GPU has no room left\"}')", "no room", "no room left"),
    ],
)  # fmt: skip
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_whatever_a_child_does_is_a_value(program: str, outcome: str, why: str) -> None:
    found = child(program)
    assert found.outcome == outcome
    assert why in found.why
    assert found.speed is None


def test_a_child_that_hangs_is_killed_when_its_time_is_over(tmp_path: Path) -> None:
    alive = tmp_path / "pid"
    program = f"import os, time; open({str(alive)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    found = child(program, limit=2.0)
    assert found.outcome == "no answer"
    assert "2 s" in found.why
    with pytest.raises(ProcessLookupError):
        os.kill(int(alive.read_text()), 0)


def test_what_was_measured_counts_though_the_child_crashes_at_its_end() -> None:
    answer = json.dumps({"outcome": "works", "speed": 30.0, "peak_mib": 612})
    found = child(f"import os, sys; print('noise'); print('{answer}'); sys.stdout.flush(); os.abort()")
    assert (found.outcome, found.speed, found.peak_mib) == ("works", 30.0, 612)
    assert "killed by SIGABRT" in found.why


def test_a_program_that_cannot_be_started_is_a_value(tmp_path: Path) -> None:
    found = trial.run("float16", [str(tmp_path / "missing")], os.environ)
    assert found.outcome == "failed"


def test_a_crash_is_the_precisions_fault_only_where_another_precision_works() -> None:
    crash, hang = Trial("float16", "aborted", "SIGSEGV"), Trial("bfloat16", "no answer")
    refused, full = Trial("int8_float16", "refused"), Trial("float32", "no room")
    assert to_remember([crash, hang, refused, full]) == (refused,)
    works = Trial("int8_float32", "works", speed=1.0)
    assert to_remember([crash, hang, full, works]) == (crash, hang)


def test_a_card_is_not_given_what_it_is_known_to_compute_wrongly() -> None:
    ladder = dict(trial.ladder(simulated("GTX 1660 Ti"), "4.8.5"))
    assert [name for name, why in ladder.items() if not why] == ["int8_float32", "float32"]
    assert "tensor cores" in ladder["float16"]
    assert not any(dict(trial.ladder(simulated("RTX 4060"), "4.8.5")).values())


def test_a_child_sees_its_card_alone_and_has_the_allocator_of_a_run() -> None:
    card = simulated("RTX 4060")
    surroundings = trial.environment({"PATH": "/bin", "CUDA_VISIBLE_DEVICES": "1,0"}, card)
    assert surroundings["CUDA_VISIBLE_DEVICES"] == card.uuid
    small = trial.environment({}, simulated("GTX 1650"))
    assert small.get(CT2_BINS) == (None if sys.platform == "darwin" else str(SMALL_BINS))
    assert trial.command(Path("model"), card, "float16", 4)[3:6] == ("cuda", "0", card.uuid)


def test_the_sound_is_the_same_every_time_and_no_silence() -> None:
    first = sound(1.0)
    assert len(first) == 16000
    assert np.array_equal(first, sound(1.0))
    assert 0.2 < float(np.abs(first).max()) <= 1.0


def spoil(model_bin: Path, name: bytes) -> None:
    """Put NaN into one array of a model.bin: after its name come dimensions, type, length and numbers."""
    content = bytearray(model_bin.read_bytes())
    at = content.index(name) + len(name)
    at += 1 + 4 * content[at]
    kind, length = content[at], struct.unpack_from("<I", content, at + 1)[0]
    number = np.array([np.nan], np.float16 if kind == 4 else np.float32).tobytes()
    content[at + 5 : at + 5 + length] = number * (length // len(number))
    model_bin.write_bytes(content)
