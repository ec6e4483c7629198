"""Processes killed, and processes at once: what was called done is there, once.

A soak: JOURNAL_KILLS=2000 pytest tests/jobs/test_killed.py
A killed process leaves its page cache to the system: this shows nothing about a loss of power.
"""

import os
import random
import threading
from pathlib import Path

import pytest
from processes import HEADER, append_for_ever, begin, ended, kill_while_appending, needs_fork, record, written

from bili2text.jobs.journal import Journal
from bili2text.jobs.lines import line

KILLS = int(os.environ.get("JOURNAL_KILLS", "30"))
SEED = int(os.environ.get("JOURNAL_SEED", "7"))

pytestmark = needs_fork


def test_killed_at_any_moment_a_journal_goes_on_with_all_that_was_done(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    folder, count, whole = tmp_path / "a", 0, b""
    for kill in range(KILLS):
        if count > 300:  # a long journal only makes the test slow
            folder, count, whole = tmp_path / str(kill), 0, b""
        done = kill_while_appending(folder, chance.randrange(6), chance.random() * 0.01)
        with Journal.open(folder, HEADER) as journal:
            assert count + done <= len(journal.records) <= count + done + 1
            count = len(journal.records)
            assert list(journal.records) == [record(number) for number in range(count)]
        now = written(folder)
        assert now.startswith(whole)
        assert now == b"".join([line(0, HEADER), *(line(n + 1, record(n)) for n in range(count))])
        whole = now


@pytest.mark.parametrize("processes", [2, 8])
def test_processes_at_once_write_one_after_the_other(tmp_path: Path, processes: int) -> None:
    turns = 24 // processes

    def take_turns() -> None:
        for _ in range(turns):
            with Journal.open(tmp_path / "a", HEADER) as journal:
                assert [one["group"] for one in journal.records] == list(range(len(journal.records)))
                journal.append({"group": len(journal.records), "by": os.getpid()})

    begun = [begin(take_turns) for _ in range(processes)]
    assert [ended(process) for process in begun] == [0] * processes
    with Journal.open(tmp_path / "a", HEADER) as journal:
        assert [one["group"] for one in journal.records] == list(range(24))
        writers = [one["by"] for one in journal.records]
    assert {process: writers.count(process) for process in begun} == dict.fromkeys(begun, turns)


def test_who_waits_says_so_once_and_goes_on_when_the_other_is_killed(tmp_path: Path) -> None:
    heard, said = os.pipe()
    process = begin(lambda: append_for_ever(tmp_path / "a", said))
    os.close(said)
    os.read(heard, 1)
    waited = []

    def kill_it() -> None:
        waited.append(1)
        threading.Timer(0.3, os.kill, (process, 9)).start()

    late = threading.Timer(20, os.kill, (process, 9))  # a test that hangs says less than one that fails
    late.start()
    with Journal.open(tmp_path / "a", HEADER, wait=kill_it) as journal:
        late.cancel()
        assert len(waited) == 1
        assert len(journal.records) >= 1
    os.close(heard)
    assert ended(process) == -9
