"""`--engine workshop:RUN` as a user runs it, with a model that was really trained, on a real file."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import small_run
from small_run import PAIRS

Run = Callable[..., "subprocess.CompletedProcess[str]"]
LEARNED = PAIRS[:6]


def srt(texts: list[str]) -> str:
    return "".join(
        f"{n + 1}\n00:{n // 20:02}:{3 * n % 60:02},250 --> 00:{n // 20:02}:{3 * n % 60 + 2:02},500\n{text}\n\n"
        for n, text in enumerate(texts)
    )


def texts(path: Path) -> list[str]:
    return [
        " ".join(block.splitlines()[2:])
        for block in path.read_text(encoding="utf-8").split("\n\n")
        if block.strip()
    ]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a text in each language, and the run as `run`."""
    (tmp_path / "talk.srt").write_text(srt([pair.zh for pair in LEARNED]), encoding="utf-8")
    (tmp_path / "speech.srt").write_text(srt([pair.en for pair in LEARNED]), encoding="utf-8")
    shutil.copytree(small_run.run(), tmp_path / "run")
    return tmp_path


@pytest.fixture
def own(tmp_path: Path) -> dict[str, str]:
    """A cache of the test's own, so that nothing is taken from another's journal; and one thread."""
    return {"BILI2TEXT_CACHE_DIR": str(tmp_path / "cache"), "BILI2TEXT_THREADS": "1"}


def test_a_file_is_translated_by_what_was_trained(program: Run, here: Path, own: dict[str, str]) -> None:
    done = program("translate", "talk.srt", "--to", "en", "--engine", "workshop:run", "--json", env=own)
    assert done.returncode == 0, done.stderr
    assert texts(here / "talk.en.srt") == [pair.en for pair in LEARNED]
    told = json.loads(done.stdout)
    assert (told["model"], told["profile"], told["context"], told["terms"]) == ("small", "workshop", 0, 0)
    assert (told["needs_review"], told["missing"], told["precision"]) == (0, 0, "int8_float32")
    back = program("translate", "speech.srt", "--to", "zh", "--engine", "workshop:run", env=own)
    assert back.returncode == 0, back.stderr
    assert texts(here / "speech.zh.srt") == [pair.zh for pair in LEARNED]


def test_traditional_chinese_comes_of_the_conversion(program: Run, here: Path, own: dict[str, str]) -> None:
    done = program(
        "translate", "speech.srt", "--to", "zh-Hant", "--engine", "workshop:run/ct2-float32", env=own
    )
    assert done.returncode == 0, done.stderr
    assert texts(here / "speech.zh-Hant.srt")[:2] == ["我們明天去北京。", "他每天早上喝咖啡。"]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_job_that_is_killed_goes_on_to_the_same_file(
    program: Run, here: Path, own: dict[str, str], environ: Mapping[str, str]
) -> None:
    many = [f"{pair.zh[:-1]}，{n}。" for n in range(20) for pair in LEARNED]
    (here / "long.srt").write_text(srt(many), encoding="utf-8")
    words = ("translate", "long.srt", "--to", "en", "--engine", "workshop:run", "--batch-size", "2")
    whole = program(*words, "-o", "whole", env={**own, "BILI2TEXT_CACHE_DIR": str(here / "other")})
    assert whole.returncode in (0, 6), whole.stderr
    command = [sys.executable, "-m", "cli.main", *words, "-o", "out"]
    process = subprocess.Popen(command, cwd=here, env={**environ, **own}, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    heard = 0
    for line in process.stderr:
        heard += " -> " in line
        if heard == 20:
            process.kill()
            break
    assert process.wait() == -signal.SIGKILL
    process.stderr.close()
    assert not list((here / "out").glob("*"))
    again = program(*words, "-o", "out", env=own)
    assert again.returncode == whole.returncode
    assert "going on: " in again.stderr
    assert (here / "out" / "long.en.srt").read_bytes() == (here / "whole" / "long.en.srt").read_bytes()


def test_check_tells_what_it_is_and_what_it_takes(program: Run, here: Path, own: dict[str, str]) -> None:
    done = program("translate", "--check", "--json", "--engine", "workshop:run", "--device", "cpu", env=own)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["choice"]["model"], found["choice"]["profile"]) == ("small", "workshop")
    assert found["choice"]["directions"] == ["zh-en", "en-zh"]
    assert found["choice"]["need_mib"] < 400
    read = program("translate", "--check", "--engine", "workshop:run", "--device", "cpu", env=own)
    assert "each sentence by itself: no glossary, no context" in read.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--to", "ja", "--engine", "workshop:run"), 2, "translates zh-en and en-zh alone, not into ja"),
        (("--to", "en", "--engine", "workshop:run", "--from", "fr"), 2, "not fr to en"),
        (("--to", "en", "--engine", "workshop:nowhere"), 4, "no folder of a trained model"),
        (("--to", "en", "--engine", "workshop:."), 4, "no model of the workshop"),
        (("--to", "en", "--engine", "workshop:"), 2, "is not one of auto"),
        (("--to", "en", "--engine", "other"), 2, "is not one of auto"),
        (("--to", "en", "--engine", "workshop:run", "--model-path", "run"), 2, "contradict each other"),
        (("--to", "en", "--engine", "workshop:run", "--api-base", "http://127.0.0.1:1/v1"), 2, "contradict"),
    ],
)
def test_what_makes_no_sense_is_one_line_before_any_work(
    program: Run, here: Path, own: dict[str, str], words: tuple[str, ...], code: int, said: str
) -> None:
    done = program("translate", "talk.srt", *words, env=own)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(here.glob("talk.*.srt"))


