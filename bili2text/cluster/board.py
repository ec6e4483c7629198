"""Who has which recording, what waits, and what becomes of one whose worker died. Pure: no clock, no Ray."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Literal

from bili2text.cluster.values import Job
from bili2text.lists.values import DEATHS, Place

Fate = Literal["again", "quarantined", "failed"]
LOSSES = 10  # of a recording's worker for a reason that lies elsewhere: a node removed, a line cut
MISFITS = 3  # workers that had no model, no room or no disk for it


@dataclass(frozen=True, slots=True)
class Case:
    """What a recording has been through in this run."""

    deaths: int = 0  # workers that died in the midst of it
    losses: int = 0
    misfits: int = 0


@dataclass(slots=True)
class Board:
    """Recordings that wait for a worker, and those that are worked at: each in one place at a time.

    A worker has one recording at a time: with two, nobody could tell which of them killed it.
    """

    _waiting: deque[Job] = field(default_factory=deque)
    _taken: dict[Hashable, Job] = field(default_factory=dict)  # by worker
    _cases: dict[Place, Case] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        """How many wait for a worker."""
        return len(self._waiting)

    @property
    def taken(self) -> int:
        """How many are worked at."""
        return len(self._taken)

    def case(self, place: Place) -> Case:
        """Return what a recording has been through."""
        return self._cases.get(place, Case())

    def offer(self, job: Job) -> None:
        """Put a recording at the end. Raises ValueError for one that is here already."""
        here = [*self._waiting, *self._taken.values()]
        if any(one.place == job.place for one in here):
            raise ValueError(f"twice: {job.place}")
        self._waiting.append(job)

    def take(self, worker: Hashable) -> Job | None:
        """Give the first that waits to a worker; None where none does.

        Raises ValueError for a worker that has one.
        """
        if worker in self._taken:
            raise ValueError("a worker has one recording at a time")
        if not self._waiting:
            return None
        job = self._taken[worker] = self._waiting.popleft()
        return job

    def settled(self, worker: Hashable) -> Job | None:
        """Take back what a worker had and is done with, well or not; None where it had nothing."""
        return self._taken.pop(worker, None)

    def died(self, worker: Hashable, *, blamed: bool) -> tuple[Job, Fate] | None:
        """Take back what a worker had when it died, and say what becomes of it; None where it had nothing.

        It comes last now, so that one which kills holds up nobody. `blamed` is False where the death is
        known to have another cause.
        """
        job = self._taken.pop(worker, None)
        if job is None:
            return None
        case = self.case(job.place)
        case = replace(case, deaths=case.deaths + 1) if blamed else replace(case, losses=case.losses + 1)
        return job, self._again(job, case, quarantined=case.deaths >= DEATHS)

    def misfit(self, worker: Hashable) -> tuple[Job, Fate] | None:
        """Take back what a worker could not do for a reason of its own."""
        job = self._taken.pop(worker, None)
        if job is None:
            return None
        case = self.case(job.place)
        return job, self._again(job, replace(case, misfits=case.misfits + 1), quarantined=False)

    def _again(self, job: Job, case: Case, *, quarantined: bool) -> Fate:
        self._cases[job.place] = case
        if quarantined:
            return "quarantined"
        if case.losses >= LOSSES or case.misfits >= MISFITS:
            return "failed"
        self._waiting.append(job)
        return "again"
