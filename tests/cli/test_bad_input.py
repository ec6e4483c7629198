"""What a user may do wrong, or a server, or a disk: one line, a way out, the right exit code, nothing half-written."""

from __future__ import annotations

import importlib
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import pytest

from cli.main import _goes_on
from cli.words import spelled_out


def assert_refused(done: subprocess.CompletedProcess[str], code: int, folder: Path, before: set[str]) -> None:
    """What every refusal has in common."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1, done.stderr
    assert "\x1b" not in done.stderr
    assert {path.name for path in folder.iterdir()} == before


LINKS = [
    "missing", "forbidden", "precondition", "toomany", "broken", "loop", "tofile", "html", "htmlaudio", "text",
    "cutnorange", "cutopen", "empty", "hls/missing", "hls/file", "hls/live",
]  # fmt: skip


@pytest.mark.parametrize("mode", LINKS)
def test_a_bad_link_is_refused(program: Callable, fault_server: object, tmp_path: Path, mode: str) -> None:
    done = program("audio", "--url", fault_server.url(mode), "--retries", "1")  # type: ignore[attr-defined]
    assert_refused(done, 3, tmp_path, set())


@pytest.mark.parametrize("link", ["http://127.0.0.1:9/x.mp3", "http://nowhere.invalid/x.mp3"])
def test_a_dead_host_is_refused(program: Callable, tmp_path: Path, link: str) -> None:
    assert_refused(program("audio", link, "--retries", "0"), 3, tmp_path, set())


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("audio",), 2),
        (("audio", "file:///etc/hostname"), 3),
        (("audio", "no-such-file.mp3"), 3),
        (("audio", "ftp://127.0.0.1/x.mp3"), 3),
        (("audio", "talk.wav", "-f", "docx"), 2),
        (("audio", "talk.wav", "-f", "txt,srt", "-o", "-"), 2),
        (("audio", "talk.wav", "--language", "klingon"), 2),
        (("audio", "talk.wav", "--model", "hugest"), 2),
        (("audio", "talk.wav", "--model", "./no-such-folder"), 4),
        (("audio", "talk.wav", "--model", "medium", "--offline"), 4),
        (("audio", "talk.wav", "--model", "tiny.en", "--language", "zh"), 2),
        (("audio", "talk.wav", "--model", "turbo", "--task", "translate"), 2),
        (("gpu-transcribe", "talk.wav", "--compute-type", "float16", "--no-auto-optimize"), 2),
        (("gpu-transcribe", "talk.wav", "--device", "cuda:0", "--device-index", "1"), 2),
        (("gpu-transcribe", "talk.wav", "--device", "cpu", "--gpu", "GPU-8f"), 2),
        (("audio", "talk.wav", "--condition-on-previous-text"), 2),
        (("audio", "talk.wav", "--overwrite", "--skip"), 2),
        (("audio", "talk.wav", "--language", "zh", "--languages", "en,fr"), 2),
        (("audio", "talk.wav", "--language", "zh", "--multilingual"), 2),
        (("gpu-transcribe", "talk.wav", "--no-cpu-fallback"), 4),
        (("gpu-transcribe", "talk.wav", "--device", "tpu"), 2),
        (("models", "path", "medium"), 4),
    ],
)
def test_a_mistake_is_one_line_and_a_way_out(
    program: Callable, samples: Path, tmp_path: Path, base_folder: Path, args: tuple[str, ...], code: int
) -> None:
    shutil.copy(samples / "en" / "hello_world.wav", tmp_path / "talk.wav")
    done = program(*args, env={"CUDA_VISIBLE_DEVICES": ""})
    assert_refused(done, code, tmp_path, {"talk.wav"})
    if code != 2:
        assert len(done.stderr.strip().splitlines()) >= 2


def test_a_precision_no_cpu_has_gives_way_and_says_so(
    program: Callable, samples: Path, tmp_path: Path, base_folder: Path
) -> None:
    talk = str(samples / "en" / "hello_world.wav")
    done = program("audio", talk, "--compute-type", "float16", "--offline", "-f", "txt")
    assert done.returncode == 0, done.stderr
    assert "a CPU does not compute in float16: int8 instead" in done.stderr


@pytest.mark.parametrize(
    "args", [("audio", "x", "--beam-size", "0"), ("audio", "x", "--nonsense"), ("nonsense",)]
)
def test_what_click_refuses_ends_with_2(program: Callable, args: tuple[str, ...]) -> None:
    done = program(*args)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("cli.gpu_transcribe", "--vad-threshold"),
        ("cli.gpu_transcribe", "--vad-max-speech-duration-s"),
        ("cli.gpu_transcribe", "--min-coverage"),
        ("cli.gpu_transcribe", "--repetition-penalty"),
        ("cli.gpu_transcribe", "--patience"),
        ("cli.gpu_transcribe", "--gpu-wait"),
        ("cli.gpu_optimize", "--every"),
    ],
)
@pytest.mark.parametrize("word", ["nan", "NaN", "inf", "-inf"])
def test_what_is_no_finite_number_is_refused(module: str, name: str, word: str) -> None:
    command: click.Command = importlib.import_module(module).command
    option = next(one for one in command.params if name in one.opts)
    with pytest.raises(click.BadParameter):
        option.type.convert(word, option, None)
    assert math.isfinite(option.type.convert("5" if name.endswith("-s") else "0.5", option, None) / 1)


def test_what_the_settings_said_stands_in_the_words_that_are_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command: click.Command = importlib.import_module("cli.audio").command
    file = tmp_path / "settings.toml"
    file.write_text('model = "tiny"\nvad-filter = false\nbeam-size = 2\nloudnorm = false\n', encoding="utf-8")
    monkeypatch.setenv("BILI2TEXT_CONFIG", str(file))
    monkeypatch.setenv("BILI2TEXT_OFFLINE", "true")
    words = ["a.wav", "--beam-size", "3"]
    with command.make_context("audio", list(words)) as context:
        stored = spelled_out(("audio", *words), context)
    assert stored[:2] == ("audio", "--no-settings")
    of_settings = stored[2].removeprefix("--stored=").split(",")
    assert set(of_settings) == {"model", "vad_filter", "offline", "loudnorm"}
    assert set(stored[3:-3]) == {"--model=tiny", "--no-vad-filter", "--offline"}
    assert list(stored[-3:]) == words
    with command.make_context("audio", list(stored[1:])) as again:
        assert {**again.params} == context.params
        assert spelled_out(stored, again) == stored


def test_what_was_stopped_while_it_began_anew_goes_on_without_that() -> None:
    hint = "run the same command again: it goes on where it was"
    assert _goes_on(("audio", "a.wav")) == hint
    assert _goes_on(("audio", "a.wav", "--fresh")) == hint.replace(":", ", without --fresh:")
    assert "--resume" in _goes_on(("workshop", "finetune", "data", "--out", "run"))
    assert _goes_on(("workshop", "prepare", "a.tsv", "--out", "data")) == ""


def test_files_that_are_no_sound(program: Callable, tmp_path: Path) -> None:
    (tmp_path / "empty.mp3").write_bytes(b"")
    (tmp_path / "words.mp3").write_text("these are words, not sound\n" * 50, encoding="utf-8")
    (tmp_path / "list.mp3").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n", encoding="utf-8")
    (tmp_path / "folder.mp3").mkdir()
    names = {path.name for path in tmp_path.iterdir()}
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.mp3")
        names.add("pipe.mp3")
    for name in sorted(names):
        assert_refused(program("audio", name), 3, tmp_path, names)


@pytest.mark.skipif(sys.platform != "linux", reason="a small tmpfs")
def test_a_full_disk_is_one_line_and_exit_5(
    program: Callable, samples: Path, tmp_path: Path, base_folder: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], check=False
    ).returncode:
        pytest.skip("may not mount")
    try:
        (small / "ballast").write_bytes(bytes(60 * 1024))
        done = program("audio", str(samples / "en" / "counting.wav"), "-o", str(small), "-f", "all")
        assert done.returncode == 5, done.stderr
        assert "Traceback" not in done.stderr
        assert "full" in done.stderr
        assert [path.name for path in small.iterdir()] == ["ballast"]
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_folder_that_refuses_us_is_said_before_the_work(
    program: Callable, samples: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("a file, not a folder", encoding="utf-8")
    done = program("audio", str(samples / "en" / "hello_world.wav"), "-o", "file/below")
    assert_refused(done, 5, tmp_path, {"file"})
    assert "plan:" not in done.stderr


def test_a_terminal_that_cannot_show_chinese_is_no_reason_to_fail(
    program: Callable, samples: Path, tmp_path: Path, base_folder: Path, environ: Mapping[str, str]
) -> None:
    shutil.copy(samples / "zh" / "nihao_shijie.wav", tmp_path / "你好😀.wav")
    for encoding in ("ascii", "gbk"):
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", "audio", "你好😀.wav", "-f", "txt", "--overwrite"],
            env={**environ, "PYTHONIOENCODING": encoding},
            cwd=tmp_path,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "你好😀.txt").exists()
