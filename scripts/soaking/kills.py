"""Runs that are killed or stopped at random moments, again and again, until one comes through."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from soaking.job import Job

_STUCK = 180.0  # seconds for a run of half a minute of sound
_MOST = 8  # kills of one recording; then it may come through
_GONE = 10.0  # seconds for an engine without its parent to end
_EXPECTED = {"stop": 130, "terminate": 143}
# How a run is ended: all of it, its parent alone, its engine alone, by Ctrl-C, by the system's request.
WAYS = ("all", "all", "parent", "parent", "engine", "stop", "terminate")


@dataclass(slots=True)
class Killed:
    """What became of them."""

    recordings: int = 0
    ended: dict[str, int] = field(default_factory=dict)  # runs, by how they were ended
    different: int = 0  # recordings whose files are not those of an undisturbed run, byte for byte
    stuck: int = 0
    failed: int = 0  # recordings whose last run failed
    shrunk: int = 0  # journals that lost a record that was whole
    orphans: int = 0  # engines that outlived their parent
    tracebacks: int = 0
    wrong_codes: int = 0
    slowest_stop: float = 0.0  # seconds from Ctrl-C to the end
    examples: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """Runs ended by force or by request."""
        return sum(self.ended.values())

    def add(self, other: Killed) -> None:
        """Add what another lane saw."""
        self.recordings += other.recordings
        for way, count in other.ended.items():
            self.ended[way] = self.ended.get(way, 0) + count
        for name in ("different", "stuck", "failed", "shrunk", "orphans", "tracebacks", "wrong_codes"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.slowest_stop = max(self.slowest_stop, other.slowest_stop)
        self.examples += other.examples


def killed(job: Job, wanted: int, seed: int, until: float) -> Killed:
    """Kill that many runs, or as many as there is time for, and compare what comes of each recording.

    One recording there is always time for.
    """
    chance = random.Random(seed)  # noqa: S311 - moments, no secrets
    began = time.monotonic()
    expected = reference(job)
    usual = time.monotonic() - began
    found = Killed()
    while found.kills < wanted and (not found.recordings or time.monotonic() < until):
        job.forget()
        found.recordings += 1
        most = min(_MOST, wanted - found.kills)
        code = _disturbed(job, most, usual, chance, found)
        if code is None:
            code = finished(job)
        if code is None:
            found.stuck += 1
        elif code:
            found.failed += 1
            found.examples.append(f"exit {code}: {job.said()[-300:]}")
        elif job.outputs() != expected:
            found.different += 1
            found.examples.append(f"different: seed {seed}, recording {found.recordings}")
        found.tracebacks += "Traceback" in job.said()
    return found


def reference(job: Job) -> dict[str, bytes]:
    """Return the outputs of an undisturbed run. Raises RuntimeError when that fails."""
    job.forget()
    if finished(job):
        raise RuntimeError(f"an undisturbed run failed: {job.said()}")
    return job.outputs()


def finished(job: Job) -> int | None:
    """Run the command and return its exit code; None for one that is stuck."""
    running = job.start()
    try:
        return running.wait(_STUCK)
    except subprocess.TimeoutExpired:
        _signal_all(running, signal.SIGKILL)
        running.wait()
        return None


def _disturbed(job: Job, most: int, usual: float, chance: random.Random, found: Killed) -> int | None:
    """Start and end runs until one comes through by itself; return its exit code, or None if none did."""
    kept = b""
    for _ in range(most):
        running = job.start()
        time.sleep(chance.uniform(0, usual))
        if running.poll() is not None:
            return running.returncode
        _end(running, chance.choice(WAYS), job, found)
        journal = job.journal()
        now = journal.read_bytes() if journal else b""
        whole = kept[: kept.rfind(b"\n") + 1]
        if not now.startswith(whole):
            found.shrunk += 1
        kept = now
    return None


def _end(running: subprocess.Popen[bytes], way: str, job: Job, found: Killed) -> None:
    """End a run in one of the `WAYS`, and see that nothing of it is left."""
    children = _children(running.pid)
    began = time.monotonic()
    if way == "all":
        _signal_all(running, signal.SIGKILL)
    elif way == "parent" or (way == "engine" and not children):
        running.kill()
    elif way == "engine":
        for child in children:
            with suppress(psutil.Error):
                child.kill()
    else:
        os.kill(running.pid, signal.SIGINT if way == "stop" else signal.SIGTERM)
    found.ended[way] = found.ended.get(way, 0) + 1
    _judge_end(running, way, began, job, found)
    _, alive = psutil.wait_procs(children, _GONE)
    found.orphans += len(alive)
    _signal_all(running, signal.SIGKILL)


def _judge_end(running: subprocess.Popen[bytes], way: str, began: float, job: Job, found: Killed) -> None:
    try:
        code = running.wait(60)
    except subprocess.TimeoutExpired:
        found.stuck += 1
        found.examples.append(f"{way}: did not end: {job.said()[-300:]}")
        return
    said = job.said()
    if "Traceback" in said:
        found.tracebacks += 1
        found.examples.append(f"{way}: {said[-600:]}")
    if way not in _EXPECTED:
        return
    found.slowest_stop = max(found.slowest_stop, time.monotonic() - began)
    # the last moment of a run may be over when the signal comes; the first is before it can be heard
    if code not in (_EXPECTED[way], 0, -signal.SIGINT, -signal.SIGTERM):
        found.wrong_codes += 1
        found.examples.append(f"{way}: exit {code}: {said[-300:]}")


def _children(process: int) -> list[psutil.Process]:
    try:
        return psutil.Process(process).children(recursive=True)
    except psutil.Error:
        return []


def _signal_all(running: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(running.pid, number)
