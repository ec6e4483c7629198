"""A job: sentences through a translator group by group, each written down the moment it is good.

A group that was interrupted is asked again as it was, and of what comes back only what is not written down
yet is kept. As groups, and what is asked in them, follow from the sentences and the batch size alone, the
result after a kill is that of a run without. For the same reason a batch never grows within a job: how much
memory is free differs from run to run, so a job begins with the size that earlier jobs were seen to have
room for, and only a lack of memory, which is written down as a step, makes it smaller.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

from bili2text.errors import RuntimeFailure, StorageError
from bili2text.jobs.journal import Journal
from bili2text.progress import Progress, Stage
from bili2text.translate import notes
from bili2text.translate.batch import Around, translated
from bili2text.translate.groups import Group, copies, groups, neighbours, repeats
from bili2text.translate.holder import CARD_FAILURES, Holder, asked, give_way
from bili2text.translate.manner import Manner
from bili2text.translate.records import (
    Begin,
    Finished,
    Pin,
    Recalled,
    Retry,
    Step,
    alike,
    is_other,
    recall,
    record,
)  # fmt: skip
from bili2text.translate.repair import better
from bili2text.translate.told import StaleJob, Told, Translated, as_line
from bili2text.translate.values import Said, Task


def translate(
    tasks: Sequence[Task],
    manner: Manner,
    holder: Holder,
    journal: Journal,
    progress: Progress,
    told: Told | None = None,
    *,
    retry_failed: bool = False,
    digest: str = "",
) -> Translated:
    """Return a translation of every sentence, having asked for those that the journal does not hold yet.

    `told` hears of each when it is on the disk; without it `progress` is told a line of text. With
    `retry_failed` the sentences that failed, now or in an earlier run, are asked for once more after all
    others; one that fails again keeps the better of its texts. `digest` is that of the model it must be: what
    another one has said counts no more. Raises StaleJob when the journal has to be begun anew, StorageError
    when it cannot be written, and what the translator raises when no plan is left.
    """
    if not tasks:
        return Translated((), (), 0, 0, 0.0)
    return _Worker(tasks, manner, holder, journal, progress, told).run(digest, retry_failed=retry_failed)


class _Worker:
    """Holds what is translated so far."""

    def __init__(
        self,
        tasks: Sequence[Task],
        manner: Manner,
        holder: Holder,
        journal: Journal,
        progress: Progress,
        told: Told | None,
    ) -> None:
        self._tasks = {task.sentence.number: task for task in tasks}
        self._manner, self._holder, self._journal, self._progress = manner, holder, journal, progress
        self._told = told or (lambda task, said: progress.note(as_line(task, said)))
        self._firsts = repeats(tasks)
        self._alike: dict[int, list[Task]] = {}  # by the number of the first of them
        for task in tasks:
            self._alike.setdefault(self._firsts[task.sentence.number], []).append(task)
        self._asked_for = [self._tasks[number] for number in sorted(self._alike)]
        self._near = neighbours(tasks)
        self._said: dict[int, Said] = {}
        self._steps: list[Step] = []
        self._groups: list[tuple[Group, int]] = []  # and how often their sentences were asked before
        self._finished = 0  # groups
        self._withdrawn: set[int] = set()  # what was told as good and is another sentence's
        self._left: set[int] = set()  # sentences still to come
        self._written: set[int] = set()  # by this run
        self._stage: Stage | None = None
        self._pin: Pin | None = None  # what an earlier run used, until it is loaded again
        self._work = 0.0

    def run(self, digest: str, *, retry_failed: bool) -> Translated:
        found = self._recall(digest)
        begin = found.begin or self._begin()
        self._plan(begin, found.retries)
        pending = self._finished < len(self._groups)
        if pending:
            self._ask_all()
        else:
            self._progress.note(notes.there_already(found.pin or begin.pin))
        if not found.retries:
            self._again(begin, copies(self._asked_for, self._said, self._near), "copied")
        retrying = pending and [retry.why for retry in found.retries[-1:]] == ["failed"]
        if retry_failed and not retrying:  # a run that goes on with that retry does not begin the next
            self._again(begin, tuple(one for one in self._said if self._said[one].needs_review), "failed")
        said = tuple(replace(self._said[first], number=number) for number, first in self._firsts.items())
        steps, asked = tuple(self._steps), sum(first in self._written for first in self._firsts.values())
        pin = steps[-1].pin if steps else begin.pin
        return Translated(said, steps, asked, len(said) - asked, self._work, pin)

    def _recall(self, digest: str) -> Recalled:
        """Take what is in the journal. Raises StaleJob when it makes no sense."""
        try:
            found = recall(self._journal.records, sorted(self._alike))
        except ValueError as error:
            raise StaleJob(f"the journal makes no sense ({error})") from error
        if found.pin is not None and is_other(found.pin.digest, digest):
            raise StaleJob(notes.OTHER_MODEL)
        self._said, self._steps, self._finished = dict(found.said), list(found.steps), found.finished
        self._pin = found.pin
        return found

    def _begin(self) -> Begin:
        reasons = self._holder.begin(None)
        begin = Begin(len(self._alike), self._holder.pin, reasons)
        self._journal.append(record(begin))
        return begin

    def _plan(self, begin: Begin, retries: Sequence[Retry]) -> None:
        """Make the groups, those of the journal's retries included."""
        self._add([self._tasks[number] for number in sorted(self._alike)], begin, 0)
        for retry in retries:
            self._add_retry(retry, begin)
        written = self._numbers(self._groups[: self._finished])
        if self._finished > len(self._groups) or not written <= set(self._said):
            raise StaleJob("the journal makes no sense (a group is not whole)")

    def _add(self, tasks: Sequence[Task], begin: Begin, turn: int) -> None:
        self._groups += ((group, turn) for group in groups(tasks, begin.pin.batch_size))

    def _add_retry(self, retry: Retry, begin: Begin) -> None:
        tasks = [self._tasks[number] for number in retry.numbers]
        self._withdrawn = set()
        if retry.why == "copied":  # it was the context that was translated
            self._withdrawn = set(retry.numbers)
            tasks = [replace(task, before=(), after=()) for task in tasks]
        self._add(tasks, begin, 1 + max(turn for _, turn in self._groups))

    def _again(self, begin: Begin, numbers: Sequence[int], why: Literal["copied", "failed"]) -> None:
        """Ask once more for some sentences, in groups of their own."""
        if not numbers:
            return
        retry = Retry(tuple(sorted(numbers)), why)
        self._journal.append(record(retry))
        self._add_retry(retry, begin)
        self._ask_all(notes.once_more(sum(first in numbers for first in self._firsts.values()), why))

    def _load(self) -> None:
        """Load the translator that an interrupted run had, if there was one; another one is a step."""
        pin, self._pin = self._pin, None
        if pin is None:
            return
        self._holder.begin(pin)
        mine = self._holder.pin
        if mine.model == pin.model and is_other(mine.digest, pin.digest):
            raise StaleJob(notes.OTHER_MODEL)
        if not alike(mine, pin):
            was = f"{pin.model} in {pin.precision}, batch {pin.batch_size}, on {pin.device_name}"
            self._step(self._finished, f"{was} is not to be had now")

    def _ask_all(self, why: str = "") -> None:
        """Ask for the groups that are left, and write each down; `why` says what they are asked for."""
        self._load()
        waiting = self._numbers(self._groups[self._finished :])
        good = {number for number, said in self._said.items() if not said.needs_review}
        self._left = waiting - (good - self._withdrawn)
        total = sum(first in self._left for first in self._firsts.values())
        if why := why or notes.going_on(len(self._firsts) - total, len(self._firsts)):
            self._progress.note(why)
        with self._progress.stage("translate", total, "sentences") as stage:
            self._stage = stage
            for number in range(self._finished, len(self._groups)):
                for said in self._translated(number):
                    self._keep(said)
                self._journal.append(record(Finished(number)))
                self._finished += 1

    def _translated(self, number: int) -> tuple[Said, ...]:
        """Return the translations of a group; when the device fails it is asked again by the next plan."""
        group, turn = self._groups[number]
        around = Around(self._near, self._others(turn))
        ask = partial(asked, self._holder)
        while True:
            began = time.monotonic()
            try:
                return translated(group, self._manner, around, ask, self._keep, turn=turn)
            except StorageError:
                raise
            except CARD_FAILURES as error:
                give_way(self._holder, error)
                self._step(number, error.message)
            except RuntimeFailure as error:
                if not self._holder.revive(error, number):
                    raise
            finally:
                self._work += time.monotonic() - began

    def _keep(self, said: Said) -> None:
        """Write down a translation, unless a good one of that sentence is there that was not withdrawn."""
        number = said.number
        before = self._said.get(number)
        if before is not None and number not in self._withdrawn:
            said = better(before, said)
        if said != before:
            self._journal.append(record(said))
            self._said[number] = said
            self._written.add(number)
            for task in self._alike[number]:
                self._told(task, replace(said, number=task.sentence.number))
        if self._stage and number in self._left:
            self._left.remove(number)
            self._stage.advance(len(self._alike[number]))

    def _others(self, turn: int) -> dict[str, str]:
        """Return the translations that those of one turn may not copy: all that are not asked again in it.

        The first time none are known: which of two equal ones is the copy is seen when all are there.
        """
        if not turn:
            return {}
        asked = self._numbers([one for one in self._groups if one[1] == turn])
        said = (self._said[number] for number in sorted(self._said.keys() - asked))
        return {self._tasks[one.number].sentence.text: one.text for one in said if not one.needs_review}

    def _step(self, number: int, why: str) -> None:
        step = Step(number, why, self._holder.pin)
        self._steps.append(step)
        self._journal.append(record(step))

    @staticmethod
    def _numbers(groups: Sequence[tuple[Group, int]]) -> set[int]:
        return {task.sentence.number for group, _ in groups for task in group}
