"""What is known of each job: found again whatever lies beside it, without secrets, never lost while it runs."""

import json
import os
import stat
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from processes import HEADER

from bili2text.errors import StorageError, UsageError
from bili2text.jobs.command import without_secrets
from bili2text.jobs.journal import Journal
from bili2text.jobs.store import About, Jobs

ONE, TWO, THREE = "1" * 32, "2" * 32, "a3" * 16
ABOUT = About(
    key=ONE,
    title="第一集",
    source="https://www.bilibili.com/video/BV1xx411c7mD?p=2",
    command=("gpu-transcribe", "--url", "BV1xx411c7mD?p=2", "--initial-prompt", "以下是普通话的句子。"),
    folder="/home/someone",
    done=3,
    total=40,
    seconds=3600.5,
    state="running",
    outputs=("a.srt",),
)


def aged(jobs: Jobs, key: str, days: float) -> None:
    path = jobs.folder(key) / "about.json"
    facts = json.loads(path.read_text())
    facts["updated"] = (datetime.now(timezone.utc) - timedelta(days=days)).isoformat()
    path.write_text(json.dumps(facts))


def test_a_job_is_found_again_and_one_whose_process_died_is_unfinished(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    assert jobs.all() == ()
    with Journal.open(jobs.folder(ONE), HEADER):
        noted = jobs.note(ABOUT)
        assert replace(noted, created="", updated="") == ABOUT
        assert jobs.is_running(ONE)
        assert [about.state for about in jobs.all()] == ["running"]
    assert not jobs.is_running(ONE)
    assert jobs.all() == (replace(noted, state="unfinished"),)
    finished = jobs.note(replace(ABOUT, done=40, state="finished"))
    assert finished.created == noted.created
    assert jobs.all() == (finished,)
    if os.name == "posix":
        assert stat.S_IMODE((jobs.folder(ONE) / "about.json").stat().st_mode) == 0o600


def test_the_latest_comes_first_and_a_broken_one_is_shown_as_such(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    for key in (ONE, TWO, THREE):
        jobs.note(replace(ABOUT, key=key, title="\ud800"))
    aged(jobs, ONE, 3)
    aged(jobs, TWO, 1)
    (jobs.folder(THREE) / "about.json").write_text("{")
    (tmp_path / "jobs" / "notes.txt").write_text("of the user's own")
    (tmp_path / "jobs" / ("f" * 32)).symlink_to(tmp_path)
    assert [(about.key, about.state) for about in jobs.all()] == [
        (THREE, "broken"),
        (TWO, "unfinished"),
        (ONE, "unfinished"),
    ]
    jobs.note(replace(ABOUT, key=THREE))  # the next run mends it
    assert jobs.all()[0].state == "unfinished"


HOSTILE = {
    "another key's": lambda facts: {**facts, "key": TWO},
    "a later format": lambda facts: {**facts, "format": 2},
    "an unknown state": lambda facts: {**facts, "state": "paused"},
    "a command of numbers": lambda facts: {**facts, "command": [1]},
    "a command of one text": lambda facts: {**facts, "command": 7},
    "no date": lambda facts: {**facts, "updated": "soon"},
    "a date of no zone": lambda facts: {**facts, "updated": "2026-01-01T00:00:00"},
    "not a number": lambda facts: {**facts, "seconds": float("nan")},
    "huge": lambda facts: {**facts, "seconds": 10**400},
    "a field more": lambda facts: {**facts, "more": 1},
    "a field less": lambda facts: {name: value for name, value in facts.items() if name != "done"},
    "a list": lambda facts: [facts],
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_we_would_not_have_written_is_broken_not_believed(kind: str, tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    jobs.note(ABOUT)
    path = jobs.folder(ONE) / "about.json"
    path.write_text(json.dumps(HOSTILE[kind](json.loads(path.read_text()))))
    assert [(about.key, about.state, about.command) for about in jobs.all()] == [(ONE, "broken", ())]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=200))
def test_no_bytes_at_all_make_listing_fail(tmp_path: Path, raw: bytes) -> None:
    jobs = Jobs(tmp_path)
    jobs.folder(ONE).mkdir(parents=True, exist_ok=True)
    (jobs.folder(ONE) / "about.json").write_bytes(raw)
    assert [about.state for about in jobs.all()] == ["broken"]


def test_a_key_cannot_lead_out_of_the_cache(tmp_path: Path) -> None:
    for key in ("..", "../../x", "", ONE + "0", ONE[:-1], ONE.replace("1", "G")):
        with pytest.raises(ValueError, match="no key"):
            Jobs(tmp_path).folder(key)


def test_a_running_job_is_never_removed(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    with Journal.open(jobs.folder(ONE), HEADER) as journal:
        jobs.note(replace(ABOUT, state="finished"))
        with pytest.raises(UsageError, match="is running"):
            jobs.remove(ONE)
        assert jobs.clean(everything=True) == ()
        journal.append({"group": 0})
    jobs.remove(ONE)
    jobs.remove(ONE)
    assert jobs.all() == ()
    with Journal.open(jobs.folder(ONE), HEADER) as journal:
        assert journal.records == ()


def test_cleaning_takes_what_was_finished_and_only_when_told_the_rest(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    jobs.note(replace(ABOUT, key=ONE, state="finished"))
    jobs.note(replace(ABOUT, key=TWO, state="unfinished"))
    jobs.note(replace(ABOUT, key=THREE, state="finished"))
    aged(jobs, ONE, 40)
    aged(jobs, TWO, 40)
    assert [about.key for about in jobs.clean(older_than_days=1e9)] == []
    assert [about.key for about in jobs.clean(older_than_days=30)] == [ONE]
    assert [about.key for about in jobs.clean()] == [THREE]
    assert [about.key for about in jobs.clean(everything=True, older_than_days=41)] == []
    assert [about.key for about in jobs.clean(everything=True)] == [TWO]


def test_what_a_job_wrote_stays_its_own_while_it_is_there_and_written_alike(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    first, second, gone = (str(tmp_path / name) for name in ("o1.txt", "o2.txt", "gone.txt"))
    Path(first).write_text("said")
    done = replace(ABOUT, state="finished", written="plain")
    jobs.note(replace(done, outputs=(first, gone), coverage=0.5, lost=2.0))
    kept = jobs.note(replace(done, outputs=(second,)))
    assert kept.outputs == (first, second)
    assert jobs.all() == (kept,)
    assert jobs.note(replace(done, outputs=(second,), written="digits")).outputs == (second,)
    jobs.clean()
    assert list((tmp_path / "jobs").iterdir()) == []  # nor is a lock left behind


def test_a_link_in_the_place_of_a_job_or_of_its_note_is_not_followed(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "file").write_text("kept")
    (tmp_path / "jobs").mkdir()
    jobs.folder(ONE).symlink_to(mine)
    with pytest.raises(StorageError):
        jobs.remove(ONE)
    jobs.folder(TWO).mkdir()
    (jobs.folder(TWO) / "about.json").symlink_to(mine / "file")
    with pytest.raises(StorageError, match="not a plain file"):
        jobs.note(replace(ABOUT, key=TWO))
    assert (mine / "file").read_text() == "kept"


SECRETS = [
    "https://user:hunter2@example.org/a.mp3",
    "https://cdn.example.org/a.mp3?X-Amz-Signature=hunter2&p=1",
    "https://example.org/a#hunter2",
    "看【标题】 https://b23.tv/x?token=hunter2，快",
    "--url=https://example.org/a?auth=hunter2",
    "--proxy=http://user:hunter2@10.0.0.1:3128",
    "--proxy=user:hunter2@10.0.0.1:3128",
]


@pytest.mark.parametrize("word", SECRETS)
def test_no_secret_of_a_command_reaches_the_disk(tmp_path: Path, word: str) -> None:
    jobs = Jobs(tmp_path)
    command = ("gpu-transcribe", word, "--proxy", "socks5://me:hunter2@h:1", "--proxy", "me:hunter2@h:1")
    kept = jobs.note(replace(ABOUT, command=command, source=word))
    assert "hunter2" not in repr(kept.command)
    assert kept.redacted
    assert "hunter2" not in repr(without_secrets(command))
    if "proxy" not in word:  # a source is a link or a path, no option
        assert "hunter2" not in (jobs.folder(ONE) / "about.json").read_text()


def test_a_command_without_secrets_is_stored_as_it_is(tmp_path: Path) -> None:
    command = (
        "audio",
        "https://example.org/" + "长" * 300,
        "https://www.bilibili.com/video/BV1xx411c7mD?p=2",
        "--cookies",
        "/home/me/cookies.txt",
        "--proxy",
        "http://10.0.0.1:3128",
        "--initial-prompt",
        "me@example.org: 100% #1? " + "好" * 300,
        "file\udcff.wav",
    )
    kept = Jobs(tmp_path).note(replace(ABOUT, command=command))
    assert (kept.command, kept.redacted) == (command, False)
    assert Jobs(tmp_path).all()[0].command == command
