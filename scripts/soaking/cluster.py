"""A cluster taken apart while it works: workers killed, by chance or by what they have, a node removed."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

LETHAL = "lethal"  # how the name of a recording begins whose worker is killed
_KILLED_UNTIL = 0.7  # of the recordings done: after that the same ones would be hit again and again


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much of each."""

    clips: int = 200
    kills: int = 12
    killers: int = 2
    broken: int = 5
    nodes: int = 3
    cpus: int = 2  # of each
    remove: bool = True
    seed: int = 1


@dataclass(slots=True)
class Seen:
    """What came of it."""

    done: int = 0
    twice: int = 0  # settled more than once
    missing: list[str] = field(default_factory=list)  # good ones without all of their files
    bad: dict[str, str] = field(default_factory=dict)  # name -> state and why
    wrong_bad: list[str] = field(default_factory=list)  # good ones that were given up, bad ones that were not
    litter: list[str] = field(default_factory=list)
    kills: int = 0  # of workers, at random
    lethal: int = 0  # of workers, by lethal recordings
    removed: int = 0
    seconds: float = 0.0


@contextmanager
def harm(
    cache: Path,
    wanted: Wanted,
    seen: Seen,
    settled: Sequence[object],
    remove: Callable[[], None],
) -> Iterator[None]:
    """Kill workers and remove a node, as long as the block lasts."""
    over = threading.Event()
    threads = [
        threading.Thread(target=_lethal, args=(cache, seen, over)),
        threading.Thread(target=_killings, args=(cache, wanted, seen, settled, remove, over)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _lethal(cache: Path, seen: Seen, over: threading.Event) -> None:
    """Kill whoever has a lethal recording."""
    killed: set[str] = set()
    while not over.wait(0.002):
        for worker in _busy(cache, LETHAL):
            if worker not in killed and _kill(worker):
                killed.add(worker)
                seen.lethal += 1


def _killings(
    cache: Path,
    wanted: Wanted,
    seen: Seen,
    settled: Sequence[object],
    remove: Callable[[], None],
    over: threading.Event,
) -> None:
    """Kill workers at random, one after each few recordings, and remove a node in the middle."""
    draw = random.Random(wanted.seed)  # noqa: S311
    most = int(_KILLED_UNTIL * wanted.clips)
    due = [most * (number + 1) // (wanted.kills + 1) for number in range(wanted.kills)]
    while not over.wait(0.05):
        if wanted.remove and not seen.removed and len(settled) >= most // 2:
            remove()
            seen.removed = 1
        if seen.kills < wanted.kills and len(settled) >= due[seen.kills]:
            busy = _busy(cache, "clip")
            if busy and _kill(draw.choice(busy)):
                seen.kills += 1


def _busy(cache: Path, kind: str) -> list[str]:
    """Return the workers that have a recording whose name begins so."""
    try:
        return [path.parents[1].name for path in (cache / "cluster").glob(f"*/in/{kind}*.wav")]
    except OSError:  # a folder went away while it was looked into
        return []


def _kill(worker: str) -> bool:
    with suppress(ProcessLookupError):
        os.kill(int(worker.partition("-")[0]), signal.SIGKILL)
        return True
    return False
