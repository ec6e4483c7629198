"""`translate` as a user runs it, with a real HTTP server of OpenAI's form on 127.0.0.1 in the model's place."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from words_model import running

Run = Callable[..., "subprocess.CompletedProcess[str]"]

ZH = (
    "今天天气很好。",
    "我们去公园散步。",
    "他说他不来了，因为太忙。",
    "晚上一起吃饭吧。",
    "那本书在桌子上。",
)


@pytest.fixture
def model() -> Iterator[str]:
    with running() as address:
        yield f"{address}/v1"


def srt(lines: tuple[str, ...]) -> str:
    return "".join(
        f"{n + 1}\n00:{n // 20:02}:{3 * n % 60:02},250 --> 00:{n // 20:02}:{3 * n % 60 + 2:02},500\n{text}\n\n"
        for n, text in enumerate(lines)
    )


def times(text: str) -> list[str]:
    return [line for line in text.splitlines() if "-->" in line]


def test_a_subtitle_file_keeps_its_cues_and_their_times(program: Run, model: str, tmp_path: Path) -> None:
    (tmp_path / "talk.srt").write_text(srt(ZH), encoding="utf-8")
    done = program("translate", "talk.srt", "--to", "en", "--api-base", model)
    assert (done.returncode, done.stdout) == (0, "talk.en.srt\n"), done.stderr
    found = (tmp_path / "talk.en.srt").read_text(encoding="utf-8")
    assert times(found) == times(srt(ZH))
    assert not any(text in found for text in ZH)
    assert all(f"{n + 1}\n00:00" in found for n in range(len(ZH)))


def test_both_languages_in_every_format(program: Run, model: str, tmp_path: Path) -> None:
    (tmp_path / "talk.srt").write_text(srt(ZH), encoding="utf-8")
    done = program(
        "translate",
        "talk.srt",
        "-t",
        "en",
        "--layout",
        "source-above",
        "-f",
        "all",
        "-o",
        "out",
        "--api-base",
        model,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [
        ".ass", ".json", ".lrc", ".srt", ".tsv", ".txt", ".vtt",
    ]  # fmt: skip
    for path in (tmp_path / "out").iterdir():
        text = path.read_text(encoding="utf-8")
        assert all(one.rstrip("。") in text for one in ZH), path


def test_the_result_is_one_json_object_with_what_a_program_wants(
    program: Run, model: str, tmp_path: Path
) -> None:
    (tmp_path / "talk.srt").write_text(srt(ZH), encoding="utf-8")
    done = program("translate", "talk.srt", "-t", "en", "--json", "--api-base", model)
    found = json.loads(done.stdout)
    assert (found["source"], found["target"], found["sentences"], found["missing"]) == ("zh", "en", 5, 0)
    assert found["files"] == ["talk.en.srt"]


def test_a_second_run_asks_nothing_again_and_another_layout_is_written_from_the_journal(
    program: Run, model: str, tmp_path: Path
) -> None:
    (tmp_path / "talk.srt").write_text(srt(ZH), encoding="utf-8")
    first = program("translate", "talk.srt", "-t", "en", "--api-base", model)
    assert first.returncode == 0, first.stderr
    again = program("translate", "talk.srt", "-t", "en", "--api-base", model)
    assert again.returncode == 0, again.stderr
    assert "taken from the journal" in again.stderr
    refused = program("translate", "talk.srt", "-t", "en", "--layout", "target-above", "--api-base", model)
    assert refused.returncode == 5
    assert "--overwrite" in refused.stderr
    both = program(
        "translate", "talk.srt", "-t", "en", "--layout", "target-above", "--overwrite", "--api-base", model
    )
    assert both.returncode == 0, both.stderr
    assert "taken from the journal" in both.stderr
    assert ZH[0].rstrip("。") in (tmp_path / "talk.en.srt").read_text(encoding="utf-8")


def test_a_foreign_file_is_never_overwritten(program: Run, model: str, tmp_path: Path) -> None:
    (tmp_path / "talk.srt").write_text(srt(ZH), encoding="utf-8")
    (tmp_path / "talk.en.srt").write_text("mine", encoding="utf-8")
    done = program("translate", "talk.srt", "-t", "en", "--api-base", model)
    assert done.returncode == 5
    assert (tmp_path / "talk.en.srt").read_text(encoding="utf-8") == "mine"
    skipped = program("translate", "talk.srt", "-t", "en", "--skip", "--api-base", model)
    assert (skipped.returncode, skipped.stdout) == (0, "talk.en.srt\n")


def test_a_killed_run_goes_on_by_line_and_the_result_is_the_same(
    environ, model: str, tmp_path: Path, program: Run
) -> None:
    lines = tuple(f"{ZH[n % 5][:-1]}，第{'一二三四五六七八九'[n // 5]}次。" for n in range(40))
    (tmp_path / "talk.srt").write_text(srt(lines), encoding="utf-8")
    whole = program("translate", "talk.srt", "-t", "en", "-o", "whole", "--api-base", model)
    assert whole.returncode == 0, whole.stderr
    words = [
        sys.executable,
        "-m",
        "cli.main",
        "translate",
        "talk.srt",
        "-t",
        "en",
        "-o",
        "killed",
        "--api-base",
        model,
    ]
    env = {**environ, "BILI2TEXT_CACHE_DIR": str(tmp_path / "cache")}
    for _ in range(3):
        child = subprocess.Popen(
            words, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )
        for line in child.stderr:
            if "->" in line:
                os.kill(child.pid, signal.SIGKILL)
                break
        child.communicate()
    last = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, check=False, encoding="utf-8")
    assert last.returncode == 0, last.stderr
    assert "translated before" in last.stderr
    assert (tmp_path / "killed/talk.en.srt").read_bytes() == (tmp_path / "whole/talk.en.srt").read_bytes()


def test_a_batch_of_files_from_a_configuration(program: Run, model: str, tmp_path: Path) -> None:
    for name in ("a.srt", "b.srt"):
        (tmp_path / name).write_text(srt(ZH), encoding="utf-8")
    config = {
        "tasks": ["a.srt", {"input": "b.srt", "output_dir": "out", "layout": "source-above"}],
        "to": "en",
    }
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    done = program("translate", "--config", "config.json", "--api-base", model)
    assert done.returncode == 0, done.stderr
    assert [Path(line).name for line in done.stdout.splitlines()] == ["a.en.srt", "b.en.srt"]
    assert ZH[0].rstrip("。") in (tmp_path / "out/b.en.srt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("[", "not JSON"),
        ("[]", "an object is expected"),
        ('{"tasks": []}', "must be a list with something in it"),
        ('{"tasks": [7]}', "task 1"),
        ('{"tasks": ["a.srt"], "modelpath": "x"}', "unknown: modelpath"),
        ('{"tasks": ["a.srt"], "num_processes": 0}', "num_processes"),
        ('{"tasks": ["a.srt"], "num_processes": true}', "num_processes"),
        ('{"tasks": ["a.srt"], "model_path": 5}', '"model_path" must be a text'),
        ('{"tasks": [{"input": "a.srt", "layout": "both"}], "to": "en"}', "no such layout"),
    ],
)
def test_a_wrong_configuration_is_told_in_one_line(
    program: Run, tmp_path: Path, config: str, said: str
) -> None:
    (tmp_path / "c.json").write_text(config, encoding="utf-8")
    done = program("translate", "--config", "c.json", "-t", "en", "--api-base", "http://127.0.0.1:9/v1")
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("gone.srt", "-t", "en"), 3, "cannot read"),
        (("talk.srt",), 2, "--to"),
        (("talk.srt", "-t", "klingon"), 2, "klingon"),
        (("talk.srt", "-t", "zh"), 2, "is in zh already"),
        ((), 2, "no file"),
        (("talk.srt", "-t", "en", "-f", "docx"), 2, "docx"),
        (("talk.srt", "-t", "en", "-o", "-", "-f", "srt,txt"), 2, "one format"),
        (("video.mp4", "-t", "en"), 3, "not a subtitle file"),
        (("noise.srt", "-t", "en"), 3, "noise.srt"),
    ],
)
def test_a_mistake_is_one_line_and_a_way_out(
    program: Run, model: str, tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    (tmp_path / "talk.srt").write_text(srt(ZH), encoding="utf-8")
    (tmp_path / "video.mp4").write_bytes(b"\0" * 100)
    (tmp_path / "noise.srt").write_bytes(os.urandom(4000))
    done = program("translate", *words, "--api-base", model)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_model_it_is_said_how_to_get_one(program: Run, tmp_path: Path) -> None:
    (tmp_path / "talk.srt").write_text(srt(ZH), encoding="utf-8")
    (tmp_path / "models").mkdir()
    done = program("translate", "talk.srt", "-t", "en", "--models-dir", "models")
    assert done.returncode == 4, done.stderr
    assert "hf download" in done.stderr


def test_nobody_at_the_address_is_one_line(program: Run, tmp_path: Path) -> None:
    (tmp_path / "talk.srt").write_text(srt(ZH), encoding="utf-8")
    done = program("translate", "talk.srt", "-t", "en", "--api-base", "http://127.0.0.1:9/v1")
    assert done.returncode == 4, done.stderr
    assert "127.0.0.1:9" in done.stderr


def test_two_models_are_compared_blind_and_the_page_is_there(
    program: Run, model: str, tmp_path: Path
) -> None:
    (tmp_path / "talk.srt").write_text(srt(ZH), encoding="utf-8")
    (tmp_path / "right.txt").write_text("\n".join("A right line." for _ in ZH), encoding="utf-8")
    words = (
        "translate",
        "talk.srt",
        "-t",
        "en",
        "--compare",
        "words",
        "other",
        "--json",
        "--api-base",
        model,
    )
    done = program(*words, "--reference", "right.txt")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [side["name"] for side in found["sides"]] == ["words", "other"]
    page = next(line.removeprefix("page: ") for line in done.stderr.splitlines() if line.startswith("page: "))
    assert "<html" in Path(page).read_text(encoding="utf-8")[:200].lower()
    refused = program(*words, "--reference", "talk.srt", "gone.srt")
    assert refused.returncode == 2


def test_a_corrected_translation_is_refused_with_what_to_do_and_skip_keeps_it(
    program: Run, model: str, tmp_path: Path
) -> None:
    (tmp_path / "talk.srt").write_text(srt(ZH), encoding="utf-8")
    words = ("translate", "talk.srt", "-t", "en", "--api-base", model)
    assert program(*words).returncode == 0
    (tmp_path / "talk.en.srt").write_text("mine", encoding="utf-8")
    for more in ((), ("--retry-failed",), ("--fresh",)):
        done = program(*words, *more)
        assert done.returncode == 5, done.stderr
        assert "changed since it was written" in done.stderr
        assert "--skip" in done.stderr
    assert program(*words, "--skip").returncode == 0
    assert (tmp_path / "talk.en.srt").read_text(encoding="utf-8") == "mine"
    assert program(*words, "--overwrite").returncode == 0
    assert (tmp_path / "talk.en.srt").read_text(encoding="utf-8") != "mine"


def test_chinese_in_the_other_script_takes_no_model(program: Run, tmp_path: Path) -> None:
    (tmp_path / "talk.zh.srt").write_text(srt(ZH), encoding="utf-8")
    (tmp_path / "models").mkdir()
    done = program("translate", "talk.zh.srt", "-t", "zh-Hant", "--models-dir", "models")
    assert (done.returncode, done.stdout) == (0, "talk.zh-Hant.srt\n"), done.stderr
    found = (tmp_path / "talk.zh-Hant.srt").read_text(encoding="utf-8")
    assert times(found) == times(srt(ZH))
    assert "那本書在桌子上" in found
    back = program("translate", "talk.zh-Hant.srt", "-t", "zh", "-o", "back", "--models-dir", "models")
    assert back.returncode == 0, back.stderr
    assert "那本书在桌子上" in (tmp_path / "back/talk.zh.srt").read_text(encoding="utf-8")
    same = program("translate", "talk.zh-Hant.srt", "-t", "zh-Hant", "--models-dir", "models")
    assert same.returncode == 2
    assert "is in zh-Hant already" in same.stderr
