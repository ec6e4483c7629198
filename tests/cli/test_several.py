"""Several recordings in one run: none lost, none mixed up, and the end says what happened."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("base_folder")


def test_two_recordings_of_one_name_get_two_results(program: Callable, samples: Path, tmp_path: Path) -> None:
    for folder, name in (("a", "quick_brown_fox"), ("b", "counting")):
        (tmp_path / folder).mkdir()
        shutil.copy(samples / "en" / f"{name}.wav", tmp_path / folder / "talk.wav")
    done = program("audio", "a/talk.wav", "b/talk.wav", "-f", "txt", "-o", "out", "--skip")
    assert done.returncode == 0, done.stderr
    texts = [(tmp_path / line).read_text(encoding="utf-8").lower() for line in done.stdout.splitlines()]
    assert len(texts) == 2
    assert "fox" in texts[0]
    assert "fox" not in texts[1]


def test_two_links_with_one_title_get_two_results(program: Callable, fault_server: object) -> None:
    whole = fault_server.url("whole")  # type: ignore[attr-defined]
    other = fault_server.url("norange")  # type: ignore[attr-defined]
    done = program("audio", whole, other, "-f", "txt")
    assert done.returncode == 0, done.stderr
    assert len(set(done.stdout.splitlines())) == 2


def test_the_first_failure_of_many_is_told_too(program: Callable, samples: Path) -> None:
    done = program("audio", "first.wav", str(samples / "en" / "hello_world.wav"), "last.wav", "-f", "txt")
    assert done.returncode == 6
    assert "first.wav" in done.stderr
    assert "last.wav" in done.stderr
    assert "2 of 3" in done.stderr


def test_when_all_fail_the_code_is_theirs(program: Callable) -> None:
    assert program("audio", "first.wav", "last.wav").returncode == 3


def test_an_overlong_text_does_not_cost_the_others(program: Callable, samples: Path) -> None:
    done = program("audio", "长" * 300, str(samples / "en" / "hello_world.wav"), "-f", "txt")
    assert done.returncode == 6
    assert done.stdout.strip().endswith("hello_world.txt")


def test_a_file_of_sources(program: Callable, samples: Path, tmp_path: Path) -> None:
    listed = f"# mine\n{samples / 'en' / 'hello_world.wav'}\n\n; another\n"
    (tmp_path / "list.txt").write_text(listed, encoding="utf-8")
    done = program("audio", "-a", "list.txt", "-f", "txt")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["hello_world.txt"]


@pytest.mark.parametrize(
    ("args", "code"),
    [(("-o", "-", "-f", "txt", "--json"), 2), (("again.wav", "-o", "-", "-f", "srt"), 2)],
)
def test_one_stream_holds_one_kind_of_result(program: Callable, args: tuple[str, ...], code: int) -> None:
    assert program("audio", "x.wav", *args).returncode == code


def test_standard_output_is_utf8_whatever_the_locale(program: Callable, samples: Path) -> None:
    clip = str(samples / "zh" / "nihao_shijie.wav")
    done = program("audio", clip, "-f", "txt", "-o", "-", env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    assert "你好" in done.stdout


def test_a_flag_takes_true_and_false_whatever_it_is(program: Callable, samples: Path, tmp_path: Path) -> None:
    (tmp_path / "hello_world.txt").write_text("mine", encoding="utf-8")
    clip = str(samples / "en" / "hello_world.wav")
    assert program("audio", clip, "-f", "txt", "--overwrite", "False").returncode == 5
    assert (
        program("audio", clip, "-f", "txt", "--overwrite", "True", "--no_vad_filter", "False").returncode == 0
    )


def test_filters_end_with_the_run_even_when_it_fails(
    program: Callable, samples: Path, tmp_path: Path
) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("no ffmpeg program here")
    clip = str(samples / "en" / "counting.wav")
    good = program("audio", clip, "-f", "json", "-o", "-", "--denoise", "--loudnorm")
    assert good.returncode == 0, good.stderr
    assert json.loads(good.stdout)["segments"]
    (tmp_path / "not-a-model").mkdir()
    assert program("audio", clip, "--denoise", "-m", "./not-a-model").returncode == 4


def test_a_recording_cut_short_is_written_and_called_incomplete(
    program: Callable, samples: Path, tmp_path: Path
) -> None:
    whole = (samples / "en" / "counting.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 2])
    done = program("audio", "cut.wav", "-f", "txt")
    assert done.returncode == 6, done.stderr
    assert "missing" in done.stderr
    assert (tmp_path / "cut.txt").read_text(encoding="utf-8").strip()
    for again in ((), ("--skip",)):  # nothing is written, and it is no more complete than it was
        done = program("audio", "cut.wav", "-f", "txt", *again)
        assert done.returncode == 6, done.stderr
        assert "left as it is" in done.stderr
