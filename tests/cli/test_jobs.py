"""The jobs command as a user runs it: lists, goes on in the right folder, removes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bili2text.jobs.journal import Journal
from bili2text.jobs.store import STDIN, About, Jobs
from cli.rerun import going_on, worst

ONE, TWO, THREE = "1" * 32, "12" + "2" * 30, "a3" * 16
RUN = "import sys; sys.argv[0] = 'bili2text'; from cli.jobs import command; from cli.main import run; run(command)"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def jobs(environ: Mapping[str, str], cache: Path, tmp_path: Path) -> Callable[..., object]:
    """Return a function that runs `bili2text jobs ...` with a cache of the test's own."""

    def run(*args: str) -> object:
        return subprocess.run(
            [sys.executable, "-c", RUN, *args],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={**environ, "BILI2TEXT_CACHE_DIR": str(cache), "PYTHONIOENCODING": "utf-8"},
            cwd=tmp_path,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def about(tmp_path: Path) -> About:
    """An unfinished job whose command prints where the settings are; it ran in a folder of its own."""
    folder = tmp_path / "there"
    folder.mkdir()
    return About(ONE, "第一集", "a.wav", ("config", "path"), str(folder), 3, 40, 60.0, "unfinished")


def test_jobs_are_listed_for_a_person_and_for_a_program(jobs: Callable, cache: Path, about: About) -> None:
    assert jobs("list").stdout == ""
    Jobs(cache).note(replace(about, title="\x1b[31m第一集" + "长" * 90))
    (line,) = jobs("list").stdout.splitlines()
    assert line.startswith("11111111  unfinished       3/40  20")
    assert "\x1b" not in line
    assert line.endswith("…")
    Jobs(cache).folder(TWO).mkdir()
    rows = [json.loads(row) for row in jobs("list", "--json").stdout.splitlines()]
    assert {row["key"]: row["state"] for row in rows} == {ONE: "unfinished", TWO: "broken"}


def test_a_job_is_resumed_in_its_folder_by_the_beginning_of_its_key(
    jobs: Callable, cache: Path, about: About, tmp_path: Path
) -> None:
    Jobs(cache).note(replace(about, command=("models", "path", "./mine")))
    for name in ("cli", "click", "bili2text", "av", "json"):  # a folder is no place to take modules from
        (tmp_path / "there" / f"{name}.py").write_text("raise SystemExit(99)", encoding="utf-8")
    done = jobs("resume", "111")
    assert "running: bili2text models path ./mine" in done.stderr
    assert "no such model folder" in done.stderr
    assert done.returncode == 4


def test_all_unfinished_jobs_are_resumed_each_command_once(jobs: Callable, cache: Path, about: About) -> None:
    store = Jobs(cache)
    store.note(about)
    store.note(replace(about, key=TWO))
    store.note(replace(about, key=THREE, state="finished", command=("config", "set", "x", "y")))
    assert jobs("resume").returncode == 2
    done = jobs("resume", "--all")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert done.stdout.strip().endswith("settings.toml")


def test_the_exit_code_is_that_of_the_worst_and_the_others_run_all_the_same(
    jobs: Callable, cache: Path, about: About, tmp_path: Path
) -> None:
    store = Jobs(cache)
    store.note(replace(about, folder=str(tmp_path / "gone")))
    store.note(replace(about, key=TWO))
    store.note(replace(about, key=THREE, command=("models", "path", "./mine")))
    done = jobs("resume", "--all")
    assert done.returncode == 4
    assert "cannot run in" in done.stderr
    assert "settings.toml" in done.stdout


def test_the_worst_code_is_a_failure_before_something_incomplete() -> None:
    assert [worst(codes) for codes in ([], [0, 0], [0, 6], [6, 3], [5, 137, 6])] == [0, 0, 6, 3, 137]


def test_to_go_on_is_not_to_begin_anew() -> None:
    for anew in (("--fresh",), ("--fresh=True",), ("--fresh", "True")):
        assert going_on(("audio", "a.wav", *anew, "-f", "txt")) == ("audio", "a.wav", "-f", "txt")
    assert going_on(("audio", "true", "--refresh")) == ("audio", "true", "--refresh")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("1",), "2 jobs begin with"),
        (("zz",), "no job begins with"),
        (("11",), "is finished"),
        (("12", "--all"), "one or the other"),
        (("a3",), "is running"),
    ],
)
def test_what_cannot_be_resumed_is_told(
    jobs: Callable, cache: Path, about: About, args: tuple[str, ...], said: str
) -> None:
    store = Jobs(cache)
    store.note(replace(about, state="finished"))
    store.note(replace(about, key=TWO))
    with Journal.open(store.folder(THREE), {}):
        store.note(replace(about, key=THREE))
        done = jobs("resume", *args)
    assert done.returncode == 2
    assert said in done.stderr


def test_what_was_piped_in_is_not_resumed_but_piped_in_again(
    jobs: Callable, cache: Path, about: About
) -> None:
    Jobs(cache).note(replace(about, source=STDIN, command=("audio", "-")))
    named = jobs("resume", "11")
    assert named.returncode == 2
    assert "pipe the same sound in again" in named.stderr
    assert "pipe the same sound in again" in jobs("resume", "--all").stderr


def test_finished_jobs_are_removed_and_named(jobs: Callable, cache: Path, about: About) -> None:
    store = Jobs(cache)
    store.note(replace(about, state="finished"))
    store.note(replace(about, key=TWO))
    assert jobs("clean", "--older-than", "1").stdout == ""
    assert [json.loads(row)["key"] for row in jobs("clean", "--json").stdout.splitlines()] == [ONE]
    assert jobs("clean", "--all").stdout.startswith(TWO[:8])
    assert store.all() == ()
    assert "nothing to resume" in jobs("resume").stderr


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ending_the_command_ends_what_it_runs(
    environ: Mapping[str, str], cache: Path, about: About, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "there" / "settings.toml")  # the child waits for somebody to write into it
    Jobs(cache).note(replace(about, command=("config", "show")))
    env = {**environ, "BILI2TEXT_CACHE_DIR": str(cache), "BILI2TEXT_CONFIG": "settings.toml"}
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "resume", "--all"], env=env, cwd=tmp_path, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith(b"running")
    handle = os.open(tmp_path / "there" / "settings.toml", os.O_WRONLY)  # opens once the child reads
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    with pytest.raises(BrokenPipeError):  # nobody reads any more
        os.write(handle, b"#")
    os.close(handle)
    process.stderr.close()
