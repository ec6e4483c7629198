"""A job of the tests: its journal in a folder, its translator scripted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripted import Held, Scripted, like_int8, tasks

from bili2text.jobs.journal import Journal
from bili2text.progress import Progress, Silent
from bili2text.translate.manner import Manner
from bili2text.translate.records import header
from bili2text.translate.values import Direction, Said, Task
from bili2text.translate.work import Told, Translated, translate

TO_EN = Manner(Direction("zh", "en"), "qwen3")


class Stopped(BaseException):
    """The end of a run at a moment of the test's choice."""


class Notes(Silent):
    """What was said of the work, but for the sentences."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        if "->" not in text:
            self.said.append(text)


def work(
    folder: Path,
    of: Sequence[Task],
    holder: Held,
    manner: Manner = TO_EN,
    *,
    told: Told | None = None,
    stop_at: float | None = None,
    retry_failed: bool = False,
    digest: str = "",
    progress: Progress | None = None,
) -> Translated:
    """Do a job, or go on with it; with `stop_at` it ends there: at 2.0 before the third record, at 2.5 after."""
    with Journal.open(folder, header()) as journal:
        if stop_at is not None:
            _stop(journal, stop_at)
        silent = progress or Silent()
        return translate(of, manner, holder, journal, silent, told, retry_failed=retry_failed, digest=digest)


def work_on(
    records: Iterable[Mapping[str, Any]], folder: Path, of: Sequence[Task], holder: Held
) -> Translated:
    """Go on with a job whose journal holds these records."""
    with Journal.open(folder, header()) as journal:
        for one in records:
            journal.append(one)
    return work(folder, of, holder)


def recorded(folder: Path) -> list[Mapping[str, Any]]:
    """What the journal holds."""
    with Journal.open(folder, header()) as journal:
        return list(journal.records)


def killed_and_not(folder: Path, count: int, slow: float = 0.0) -> tuple[Said, ...]:
    """The job that is killed: its replies depend on their batches, and one in four is no translation."""
    of = tasks(count)
    return work(folder, of, Held(Scripted(like_int8(of, bad=4), slow=slow))).said


def _stop(journal: Journal, at: float) -> None:
    append, left = journal.append, [at]

    def stopping(record: Mapping[str, Any]) -> None:
        if left[0] == 0:
            raise Stopped
        append(record)
        if left[0] == 0.5:
            raise Stopped
        left[0] -= 1

    journal.append = stopping  # type: ignore[method-assign]
