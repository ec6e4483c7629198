"""The workers of a cluster: which machines are there, who sits where, who is replaced when."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from bili2text.cluster.ray_cluster import Answer, Death
from bili2text.cluster.seats import replaced_after, seats
from bili2text.cluster.values import Job, Node, Planned, Seat, Told, Trouble, error_of
from bili2text.cluster.worker import for_workers
from bili2text.errors import Bili2TextError
from bili2text.progress import Progress
from bili2text.request import Request

State = Literal["empty", "scouting", "starting", "idle", "busy", "closed"]
# what is wrong with a worker's machine, not with its recording
MISFITS = frozenset(
    {"ModelError", "DependencyError", "OutOfMemory", "DeviceFailure", "PrecisionFailure", "StorageError"}
)
_LOOK = 2.0  # seconds between two looks at which machines are there
_PARTING = 20.0  # seconds in which workers that were asked to end are waited for


class Cluster(Protocol):
    """What a crew needs of a cluster; RayCluster is one."""

    def nodes(self) -> tuple[Node, ...]:
        """Return the machines that are there now."""

    def start(self, seat: Seat) -> Any:  # noqa: ANN401
        """Return a worker on its seat, on the way."""

    def ready(self, worker: Any, request: Request, address: str, word: str) -> Any:  # noqa: ANN401
        """Ask a worker what would run there."""

    def transcribe(self, worker: Any, node: str, job: Job) -> Any:  # noqa: ANN401
        """Ask a worker for a recording. Raises OSError for a file that cannot be sent."""

    def closing(self, worker: Any) -> Any:  # noqa: ANN401
        """Ask a worker to end."""

    def sweeping(self, node: str) -> Any:  # noqa: ANN401
        """Ask for what dead workers left on a node to be removed."""

    def wait(self, asked: Sequence[Any], seconds: float) -> list[Any]:
        """Return those of what was asked that are answered, as soon as one is, or after the seconds."""

    def answer(self, asked: Any, node: str) -> Answer:  # noqa: ANN401
        """Return an answer that is there, or how the one who should give it died."""

    def kill(self, worker: Any) -> None:  # noqa: ANN401
        """End a worker, if it is not dead yet."""


@dataclass(slots=True)
class _Place:
    """A seat and who sits on it."""

    seat: Seat
    state: State = "empty"
    worker: Any = None
    asked: Any = None
    due: float = 0.0  # when an empty one may be taken
    unstarted: int = 0
    undone: int = 0


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a worker's recording."""

    worker: int
    answer: Told | Trouble | Death


