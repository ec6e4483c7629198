"""scripts/benchmark: what a run takes, what is said of one that fails, and the weights in other formats."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if os.name != "posix":
    pytest.skip("the time of a process and its children is asked the POSIX way", allow_module_level=True)

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from benchmarking import report, trial, venvs, weights  # noqa: E402 - found by the line above
from benchmarking.measure import measure  # noqa: E402
from benchmarking.programs import PROGRAMS  # noqa: E402
from benchmarking.recordings import repeated, sounds  # noqa: E402
from benchmarking.values import OURS, CannotRunError, Program, Ready, Run  # noqa: E402

TREE = """
import subprocess, sys, time
print("loading", flush=True)
subprocess.run([sys.executable, "-c", '''
import time
held, began = bytearray(200 << 20), time.process_time()
while time.process_time() - began < 0.5: pass
'''])
print("segment: hello", flush=True)
"""


def run_of(program: str, round_: int, user: float, **changes: Any) -> Run:
    plain = Run(program, "en", 60.0, round_, 2 * user, user, 0.0, 100.0, 1.0, 5, 100, 0, 0.0, 1.0)
    return replace(plain, **changes)


def test_time_and_memory_are_those_of_the_children_too(tmp_path: Path) -> None:
    taken = measure([sys.executable, "-c", TREE], os.environ, tmp_path, "^segment: ", 60)
    assert taken.code == 0
    assert taken.cpu >= 0.5
    assert taken.rss > 200
    assert taken.first is not None
    assert 0 < taken.first <= taken.wall
    assert taken.lines == ("loading", "segment: hello")


def test_what_takes_too_long_is_killed_with_its_children_and_says_so(tmp_path: Path) -> None:
    sleeper = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    program = Program("sleeper", (), "ctranslate2", ("{python}", "-c", sleeper), language=())
    bench = trial.Bench(tmp_path, tmp_path, 1, limit=1.0)
    wanted = sounds(clip_folder(tmp_path))[0]
    run = trial.tried(Ready(program, Path(sys.executable), tmp_path, {}), wanted, bench, 1)
    assert run.why == "took longer than 1 s"
    assert run.wall < 30


def test_a_peer_that_cannot_be_installed_or_breaks_is_a_reason_and_no_abort(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import benchmark

    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_CONFIG_FILE"):
        monkeypatch.setenv(name, os.devnull if name.endswith("FILE") else "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    sound = sounds(clip_folder(tmp_path))[0]
    bench = trial.Bench(tmp_path / "home", tmp_path, 1, limit=60.0)
    unknown = Program("unknown", ("no-such-program",), "ctranslate2", ("{python}",))
    broken = Program("broken", (), "ctranslate2", ("{python}", "-c", "raise ValueError('no model')"))
    absent = Program("absent", (), "ctranslate2", ("{bin}/nothing-of-this-name",))
    ready, skipped = benchmark._prepared([unknown, broken, absent], bench, sound)
    assert ready == []
    assert skipped["unknown"].startswith("cannot install: ERROR: No matching distribution")
    assert skipped["broken"] == "exit code 1: ValueError: no model"
    assert "nothing-of-this-name" in skipped["absent"]


def test_a_place_where_no_venv_can_be_made_is_a_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(CannotRunError, match="cannot install"):
        venvs.make(("anything",), tmp_path / "file")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "nowhere is no folder"),
        (["."], "with its text beside it"),
        ([".", "--only", "whisperz"], "no program is called whisperz"),
        ([".", "--rounds", "1", "--minutes", "ten"], "--minutes takes numbers"),
        ([".", "--rounds", "0"], "are numbers above 0"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path: Path, words: list[str], said: str) -> None:
    if "--only" in words or "--rounds" in words:
        clip_folder(tmp_path)
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "benchmark.py"), *words],
        cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]


def test_this_program_is_measured_from_its_start_to_its_text(tmp_path: Path, base_folder: Path) -> None:
    pytest.importorskip("rapidfuzz")  # of the extra `bench`
    sound = sounds(clip_folder(tmp_path))[0]
    bench = trial.Bench(tmp_path / "home", base_folder, 2, limit=120.0)
    ready = Ready(PROGRAMS[0], Path(sys.executable), base_folder, {})
    run = trial.tried(ready, sound, bench, 1)
    assert run.why == ""
    assert run.cpu > 0.5
    assert run.rss > 100
    assert run.first is not None
    assert run.units is not None
    assert run.errors is not None
    assert run.errors < run.units


def test_a_recording_is_repeated_to_the_second(tmp_path: Path) -> None:
    sound = sounds(clip_folder(tmp_path))[0]
    longer = repeated(sound, 20.5, tmp_path / "longer.wav")
    assert longer.text == ""
    again = sounds_of(longer.path)
    assert len(again) == 20.5 * 16000
    count = round(sound.seconds * 16000)
    assert np.array_equal(again[:count], again[count : 2 * count])


def test_the_weights_are_the_same_under_other_names(tmp_path: Path, base_folder: Path) -> None:
    variables = weights.read(base_folder / "model.bin")
    renamed = weights.openai_names(variables)
    joined = variables["decoder/layer_0/self_attention/linear_0/weight"]
    parts = [renamed[f"decoder.blocks.0.attn.{name}.weight"] for name in ("query", "key", "value")]
    assert np.array_equal(np.concatenate(parts), joined)
    assert not any(name.endswith("key.bias") for name in renamed)
    assert not any(np.any(np.split(variables[name], parts)[at])
                   for name, parts, at in (("encoder/layer_0/self_attention/linear_0/bias", 3, 1),
                                           ("decoder/layer_0/attention/linear_1/bias", 2, 0)))  # fmt: skip
    keys = sum(name.count("key.weight") for name in renamed)
    assert sum(array.size for array in renamed.values()) + keys * 512 == sum(
        v.size for v in variables.values()
    )


def test_the_file_for_whisper_cpp_holds_every_tensor_whole(tmp_path: Path, base_folder: Path) -> None:
    weights.write_ggml(base_folder, tmp_path / "base.bin")
    data, expected = (
        (tmp_path / "base.bin").read_bytes(),
        weights.openai_names(weights.read(base_folder / "model.bin")),
    )
    magic, vocabulary, *_ = struct.unpack_from("<12i", data)
    assert (magic, vocabulary) == (0x67676D6C, 51865)
    mels, bins = struct.unpack_from("<2i", data, 48)
    at = 56 + 4 * mels * bins
    (count,), at = struct.unpack_from("<i", data, at), at + 4
    words = []
    for _ in range(count):
        (size,), at = struct.unpack_from("<i", data, at), at + 4
        words.append(data[at : at + size])
        at += size
    assert words[:3] == [b"!", b'"', b"#"]
    assert b" world" in words
    seen = set()
    while at < len(data):
        rank, size, half = struct.unpack_from("<3i", data, at)
        shape = struct.unpack_from(f"<{rank}i", data, at + 12)[::-1]
        name = data[at + 12 + 4 * rank : at + 12 + 4 * rank + size].decode()
        at += 12 + 4 * rank + size
        numbers = np.frombuffer(data, np.float16 if half else np.float32, int(np.prod(shape)), at)
        assert np.array_equal(numbers, expected[name].reshape(-1))
        at += numbers.nbytes
        seen.add(name)
    assert seen == set(expected)


def test_ratios_pair_the_runs_of_one_round_and_leave_out_what_failed() -> None:
    runs = [
        run_of(OURS, 1, 5.0), run_of("peer", 1, 10.0), run_of(OURS, 2, 6.0), run_of("peer", 2, 10.0),
        run_of(OURS, 3, 5.0), run_of("other", 1, 8.0), run_of("peer", 3, 0.1, why="exit code 1: killed"), run_of("peer", 4, 1.0),
    ]  # fmt: skip
    assert report.shares(runs, "peer", lambda run: run.cpu) == (0.5, 0.6)


def test_a_slow_program_takes_part_in_fewer_rounds(tmp_path: Path) -> None:
    said = Program(
        "quick", (), "ctranslate2", ("{python}", "-c", "print('segment: hello')"), language=(), text="lines"
    )
    quick = Ready(replace(said, prints="^segment: "), Path(sys.executable), tmp_path, {})
    slow = replace(quick, program=replace(quick.program, name="slow", slow=True))
    bench = trial.Bench(tmp_path, tmp_path, 1, limit=60.0)
    runs = trial.rounds([quick, slow], sounds(clip_folder(tmp_path)), bench, 3, 1)
    assert [(run.round, run.program) for run in runs] == [
        (1, "quick"),
        (1, "slow"),
        (2, "quick"),
        (3, "quick"),
    ]


def test_the_table_names_what_failed_and_what_was_never_run() -> None:
    runs = [
        run_of(OURS, 1, 5.0),
        run_of("peer", 1, 10.0),
        run_of("bad", 1, 0.1, errors=None, why="exit code 9: a|b"),
    ]
    found = {
        "measured": "2026-01-01", "processor": "a processor", "cores": 2, "threads": 2, "model": "base",
        "language": "told", "sounds": [{"name": "en", "seconds": 60.0, "language": "en"}],
        "versions": {OURS: {"numpy": "2"}}, "skipped": {"absent": "cannot install: no wheel"}, "wanted": 4,
        "runs": [asdict(run) for run in runs],
    }  # fmt: skip
    table = report.rounds_table(found)
    assert "interrupted after 3 of 4 runs" in table
    assert "| peer | 10.0 | 0.50 | 20.0 | 0.50 | 100 | 1.0 | 5.0 % |" in table
    assert "| bad: exit code 9: a/b | – |" in table
    assert "- absent did not run: cannot install: no wheel" in table
    more = {**found, "runs": [asdict(run) for run in (*runs, run_of(OURS, 2, 6.0))]}
    assert "| peer (1 of 2 rounds) | 10.0 | 0.50 |" in report.rounds_table(more)
    grown = report.growth_table(
        {**found, "runs": [asdict(run_of(OURS, 1, 5.0)), asdict(run_of(OURS, 1, 50.0, seconds=600.0))]}
    )
    assert "| bili2text | 300 | 600 | 100 | 300 | 600 | 100 |" in grown


def test_the_picture_is_the_same_file_for_the_same_runs(tmp_path: Path) -> None:
    from benchmarking.picture import draw

    found = {
        "sounds": [{"name": "en"}],
        "runs": [asdict(run_of(OURS, 1, 5.0)), asdict(run_of("peer", 1, 9.0))],
    }
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        draw(found, tmp_path / name / "picture.svg")
    assert (tmp_path / "a" / "picture.svg").read_bytes() == (tmp_path / "b" / "picture.svg").read_bytes()


def clip_folder(place: Path) -> Path:
    """A folder with one real English clip and its text."""
    import importlib.util

    package = importlib.util.find_spec("pytest_audioeval")
    assert package is not None
    assert package.submodule_search_locations
    clip = sorted(Path(package.submodule_search_locations[0], "samples", "audio", "en").glob("*.wav"))[0]
    folder = place / "en"
    folder.mkdir()
    for path in (clip, clip.with_suffix(".txt")):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def sounds_of(path: Path) -> Any:
    from sounds import samples_of

    return samples_of(path)
