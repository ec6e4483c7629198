"""Fills a card until as much is free as on a smaller or a busier one."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

NEAR = 16  # MiB between what is asked for and what is free: the driver's pages, and who else is on the card
_TRIES = 8
_SETTLE = 0.25  # seconds until the driver tells of what was given back


class Ballast(Protocol):
    """Memory of the card that is held so that nobody else has it."""

    @property
    def held(self) -> int:
        """MiB held now."""

    def hold(self, mib: int) -> int:
        """Hold so much, or as much of it as the card gives; return MiB held."""


class ChildBallast:
    """Ballast in a process of its own: when it ends, however it ends, the card has its memory back."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child
        self.held = 0
        self._answer()

    def hold(self, mib: int) -> int:
        """Hold so much; return MiB held. Raises RuntimeError when the child is gone."""
        try:
            print(max(0, mib), file=self._child.stdin, flush=True)
        except OSError as error:
            raise RuntimeError(f"the ballast is gone: {error}") from error
        return self._answer()

    def _answer(self) -> int:
        line = self._child.stdout.readline() if self._child.stdout else ""
        if not line:
            raise RuntimeError(f"the ballast ended with code {self._child.wait(5)}")
        answer = json.loads(line)
        if answer["why"].startswith("no ballast"):
            raise RuntimeError(answer["why"])
        self.held = int(answer["held_mib"])
        return self.held


@contextmanager
def ballast(environ: Mapping[str, str]) -> Iterator[ChildBallast]:
    """Yield ballast on CUDA's first device under `environ`. Raises RuntimeError when there is none."""
    child = subprocess.Popen(
        # isolated: the standard library alone
        [sys.executable, "-I", str(Path(__file__).with_name("ballast_child.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**environ},
        text=True,
    )
    try:
        yield ChildBallast(child)
    finally:
        with suppress(OSError):
            child.communicate(timeout=5)
        if child.poll() is None:
            child.kill()
            child.wait()


def fill(
    held: Ballast,
    free_now: Callable[[], int | None],
    target_mib: int,
    sleep: Callable[[float], None] = time.sleep,
) -> int | None:
    """Grow or shrink ballast until `target_mib` are free; return what is free then.

    That is less or more than the target where others hold too much, or the card gives no more; None when
    the driver does not tell.
    """
    for _ in range(_TRIES):
        free = free_now()
        if free is None or abs(free - target_mib) <= NEAR:
            return free
        before = held.held
        if held.hold(max(0, before + free - target_mib)) == before:
            return free
        sleep(_SETTLE)
    return free_now()


def settled(
    free_now: Callable[[], int | None],
    least_mib: int,
    seconds: float = 5.0,
    sleep: Callable[[float], None] = time.sleep,
) -> int | None:
    """Return what is free once it is `least_mib`, or after `seconds`: drivers tell late of what ended."""
    for _ in range(round(seconds / _SETTLE)):
        free = free_now()
        if free is None or free >= least_mib:
            return free
        sleep(_SETTLE)
    return free_now()