class Crew:
    """Keeps every seat of the cluster taken. Close it."""

    def __init__(
        self,
        cluster: Cluster,
        request: Request,
        address: str,
        word: str,
        progress: Progress,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nobody is started yet. `word` was left in the place of results."""
        self._cluster, self._request, self._progress, self._clock = cluster, request, progress, clock
        self._address, self._word = address, word
        self._places: list[_Place] = []
        self._known: set[str] = set()  # nodes that were looked at
        self._unswept: set[str] = set()  # nodes on which somebody died
        self._looked = -_LOOK
        self._why: Trouble | None = None  # what the last worker that could not begin said
        self.deaths = 0

    @property
    def idle(self) -> tuple[int, ...]:
        """The workers that could have a recording now."""
        return tuple(number for number, place in enumerate(self._places) if place.state == "idle")

    def tend(self) -> None:
        """Look at new machines, and take seats that are due.

        Raises the error of the last that could not begin once nobody can work any more.
        """
        now = self._clock()
        if now - self._looked >= _LOOK:
            self._looked = now
            self._look()
        for place in self._places:
            if place.state == "empty" and place.due <= now:
                self._start(place)
        if all(place.state == "closed" for place in self._places):
            why = self._why or Trouble("RuntimeFailure", "no machine of the cluster can work at this")
            error = error_of(why)
            raise type(error)(f"no worker is left: {error.message}", hint=error.hint)

    def give(self, number: int, job: Job) -> None:
        """Give an idle worker a recording. Raises OSError for a file that cannot be sent."""
        place = self._places[number]
        place.asked = self._cluster.transcribe(place.worker, place.seat.node, job)
        place.state = "busy"

    def came(self, seconds: float) -> Iterable[Came]:
        """Yield what came of recordings, waiting that long for the first; those who died are replaced."""
        by_asked = {
            place.asked: number for number, place in enumerate(self._places) if place.asked is not None
        }
        for asked in self._cluster.wait(list(by_asked), seconds):
            number = by_asked[asked]
            place = self._places[number]
            place.asked = None
            found = self._cluster.answer(asked, place.seat.node)
            if place.state == "busy":
                assert isinstance(found, (Told, Trouble, Death))  # noqa: S101 - what `transcribe` answers
                self._done(place, found)
                yield Came(number, found)
            else:
                self._begun(place, found)

    def close(self) -> None:
        """End all workers; on machines where one died or was at work, what it left is removed."""
        asked = []
        for place in self._places:
            if place.state == "idle":
                asked.append(self._cluster.closing(place.worker))
            elif place.worker is not None:
                self._ended(place)
        until = self._clock() + _PARTING
        while asked and (left := until - self._clock()) > 0:
            done = self._cluster.wait(asked, left)
            asked = [one for one in asked if one not in done]
        there = {node.id for node in self._cluster.nodes()}
        swept = [self._cluster.sweeping(node) for node in self._unswept & there]
        while swept and self._clock() < until:
            done = self._cluster.wait(swept, 1.0)
            swept = [one for one in swept if one not in done]
        for place in self._places:
            if place.worker is not None:
                self._cluster.kill(place.worker)
            place.state, place.worker = "closed", None

    def _look(self) -> None:
        there = {node.id: node for node in self._cluster.nodes()}
        for place in self._places:
            if place.seat.node not in there and place.state in ("empty", "idle"):
                place.state, place.worker = "closed", None
        for node in there.values():
            if node.id not in self._known and node.cpus:
                self._known.add(node.id)
                # a whole card, so that its plan knows of no neighbour of ours
                self._places.append(_Place(Seat(node.id, 0.0, min(1.0, node.gpus))))

    def _start(self, place: _Place) -> None:
        place.worker = self._cluster.start(place.seat)
        request = for_workers(self._request, place.seat.planned)
        place.asked = self._cluster.ready(place.worker, request, self._address, self._word)
        place.state = "scouting" if place.seat.planned is None else "starting"

    def _begun(self, place: _Place, found: Answer) -> None:
        if not isinstance(found, Planned):
            if isinstance(found, Trouble):
                self._why = found
            self._lost(place, started=False)
        elif place.state == "starting":
            place.state, place.unstarted = "idle", 0
        else:
            self._seat(place, found)

    def _seat(self, scout: _Place, planned: Planned) -> None:
        """Make the seats of a machine by what its scout planned; the scout has done its work."""
        self._ended(scout)
        scout.state = "closed"
        node = next((one for one in self._cluster.nodes() if one.id == scout.seat.node), None)
        if node is None:
            return
        made = seats(node, planned)
        self._places.extend(_Place(seat) for seat in made)
        what = f"{planned.model}, {planned.compute_type}, on {planned.device_name}"
        self._progress.note(f"{node.address}: {len(made)} x {what}")

    def _done(self, place: _Place, found: Told | Trouble | Death) -> None:
        trouble = found.trouble if isinstance(found, Told) else None
        if isinstance(found, Death):
            self.deaths += 1
            self._lost(place, started=True)
        elif trouble is not None and trouble.kind in MISFITS:
            self._why = trouble
            self._lost(place, started=False)
        else:
            place.state, place.unstarted, place.undone = "idle", 0, 0

    def _lost(self, place: _Place, *, started: bool) -> None:
        """Free a seat whose worker died or cannot work; the next comes when it is due, or never."""
        self._ended(place)
        place.undone += started
        place.unstarted += not started
        pause = replaced_after(place.unstarted, place.undone)
        gone = all(node.id != place.seat.node for node in self._cluster.nodes())
        place.state = "closed" if pause is None or gone else "empty"
        place.due = self._clock() + (pause or 0.0)

    def _ended(self, place: _Place) -> None:
        """End a worker, dead or not; somebody has to clear up behind it."""
        self._unswept.add(place.seat.node)
        self._cluster.kill(place.worker)
        place.worker = place.asked = None


def misfit(found: Told | Trouble | Death) -> bool:
    """Return whether an answer says something of the worker, not of its recording."""
    return isinstance(found, Told) and found.trouble is not None and found.trouble.kind in MISFITS


def trouble(found: Told | Trouble) -> Bili2TextError | None:
    """Return the error in an answer; None where there is none."""
    if isinstance(found, Trouble):
        return error_of(found)
    return None if found.trouble is None else error_of(found.trouble)
