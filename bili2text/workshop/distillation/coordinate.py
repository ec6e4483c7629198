"""Label a shard, train on it, delete it, next: for labels of 26 million samples fit on few disks.

One shard is on the disk at a time. Each step is written into the table before it begins and after it ended,
and may be done again from its beginning, so that a run that was killed anywhere goes on: labels that
are there are kept, a training goes on from its newest checkpoint, and what is gone is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from bili2text.errors import ModelError
from bili2text.progress import Progress
from bili2text.workshop.distillation import shards
from bili2text.workshop.distillation.shards import State, Table


class Crew(Protocol):
    """Who does the work. Each of its steps, done twice, has done what it does once."""

    def label(self, shard: int) -> None:
        """Have the shard whole on the disk. Raises what labelling raises."""

    def verify(self, shard: int) -> None:
        """Raise ModelError unless every byte of the shard is as it was written."""

    def train(self, student: str, shard: int) -> bool:
        """Train a student to the shard's last step; a checkpoint of it is on the disk when this returns.

        Returns whether it has learned enough (patience). Raises what training raises.
        """

    def delete(self, shard: int) -> None:
        """Remove the shard. One that is gone is fine. Raises StorageError."""


def coordinate(path: Path, table: Table, students: Sequence[str], crew: Crew, progress: Progress) -> Table:
    """Take every shard through all states, in order, and return the last table.

    `path` is where the table is kept. Once every student has learned enough, the shards that were not begun
    stay "waiting". Raises what the crew raises; the table then tells where to go on.
    """
    work = _Work(path, table, tuple(students), crew, progress)
    for shard in range(len(table.states)):
        work.finish(shard)
    return work.table


class _Work:
    def __init__(
        self, path: Path, table: Table, students: tuple[str, ...], crew: Crew, progress: Progress
    ) -> None:
        self._path = path
        self.table = table
        self._students = students
        self._crew = crew
        self._progress = progress
        self._steps: dict[State, Callable[[int], State]] = {
            "waiting": lambda _: "labelling",
            "labelling": self._label,
            "labelled": self._look,
            "training": self._train,
            "trained": lambda _: "deleting",
            "deleting": self._delete,
        }

    def finish(self, shard: int) -> None:
        """Take one shard to its end from wherever it is."""
        while (state := self.table.states[shard]) != "deleted":
            if state == "waiting" and set(self._students) <= self.table.stopped:
                return
            after = self._steps[state](shard)  # which may change the table itself
            self._keep(self.table.moved(shard, after))

    def _label(self, shard: int) -> State:
        self._crew.label(shard)
        return "labelled"

    def _look(self, shard: int) -> State:
        return "training" if self._is_whole(shard) else "labelling"

    def _train(self, shard: int) -> State:
        if not self._is_whole(shard):
            return "labelling"
        for student in self._students:
            if student not in self.table.stopped and self._crew.train(student, shard):
                self._keep(self.table.ended(student))
        return "trained"

    def _delete(self, shard: int) -> State:
        self._crew.delete(shard)
        return "deleted"

    def _is_whole(self, shard: int) -> bool:
        """Return whether a shard may be trained on; a damaged one is removed, to be labelled again."""
        try:
            self._crew.verify(shard)
        except ModelError as error:
            self._progress.warn(f"{error.message}: it is labelled again")
            self._crew.delete(shard)
            return False
        return True

    def _keep(self, table: Table) -> None:
        shards.save(table, self._path)
        self.table = table
