"""The main job from the command line, on the real base model and real speech."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import ctrl_c
import pytest

pytestmark = pytest.mark.usefixtures("base_folder")


def fox(samples: Path) -> str:
    return str(samples / "en" / "quick_brown_fox.wav")


def test_a_file_becomes_a_transcript_and_subtitles(program: Callable, samples: Path, tmp_path: Path) -> None:
    done = program("gpu-transcribe", fox(samples), "-f", "all", "--fresh")
    assert done.returncode == 0, done.stderr
    names = [Path(line).name for line in done.stdout.splitlines()]
    ends = ("txt", "srt", "vtt", "json", "tsv", "lrc", "ass")
    assert names == [f"quick_brown_fox.{end}" for end in ends]
    text = (tmp_path / "quick_brown_fox.txt").read_text(encoding="utf-8")
    assert "quick brown fox jumps over the lazy dog" in text.lower()
    assert (tmp_path / "quick_brown_fox.report.json").is_file()
    found = json.loads((tmp_path / "quick_brown_fox.json").read_text(encoding="utf-8"))
    assert found["language"] == "en"
    assert found["run"]["model"] == "base"
    assert "plan: " in done.stderr


def test_every_way_to_the_same_sound_gives_the_same_text(
    program: Callable, samples: Path, fault_server: object
) -> None:
    link = fault_server.url("page")  # type: ignore[attr-defined]
    clip = samples / "en" / "counting.wav"
    said = {
        "audio": program("audio", str(clip), "-o", "-", "-f", "txt"),
        "gpu": program("gpu-transcribe", str(clip), "-o", "-", "-f", "txt"),
        "link": program("gpu-transcribe", "--url", link, "-o", "-", "-f", "txt"),
        "stdin": program("audio", "-", "-o", "-", "-f", "txt", stdin=clip.read_bytes()),
    }
    assert {name: done.returncode for name, done in said.items()} == dict.fromkeys(said, 0)
    assert len({done.stdout for done in said.values()}) == 1
    assert re.sub(r"\W+", " ", said["audio"].stdout).strip() == "1 2 3 4 5 6 7 8 9 10"


def test_chinese_is_heard_as_chinese_with_the_marks_it_is_to_have(program: Callable, samples: Path) -> None:
    clip = str(samples / "zh" / "nihao_shijie.wav")
    done = program("audio", clip, "-f", "txt", "-o", "-")
    assert "你好" in done.stdout
    assert done.stdout.strip().endswith("。")
    assert "language zh" in done.stderr
    bare = program("audio", clip, "-f", "txt", "-o", "-", "--no-zh-marks")
    assert bare.stdout.strip() == done.stdout.strip().strip("。")


def test_the_second_run_on_a_link_downloads_nothing(program: Callable, fault_server: object) -> None:
    link = fault_server.url("whole")  # type: ignore[attr-defined]
    assert program("audio", link, "-f", "txt").returncode == 0
    before = len(fault_server.asked)  # type: ignore[attr-defined]
    done = program("audio", link, "-f", "txt", "--overwrite")
    assert done.returncode == 0, done.stderr
    assert len(fault_server.asked) == before  # type: ignore[attr-defined]


def test_files_are_never_replaced_unasked_and_nothing_is_decoded_first(
    program: Callable, samples: Path, tmp_path: Path
) -> None:
    (tmp_path / "quick_brown_fox.srt").write_text("mine", encoding="utf-8")
    done = program("audio", fox(samples), "-f", "txt,srt")
    assert done.returncode == 5
    assert "already there" in done.stderr
    assert "--overwrite" in done.stderr
    assert "plan:" not in done.stderr
    assert (tmp_path / "quick_brown_fox.srt").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "quick_brown_fox.txt").exists()
    assert program("audio", fox(samples), "-f", "srt", "--overwrite").returncode == 0
    skipped = program("audio", fox(samples), "-f", "srt", "--skip")
    assert (skipped.returncode, "plan:" in skipped.stderr) == (0, False)


def test_one_bad_source_does_not_cost_the_others(program: Callable, samples: Path, tmp_path: Path) -> None:
    done = program("audio", "missing.mp3", fox(samples), "-f", "txt")
    assert done.returncode == 6
    assert "missing.mp3" in done.stderr
    assert (tmp_path / "quick_brown_fox.txt").exists()


def test_json_is_one_object_for_each_source(program: Callable, samples: Path) -> None:
    done = program("audio", fox(samples), "missing.mp3", "-f", "srt", "--json", "-q")
    good, bad = (json.loads(line) for line in done.stdout.splitlines())
    assert good["files"][0].endswith("quick_brown_fox.srt")
    assert good["model"] == "base"
    assert bad["exit_code"] == 3


def test_progress_for_programs_is_json_lines(program: Callable, samples: Path) -> None:
    done = program("audio", fox(samples), "-f", "txt", "--progress", "json", "--fresh")
    events = [json.loads(line) for line in done.stderr.splitlines()]
    last = next(
        event for event in reversed(events) if event["event"] == "done" and event["stage"] == "transcribe"
    )
    assert last["done"] == pytest.approx(last["total"], abs=0.1)
    assert last["speed"] > 0


def test_words_are_timed_in_order(program: Callable, samples: Path) -> None:
    done = program(
        "audio", fox(samples), "-f", "json", "-o", "-", "--word-timestamps", "True", "--beam_size", "1"
    )
    (segment,) = json.loads(done.stdout)["segments"]
    words = segment["words"]
    assert [word["word"].strip(" .").lower() for word in words][:4] == ["the", "quick", "brown", "fox"]
    assert all(0 <= a["start"] <= a["end"] <= b["end"] for a, b in zip(words, words[1:], strict=False))


@pytest.mark.parametrize(
    "options",
    [
        ("--no-batched",),
        ("--batched", "False", "--condition_on_previous_text", "True"),
        ("--no-vad-filter",),
        ("--vad_filter=False", "--temperature", "0", "--temperature_increment_on_fallback", "None"),
        ("--initial-prompt", "A sentence.", "--hotwords", "fox", "--compute_type", "float32"),
        ("--language", "English", "--best_of", "1", "--patience", "2"),
    ],
)
def test_other_ways_to_decode_hear_the_same_sentence(
    program: Callable, samples: Path, options: tuple[str, ...]
) -> None:
    done = program("audio", fox(samples), "-f", "txt", "-o", "-", *options)
    assert done.returncode == 0, done.stderr
    assert "quick brown fox jumps over the lazy dog" in done.stdout.lower()


def test_a_silent_file_is_an_empty_transcript_and_a_warning(program: Callable, tmp_path: Path) -> None:
    import wave

    with wave.open(str(tmp_path / "quiet.wav"), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(bytes(16000 * 2 * 3))
    done = program("audio", "quiet.wav", "-f", "all")
    assert done.returncode == 0, done.stderr
    assert "no speech was found" in done.stderr
    assert (tmp_path / "quiet.txt").read_text(encoding="utf-8").strip() == ""


def test_a_kill_leaves_no_half_written_result(
    environ: Mapping[str, str], samples: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "cli.main", "audio", fox(samples), "-f", "all", "--fresh"]
    for delay in (0.3, 1.2, 2.0):
        running = subprocess.Popen(command, env=dict(environ), cwd=tmp_path, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        running.kill()
        running.wait()
        found = [path for path in tmp_path.iterdir() if path.name.startswith("quick")]
        assert len(found) in (0, 7, 8)  # none, those that grow with the transcript, and the report
        for path in found:
            path.unlink()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_ends_with_130_and_a_request_to_end_with_143(
    environ: Mapping[str, str], samples: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "cli.main", "audio", fox(samples), "--fresh"]
    for sent, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        running = subprocess.Popen(
            command,
            env=dict(environ),
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=ctrl_c.heard,
        )
        assert running.stderr is not None
        for line in running.stderr:
            if "beam" in line:
                break
        running.send_signal(sent)
        rest = running.stderr.read()
        assert running.wait(timeout=10) == code
        assert "Traceback" not in rest
        assert "stopped" in rest
        assert "bili2text jobs resume" in rest
        assert list(tmp_path.iterdir()) == []


def test_the_optimised_script_runs_by_its_path(
    environ: Mapping[str, str], samples: Path, tmp_path: Path
) -> None:
    script = Path(__file__).parent.parent.parent / "cli" / "gpu_transcribe_optimized.py"
    env = {name: value for name, value in environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, str(script), "--url", fox(samples), "--model", "base", "-f", "json"]
    done = subprocess.run(
        command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    run = json.loads((tmp_path / "quick_brown_fox.json").read_text(encoding="utf-8"))["run"]
    assert run["batch_size"] == 1
    assert run["model"] == "base"
