"""Other processes for the tests: forked, so that killing many of them takes no time to start Python."""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from bili2text.jobs.journal import NAME, Journal

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
HEADER = {"options": {"beam": 5, "language": None}, "model": "abc", "versions": ["1", "2"]}


def record(number: int) -> dict:
    """The record of that number: every third one large, so that a kill can fall into the middle of a write."""
    text = "好" * (number * 7919 % 40_000 if number % 3 == 0 else 20)
    return {"group": number, "text": text, "at": number / 3}


def begin(work: Callable[[], object]) -> int:
    """Run `work` in another process and return its id."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - nothing may get back into pytest twice
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def ended(process: int) -> int:
    """Wait for a process and return its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def written(folder: Path) -> bytes:
    return (folder / NAME).read_bytes()


def append_for_ever(folder: Path, said: int) -> None:
    """Go on with a journal until killed, or left alone by a failed test; after each append say so on a pipe."""
    parent = os.getppid()
    with Journal.open(folder, HEADER) as journal:
        number = len(journal.records)
        while os.getppid() == parent:
            journal.append(record(number))
            os.write(said, b".")
            number += 1


def kill_while_appending(folder: Path, after: int, delay: float) -> int:
    """Kill a process that appends, `delay` seconds after that many appends; return how many it called done."""
    heard, said = os.pipe()
    process = begin(lambda: append_for_ever(folder, said))
    os.close(said)
    done = 0
    while done < after and (dots := os.read(heard, 1)):
        done += len(dots)
    time.sleep(delay)
    os.kill(process, signal.SIGKILL)
    while dots := os.read(heard, 4096):
        done += len(dots)
    os.close(heard)
    assert ended(process) == -signal.SIGKILL
    return done
