"""Which job a file belongs to, and which files a job may write."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from bili2text.chinese.normalise import ChineseRules
from bili2text.errors import StorageError
from bili2text.jobs.store import About, Jobs
from bili2text.request import Output, Request
from bili2text.targets import Owners, Target, manner, to_write

ONE, TWO = "1" * 32, "2" * 32
REQUEST = Request(("h.wav",))


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """Two files and a report, of which the text and the report are there."""
    found = Target(tmp_path, "h", (tmp_path / "h.txt", tmp_path / "h.srt"), tmp_path / "h.report.json")
    for path in (found.paths[0], tmp_path / "h.report.json"):
        path.write_text("said", encoding="utf-8")
    return found


def an_about(key: str, target: Target, /, **more: object) -> About:
    outputs = tuple(str(path) for path in target.all if path.exists())
    about = About(key, "h", "h.wav", (), "/", 1, 1, 1.0, "finished", outputs, written=manner(REQUEST))
    return replace(about, **more)


@pytest.mark.parametrize(("old", "new"), [(ONE, TWO), (TWO, ONE)])
def test_a_file_belongs_to_the_job_that_wrote_it_last(
    old: str, new: str, target: Target, tmp_path: Path
) -> None:
    jobs = Jobs(tmp_path / "cache")
    jobs.note(an_about(old, target, state="running"))
    time.sleep(0.01)  # notes are told apart by the millisecond
    jobs.note(an_about(new, target))
    owners = Owners(jobs).of(target.all, sure=True)
    assert {about.key for about in owners.values()} == {new}
    with pytest.raises(StorageError, match="already there"):
        to_write(target, owners, old, REQUEST)
    assert to_write(target, owners, new, REQUEST) == target.all[1:]  # the srt is new, the report always ours


@pytest.mark.parametrize(
    ("owner", "request_", "said", "hint"),
    [
        ({}, replace(REQUEST, chinese=ChineseRules(numbers="digits")), "already there: ", "from the journal"),
        ({}, replace(REQUEST, fresh=True), "already there: ", "--fresh --overwrite"),
        (
            {"key": TWO, "state": "unfinished"},
            REQUEST,
            "unfinished, of other options",
            "jobs resume 22222222",
        ),
    ],
)
def test_what_is_there_and_must_stay_is_told_with_what_to_do(
    owner: dict[str, object], request_: Request, said: str, hint: str, target: Target
) -> None:
    about = an_about(ONE, target, **owner)
    owners = {path: about for path in target.all if path.exists()}
    with pytest.raises(StorageError, match=said) as caught:
        to_write(target, owners, ONE, request_)
    assert hint in caught.value.hint
    assert to_write(target, owners, ONE, replace(request_, output=Output(overwrite=True))) == target.all


def test_what_this_job_left_unfinished_is_written_again(target: Target) -> None:
    about = an_about(ONE, target, state="unfinished", written="")
    assert to_write(target, dict.fromkeys(target.all, about), ONE, REQUEST) == target.all
