"""`batch`, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ctrl_c
import pytest
from words_model import running


@pytest.fixture
def batch(program: Callable, tiny_en_folder: Path, tmp_path: Path) -> Callable:
    """Return a function that runs `batch` with the smallest model and a cache of the test's own."""

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        model = (
            () if args[0] in ("status", "retry", "list") else ("-m", str(tiny_en_folder), "--device", "cpu")
        )
        done: subprocess.CompletedProcess[str] = program(
            "batch", *args, *model, env={"BILI2TEXT_CACHE_DIR": str(tmp_path / "cache"), "COLUMNS": "120"}
        )
        return done

    return run


def test_a_list_its_table_its_status_and_what_is_tried_again(
    batch: Callable, fault_server: Any, samples: Path, tmp_path: Path
) -> None:
    clip = tmp_path / "你好，世界.wav"
    clip.write_bytes((samples / "en" / "hello_world.wav").read_bytes())
    args = (fault_server.url("pages"), "你好，世界.wav", "late.wav", "-f", "txt", "--again", "0")
    done = batch(*args)
    assert done.returncode == 1, done.stderr
    assert sorted(done.stdout.splitlines())[-1] == "你好，世界.txt"
    assert len(done.stdout.splitlines()) == 3
    assert "5 in all: 3 done, 2 failed" in done.stderr
    assert "Traceback" not in done.stderr

    again = batch(*args)
    assert (again.returncode, again.stdout) == (1, "")

    status = batch("status")
    assert status.returncode == 0
    assert "你好，世界" in status.stdout
    assert "no such file" in status.stdout
    found = [json.loads(line) for line in batch("status", "--json").stdout.splitlines()]
    assert [one["state"] for one in found] == ["done", "failed", "done", "done", "failed"]
    assert batch("list").stdout.endswith("5 in all: 3 done, 2 failed\n")

    clip.rename(tmp_path / "late.wav")
    retried = batch("retry")
    assert retried.returncode == 1, retried.stderr
    assert retried.stdout == "late.txt\n"
    assert "5 in all: 4 done, 1 failed" in retried.stderr


def test_json_says_what_became_of_each_and_of_all(batch: Callable, fault_server: Any) -> None:
    done = batch(
        fault_server.url("whole"), fault_server.url("missing"), "--json", "-f", "txt", "--name", "mine"
    )
    first, second, total = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 1
    assert (first["state"], len(first["files"])) == ("done", 1)
    assert (second["state"], second["exit_code"], second["why"][:9]) == ("failed", 3, "not found")
    assert total == {"list": "mine", "counts": {"done": 1, "failed": 1}}


def test_other_options_under_one_name_look_at_all_of_it_again(
    batch: Callable, samples: Path, tmp_path: Path
) -> None:
    clip = str(samples / "en" / "hello_world.wav")
    assert batch(clip, "--name", "mine", "-f", "txt").returncode == 0
    done = batch("--name", "mine", "-f", "srt")
    assert done.returncode == 0, done.stderr
    assert "made with other options" in done.stderr
    assert done.stdout == "hello_world.srt\n"
    assert (tmp_path / "hello_world.txt").is_file()


def test_an_interrupt_while_it_downloads_ends_it_and_the_same_command_goes_on(
    batch: Callable, fault_server: Any, environ: Mapping[str, str], tiny_en_folder: Path, tmp_path: Path
) -> None:
    fault_server.slow = 2_000  # bytes a second: it cannot end before it is interrupted
    args = (fault_server.url("slow"), "-f", "txt", "--name", "mine")
    env = {**environ, "BILI2TEXT_CACHE_DIR": str(tmp_path / "cache")}
    words = [sys.executable, "-m", "cli.main", "batch", *args, "-m", str(tiny_en_folder), "--device", "cpu"]
    begun = subprocess.Popen(
        words,
        env=env,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=ctrl_c.heard,
    )
    end = time.monotonic() + 60
    while not fault_server.count("slow") and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(1)
    os.kill(begun.pid, signal.SIGINT)
    _, said = begun.communicate(timeout=30)
    assert begun.returncode == 130, said.decode()
    assert b"goes on where it was" in said
    assert json.loads(batch("status", "mine", "--json").stdout)["state"] == "waiting"
    fault_server.slow = 10_000_000
    assert batch(*args).returncode == 0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("-f", "txt"), "no source was given"),
        (("-", "x.wav"), "cannot hold standard input"),
        (("x.wav", "-o", "-"), "no place on standard output"),
        (("x.wav", "--parts", "1", "-I", "2"), "say the same"),
        (("x.wav", "--parts", "some"), "not a choice of items"),
        (("--name", "nowhere"), "no list is called"),
        (("x.wav", "--name", "../x"), "no name for a list"),
        (("status", "nowhere"), "no list is called"),
        (("status",), "there is no list yet"),
        (("retry", "nowhere"), "no list is called"),
    ],
)
def test_what_cannot_be_meant_is_said_at_once(args: tuple[str, ...], said: str, batch: Callable) -> None:
    done = batch(*args)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr


def test_help_is_that_of_the_list_itself(batch: Callable) -> None:
    done = batch("--help")
    assert "batch [OPTIONS] [SOURCE]..." in done.stdout
    assert "--max-downloads" in done.stdout
    assert "batch status [NAME]" in done.stdout


def test_all_is_transcribed_first_and_then_translated(batch: Callable, samples: Path, tmp_path: Path) -> None:
    clips = [str(samples / "en" / f"{name}.wav") for name in ("hello_world", "counting")]
    with running() as address:
        args = ("--translate", "zh", "--api-base", f"{address}/v1", "-f", "srt", "--language", "en")
        done = batch(*clips, *args)
        assert done.returncode == 0, done.stderr
        names = [Path(line).name for line in done.stdout.splitlines()]
        assert names == ["hello_world.srt", "counting.srt", "hello_world.zh.srt", "counting.zh.srt"]
        assert "2 in all: 2 done" in done.stderr
        (tmp_path / "counting.zh.srt").unlink()
        again = batch(*clips, *args, "--fresh", "--skip")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "counting.zh.srt").is_file()