def test_a_folder_of_a_run_is_a_model_path_too_and_a_batch_takes_it(
    program: Run, here: Path, own: dict[str, str]
) -> None:
    tasks = {"tasks": ["talk.srt", {"input": "speech.srt", "to": "zh"}], "to": "en"}
    for name, more, words in (
        ("path", {"model_path": "run"}, ()),
        ("engine", {}, ("--engine", "workshop:run")),
    ):
        (here / "batch.json").write_text(json.dumps({**tasks, **more, "output_dir": name}))
        done = program("translate", "--config", "batch.json", *words, env=own)
        assert done.returncode == 0, done.stderr
        assert texts(here / name / "talk.en.srt") == [pair.en for pair in LEARNED]
        assert texts(here / name / "speech.zh.srt") == [pair.zh for pair in LEARNED]


def test_two_runs_are_compared_blind_by_either_command(program: Run, here: Path, own: dict[str, str]) -> None:
    odd = "今天他们在公园里喝了很多咖啡。"  # learned by neither
    (here / "odd.srt").write_text(srt([LEARNED[0].zh, odd]), encoding="utf-8")
    page = ("--page", "page.html", "--overwrite", "--json")
    done = program("workshop", "compare", "odd.srt", "run", "workshop:run/ct2-float32", *page, env=own)
    assert done.returncode == 0, done.stderr
    shown = (here / "page.html").read_bytes()
    precisions = [side["precision"] for side in json.loads(done.stdout)["sides"]]
    assert precisions == ["int8_float32", "float32"]
    longer = ("translate", "odd.srt", "--to", "en", "--compare", "workshop:run", "run/ct2-float32", *page)
    same = program(*longer, env=own)
    assert same.returncode == 0, same.stderr
    assert same.stderr.count("taken from the journal") == 2
    assert (here / "page.html").read_bytes() == shown  # one contest: votes add up


def test_a_comparison_of_what_is_no_model_is_refused(program: Run, here: Path, own: dict[str, str]) -> None:
    shutil.rmtree(here / "run" / "ct2-int8")
    shutil.rmtree(here / "run" / "ct2-float32")
    for words, said in (
        (("workshop", "compare", "talk.srt", "run", "run"), "not converted yet"),
        (("workshop", "compare", "talk.srt", "nowhere", "run"), "no model nowhere"),
        (
            ("translate", "talk.srt", "--to", "en", "--compare", "a", "b", "--engine", "workshop:run"),
            "says nothing",
        ),
    ):
        done = program(*words, env=own)
        assert done.returncode in (2, 4)
        assert said in done.stderr
