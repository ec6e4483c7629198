"""The configuration of a batch: whole, absolute, and told where it is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bili2text.errors import SourceError, UsageError
from bili2text.translation_tasks import BatchPlan, BatchTask, as_json, check_input, place_of, read, shares


def written(folder: Path, config: object) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def test_every_path_is_absolute_wherever_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(
        tmp_path,
        {
            "tasks": ["a.srt", {"input": "b.srt", "output_dir": "./source", "glossary": "source"}],
            "model_path": "../model",
            "output_dir": "source",
        },
    )
    monkeypatch.chdir(tmp_path)
    config = read(Path("config.json"))
    assert config.model_path == str(tmp_path / "../model")
    assert config.tasks[0].output_dir == "source"  # beside the input, as on the command line
    assert config.tasks[1] == BatchTask(
        tmp_path / "b.srt", output_dir=str(tmp_path / "source"), glossary=str(tmp_path / "source")
    )


def test_what_is_written_is_read_the_same_in_another_folder(tmp_path: Path) -> None:
    said = {"to": "en", "from": "zh", "layout": "source-above", "output_format": "srt", "output_dir": "out"}
    config = read(
        written(tmp_path, {"tasks": ["a.srt", {"input": "b/c.srt", "glossary": "terms.txt"}], **said})
    )
    config = replace(config, model_path="/m", plan=BatchPlan("/models/Qwen3-4B", "int8", 8))
    there = tmp_path / "elsewhere" / "part.json"
    there.parent.mkdir()
    there.write_text(as_json(config), encoding="utf-8")
    assert read(there) == config


@pytest.mark.parametrize("plan", [[], {"model_path": "m"}, {"x": 1}])
def test_a_plan_is_whole_or_refused(tmp_path: Path, plan: object) -> None:
    with pytest.raises(UsageError, match='"plan"'):
        read(written(tmp_path, {"tasks": ["a.srt"], "plan": plan}))


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ({"input": "a.srt", "output_dir": "-"}, 'task 1: "output_dir" must be a folder'),
        ("~nobody-of-this-name/a.srt", "no such home"),
    ],
)
def test_a_path_that_cannot_be_meant_is_refused(tmp_path: Path, task: object, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read(written(tmp_path, {"tasks": [task]}))


def test_an_input_is_looked_at_without_being_read(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_bytes(b"\0noise")
    (tmp_path / "folder.srt").mkdir()
    check_input(tmp_path / "a.srt")
    for name, said in (
        ("gone.srt", "cannot read"),
        ("folder.srt", "not a plain file"),
        ("a.mp4", "subtitle file"),
    ):
        with pytest.raises(SourceError, match=said):
            check_input(tmp_path / name)


def test_shares_are_of_about_one_size_and_lose_nothing() -> None:
    tasks = [BatchTask(Path(f"{number}.srt")) for number in range(7)]
    found = shares(tasks, [9, 1, 1, 1, 1, 1, 4], range(7), 2)
    assert found == ((tasks[0],), tuple(tasks[1:]))
    assert len(shares(tasks[:2], [1, 1], "ab", 5)) == 2


def test_what_might_be_called_the_same_is_of_one_share() -> None:
    names = ("/a/talk.srt", "/b/Talk.zh-CN.vtt", "/b/other.srt", "/b/part.01.srt", "/b/part.02.srt")
    tasks = [BatchTask(Path(name)) for name in names]
    there = [place_of(task, "/out") for task in tasks]
    assert shares(tasks, [1] * 5, there, 5)[0] == (tasks[0], tasks[1])
    assert len(set(there)) == 4
    assert len({place_of(task, "source") for task in tasks}) == 5
