"""Several processes on one job: one works, the others wait, and all have the result."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field

from soaking.job import Job
from soaking.kills import reference

_STUCK = 300.0  # seconds


@dataclass(slots=True)
class Together:
    """What became of them."""

    processes: int
    times: int
    failed: int = 0  # processes
    stuck: int = 0
    different: int = 0  # times that the files were not those of one process alone
    twice: int = 0  # groups in the journal beyond those there are
    waited: int = 0  # processes that said they wait
    examples: list[str] = field(default_factory=list)


def together(job: Job, processes: int, times: int) -> Together:
    """Start that many processes of one command at once, so many times."""
    expected = reference(job)
    found = Together(processes, times)
    for _ in range(times):
        job.forget()
        logs = [f"log{number}.txt" for number in range(processes)]
        running = [job.start(log) for log in logs]
        for one, log in zip(running, logs, strict=True):
            _wait(one, log, job, found)
        if job.outputs() != expected:
            found.different += 1
        numbers = _groups(job)
        found.twice += len(numbers) - len(set(numbers))
    return found


def _wait(running: subprocess.Popen[bytes], log: str, job: Job, found: Together) -> None:
    try:
        code = running.wait(_STUCK)
    except subprocess.TimeoutExpired:
        running.kill()
        found.stuck += 1
        return
    said = job.said(log)
    found.waited += "waiting for it" in said
    if code:
        found.failed += 1
        found.examples.append(f"exit {code}: {said[-300:]}")


def _groups(job: Job) -> list[int]:
    """Return the numbers of the groups in the journal."""
    path = job.journal()
    lines = path.read_bytes().splitlines() if path else []
    records = [json.loads(line[9:])["record"] for line in lines]
    return [record["value"]["number"] for record in records if record["kind"] == "group"]
