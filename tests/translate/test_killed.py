"""Killed for good, at any moment: the job goes on to what it would have been.

scripts/soak_translation.py does it with a real model, and longer.
"""

import os
import random
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from working import killed_and_not

from bili2text.translate.values import Said

KILLS = 20
SENTENCES = 40
SLOW = 0.002  # seconds before each reply

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def begin(job: Callable[[], object]) -> int:
    """Run `job` in another process and return its id."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        job()
        code = 0
    except BaseException:  # noqa: BLE001 - nothing may get back into pytest twice
        traceback.print_exc()
    finally:
        os._exit(code)


def killed(folder: Path, kills: int, seed: int) -> tuple[int, list[tuple[Said, ...]]]:
    """Do the job until it was killed so often, begun anew whenever it is done; return the kills that hit.

    With them comes what each job that came to its end has said.
    """
    chance, hit, found, jobs = random.Random(seed), 0, list[tuple[Said, ...]](), 0
    while hit < kills:
        here = folder / str(jobs)
        process = begin(lambda here=here: killed_and_not(here, SENTENCES, SLOW))  # type: ignore[misc]
        time.sleep(chance.random() * SENTENCES * SLOW)
        os.kill(process, signal.SIGKILL)
        if os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL:
            hit += 1
        if chance.random() < 0.25 or hit == kills:
            found.append(killed_and_not(here, SENTENCES))
            jobs += 1
    return hit, found


def test_killed_at_random_moments_it_comes_to_the_same_result(tmp_path: Path) -> None:
    whole = killed_and_not(tmp_path / "whole", SENTENCES)
    hit, found = killed(tmp_path / "killed", KILLS, seed=7)
    assert hit == KILLS
    assert all(said == whole for said in found)
