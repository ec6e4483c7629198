"""A list of files by one model: checked whole, run in several processes, ended with the one that began it."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from words_model import running

sys.path.insert(0, str(Path(__file__).parent.parent / "translators"))  # for tiny_qwen

Run = Callable[..., "subprocess.CompletedProcess[str]"]
ZH = ("今天天气很好。", "我们去公园散步。", "他说他不来了，因为太忙。")


@pytest.fixture
def server() -> Iterator[str]:
    with running() as address:
        yield f"{address}/v1"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real model for CTranslate2 with random weights: what it says is marked for review."""
    for name in ("torch", "transformers"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed: pip install 'bili2text[qwen]'")
    import tiny_qwen

    from bili2text.translators.convert import convert

    folder = tmp_path_factory.mktemp("tiny")
    return convert(tiny_qwen.build(folder / "Qwen3-tiny"), folder / "Qwen3-tiny-ct2", "float32")


def srt(lines: tuple[str, ...]) -> str:
    def clock(seconds: int) -> str:
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"

    return "".join(
        f"{n + 1}\n{clock(3 * n)},250 --> {clock(3 * n + 2)},500\n{text}\n\n" for n, text in enumerate(lines)
    )


def laid(folder: Path, config: object, lines: tuple[str, ...] = ZH) -> None:
    """Put two subtitle files and the configuration into a folder."""
    folder.mkdir(exist_ok=True)
    for name, text in (("a.srt", lines), ("b.srt", tuple(reversed(lines)))):  # two jobs
        (folder / name).write_text(srt(text), encoding="utf-8")
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def test_two_processes_find_every_relative_path_from_another_folder(
    program: Run, tiny: Path, tmp_path: Path
) -> None:
    lists, cache = tmp_path / "lists", tmp_path / "cache"
    laid(lists, {
        "tasks": ["a.srt", {"input": "b.srt", "output_dir": "out/b"}], "to": "en", "output_dir": "out",
        "glossary": "terms.txt", "model_path": "model", "num_processes": 2,
    })  # fmt: skip
    (lists / "terms.txt").write_text("公园 = park\n", encoding="utf-8")
    (lists / "model").symlink_to(tiny, target_is_directory=True)
    done = program(
        "translate", "--config", "lists/config.json", "--threads", "1", "--device", "cpu",
        env={"BILI2TEXT_CACHE_DIR": str(cache)},
    )  # fmt: skip
    assert done.returncode in (0, 6), done.stderr  # a random model leaves sentences without a translation
    assert "cannot" not in done.stderr
    assert {Path(line) for line in done.stdout.splitlines()} == {
        lists / "out/a.en.srt",
        lists / "out/b/b.en.srt",
    }
    assert all(Path(line).is_file() for line in done.stdout.splitlines())


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_a_batch_ends_all_its_processes(
    environ: Mapping[str, str], tiny: Path, tmp_path: Path, how: signal.Signals
) -> None:
    many = tuple(f"今天天气很好，第{n}次去公园。" for n in range(3000))
    laid(tmp_path / "lists", {"tasks": ["a.srt", "b.srt"], "to": "en", "num_processes": 2}, many)
    words = ["translate", "--config", "lists/config.json", "--model-path", str(tiny), "--threads", "1"]
    parent = subprocess.Popen(
        [sys.executable, "-m", "cli.main", *words, "--device", "cpu"],
        cwd=tmp_path,
        env={**environ, "BILI2TEXT_CACHE_DIR": str(tmp_path / "cache")},
        stderr=subprocess.DEVNULL,
    )
    family: list[psutil.Process] = []
    try:
        family = grown(psutil.Process(parent.pid), 4)  # two of ours, and the model of each
        parent.send_signal(how)
        code = parent.wait(25)
        _, alive = psutil.wait_procs(family, timeout=25)
    finally:
        parent.kill()
        for child in family:
            with suppress(psutil.NoSuchProcess):
                child.kill()
    assert alive == []
    assert code == (143 if how is signal.SIGTERM else -how)


def grown(parent: psutil.Process, count: int) -> list[psutil.Process]:
    """Return the descendants of a process once there are so many, and a moment later."""
    for _ in range(600):
        if len(parent.children(recursive=True)) >= count:
            time.sleep(1.0)
            return parent.children(recursive=True)
        time.sleep(0.1)
    raise AssertionError(f"{parent.children(recursive=True)} are too few")


def test_a_server_makes_one_process_enough(program: Run, server: str, tmp_path: Path) -> None:
    laid(tmp_path, {"tasks": ["a.srt", "b.srt"], "to": "en", "num_processes": 2})
    done = program("translate", "--config", "config.json", "--api-base", server)
    assert done.returncode == 0, done.stderr
    assert "one process is enough" in done.stderr
    assert [Path(line).name for line in done.stdout.splitlines()] == ["a.en.srt", "b.en.srt"]


@pytest.mark.parametrize(
    ("task", "code", "said"),
    [
        ("gone.srt", 3, "task 2: cannot read gone.srt"),
        ({"input": "b.srt", "output_format": "docx"}, 2, "task 2: no such output format: docx"),
        ({"input": "b.srt", "to": "xx"}, 2, "task 2: no language to translate into: 'xx'"),
        ({"input": "b.srt", "glossary": "gone.txt"}, 3, "task 2: cannot read the terms in gone.txt"),
        ({"input": "b.srt", "layout": "both"}, 2, "task 2: no such layout"),
    ],
)
@pytest.mark.parametrize("processes", [1, 2])
def test_every_task_is_looked_at_before_one_is_begun(
    program: Run, tmp_path: Path, task: object, code: int, said: str, processes: int
) -> None:
    laid(tmp_path, {"tasks": ["a.srt", task], "to": "en", "num_processes": processes})
    # nobody answers at this address, and nobody is asked
    done = program("translate", "--config", "config.json", "--api-base", "http://127.0.0.1:9/v1")
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "127.0.0.1" not in done.stderr


def test_a_single_task_that_fails_is_told_once(program: Run, server: str, tmp_path: Path) -> None:
    laid(tmp_path, {"tasks": ["noise.srt"], "to": "en"})
    (tmp_path / "noise.srt").write_bytes(os.urandom(4000))
    done = program("translate", "--config", "config.json", "--api-base", server)
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("error:") == 1


def test_the_plan_of_a_process_is_no_part_of_its_job(program: Run, tiny: Path, tmp_path: Path) -> None:
    env = {"BILI2TEXT_CACHE_DIR": str(tmp_path / "cache")}
    words = ("translate", "--config", "config.json", "--threads", "1", "--device", "cpu", "--overwrite")

    def run(size: int) -> str:
        plan = {"model_path": str(tiny), "precision": "float32", "batch_size": size}
        laid(tmp_path, {"tasks": ["a.srt"], "to": "en", "plan": plan})
        done = program(*words, "--no-resident", env=env)
        assert done.returncode in (0, 6), done.stderr
        return done.stderr

    assert "translated before" not in run(2)
    assert "all of it was translated before" in run(1)  # after a kill there may be less memory
    assert len(list((tmp_path / "cache" / "jobs").glob("*/journal*"))) == 1


def test_a_batch_that_only_changes_the_script_needs_no_model(program: Run, tmp_path: Path) -> None:
    laid(tmp_path, {"tasks": ["a.srt"], "to": "zh-Hant", "num_processes": 2})
    words = ("translate", "--config", "config.json", "--api-base", "http://127.0.0.1:9/v1")
    done = program(*words)
    assert done.returncode == 0, done.stderr
    assert "one process" not in done.stderr
    assert (tmp_path / "a.zh-Hant.srt").is_file()
    laid(tmp_path, {"tasks": [{"input": "a.srt", "to": "zh-Hant"}, {"input": "b.srt", "to": "en"}]})
    done = program(*words)
    assert done.returncode == 4, done.stderr
    assert done.stdout == ""  # told before the first, which takes none


def test_what_is_all_there_needs_no_model_with_skip(program: Run, server: str, tmp_path: Path) -> None:
    laid(tmp_path, {"tasks": ["a.srt", "b.srt"], "to": "en"})
    assert program("translate", "--config", "config.json", "--api-base", server).returncode == 0
    gone = ("--skip", "--api-base", "http://127.0.0.1:9/v1")
    for words in (("--config", "config.json"), ("a.srt", "b.srt", "--to", "en")):
        done = program("translate", *words, *gone)
        assert done.returncode == 0, done.stderr
    (tmp_path / "b.en.srt").unlink()
    assert program("translate", "a.srt", "b.srt", "--to", "en", *gone).returncode == 4


def test_what_stopped_every_process_is_the_exit_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from bili2text.errors import Bili2TextError
    from bili2text.translation_tasks import BatchConfig, BatchPlan, BatchTask
    from cli import rerun, translation_batch

    monkeypatch.setenv("BILI2TEXT_CACHE_DIR", str(tmp_path))
    parts = [BatchConfig((BatchTask(tmp_path / name),)) for name in ("a.srt", "b.srt")]
    for codes, said in (([4, 4], 4), ([4, 0], 6), ([4, 6], 6), ([143, 143], 6)):
        monkeypatch.setattr(rerun, "rerun_all", lambda *_, codes=codes: codes)
        with pytest.raises(Bili2TextError) as caught:
            translation_batch._in_processes(parts, BatchPlan("m", "int8", 1), ("translate",))
        assert caught.value.exit_code == said
    assert len(list((tmp_path / "batches").iterdir())) == 2  # a rerun has the files of the first
