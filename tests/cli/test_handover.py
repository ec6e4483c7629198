"""From sound to translation in one command: real speech, the real base model, a real server in Qwen's place."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from words_model import running

pytestmark = pytest.mark.usefixtures("base_folder")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def chinese() -> Iterator[str]:
    with running() as address:
        yield f"{address}/zh/v1"


def times(text: str) -> list[str]:
    return [line for line in text.splitlines() if "-->" in line]


def test_one_command_gives_a_transcript_and_its_translation_on_the_same_cues(
    program: Run, chinese: str, samples: Path, tmp_path: Path
) -> None:
    clip = samples / "en" / "quick_brown_fox.wav"
    done = program("audio", str(clip), "-f", "srt,json", "--translate", "zh", "--api-base", chinese)
    assert done.returncode == 0, done.stderr
    names = [Path(line).name for line in done.stdout.splitlines()]
    ends = ("srt", "json", "zh.srt", "zh.json")
    assert names == [f"quick_brown_fox.{end}" for end in ends]
    here, there = (
        (tmp_path / f"quick_brown_fox.{end}").read_text(encoding="utf-8") for end in ("srt", "zh.srt")
    )
    assert times(here) == times(there)
    found = json.loads((tmp_path / "quick_brown_fox.zh.json").read_text(encoding="utf-8"))
    assert (found["source_language"], found["target_language"]) == ("en", "zh")
    assert all(line["target"] for line in found["lines"])


def test_all_is_transcribed_before_anything_is_translated_and_a_bad_source_stops_nothing(
    program: Run, chinese: str, samples: Path, tmp_path: Path
) -> None:
    for name in ("quick_brown_fox", "counting"):
        shutil.copy(samples / "en" / f"{name}.wav", tmp_path)
    words = ("quick_brown_fox.wav", "gone.wav", "counting.wav", "-f", "srt", "-l", "en")
    done = program("audio", *words, "--translate", "zh", "--api-base", chinese)
    assert done.returncode == 6, done.stderr
    assert done.stdout.split() == [
        "quick_brown_fox.srt", "counting.srt", "quick_brown_fox.zh.srt", "counting.zh.srt",
    ]  # fmt: skip
    assert "gone.wav" in done.stderr


def test_what_is_in_the_target_language_already_is_left_alone(
    program: Run, chinese: str, samples: Path, tmp_path: Path
) -> None:
    clip = samples / "en" / "quick_brown_fox.wav"
    done = program("audio", str(clip), "-f", "srt", "--translate", "en", "--api-base", chinese)
    assert (done.returncode, done.stdout) == (0, "quick_brown_fox.srt\n"), done.stderr
    assert "not translated" in done.stderr


def test_standard_output_gets_the_translation_alone(program: Run, chinese: str, samples: Path) -> None:
    clip = samples / "en" / "quick_brown_fox.wav"
    done = program("audio", str(clip), "-f", "txt", "-o", "-", "--translate", "zh", "--api-base", chinese)
    assert done.returncode == 0, done.stderr
    assert "fox" not in done.stdout
    assert done.stdout.strip().endswith("。")


def test_with_skip_a_transcript_that_is_there_is_translated_from_its_file(
    program: Run, chinese: str, samples: Path, tmp_path: Path
) -> None:
    clip = str(samples / "en" / "quick_brown_fox.wav")
    first = program("audio", clip, "-f", "srt", "-l", "en")
    assert first.returncode == 0, first.stderr
    done = program(
        "audio", clip, "-f", "srt", "-l", "en", "--skip", "--translate", "zh", "--api-base", chinese
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "quick_brown_fox.zh.srt").is_file()


def test_without_a_translator_nothing_is_transcribed_in_vain(
    program: Run, samples: Path, tmp_path: Path
) -> None:
    (tmp_path / "none").mkdir()
    clip = str(samples / "en" / "quick_brown_fox.wav")
    done = program("audio", clip, "--translate", "zh", "--translate-models-dir", "none")
    assert done.returncode == 4, done.stderr
    assert "hf download" in done.stderr
    assert not list(tmp_path.glob("*.srt"))


def test_a_run_killed_while_it_translates_goes_on_there(
    environ: Mapping[str, str], chinese: str, samples: Path, tmp_path: Path
) -> None:
    words = [
        sys.executable,
        "-m",
        "cli.main",
        "audio",
        str(samples / "en" / "quick_brown_fox.wav"),
        "-f",
        "srt",
    ]
    words += ["--translate", "zh", "--api-base", chinese, "-l", "en"]
    child = subprocess.Popen(
        words, cwd=tmp_path, env={**environ}, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    for line in child.stderr:
        if "->" in line:
            os.kill(child.pid, signal.SIGKILL)
            break
    child.communicate()
    again = subprocess.run(
        words, cwd=tmp_path, env={**environ}, capture_output=True, check=False, encoding="utf-8"
    )
    assert again.returncode == 0, again.stderr
    assert "left as it is" in again.stderr
    assert (tmp_path / "quick_brown_fox.zh.srt").is_file()


def test_chinese_that_was_spoken_is_written_in_the_other_script_without_a_translator(
    program: Run, samples: Path, tmp_path: Path
) -> None:
    (tmp_path / "none").mkdir()
    clip = str(samples / "zh" / "pangrama.wav")
    words = ("audio", clip, "-f", "srt", "-l", "zh", "--translate-models-dir", "none")
    done = program(*words, "--translate", "zh-Hant")
    assert done.returncode == 0, done.stderr
    here, there = (
        (tmp_path / f"pangrama.{end}").read_text(encoding="utf-8") for end in ("srt", "zh-Hant.srt")
    )
    assert times(here) == times(there)
    assert here != there
