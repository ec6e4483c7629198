"""Recordings fetched by threads of the driver, as far ahead of the workers as a bounded queue lets them.

Links are followed where the list is: cookies and keys stay on this machine, and a site sees one address.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Collection
from contextlib import closing
from typing import Generic, TypeVar

from bili2text.lists.values import Entry, Place
from bili2text.prefetch import Finding, Stoppable, Stopped
from bili2text.progress import Progress

F = TypeVar("F")
Chosen = Callable[[Entry], bool]
Find = Callable[[Chosen, Progress], Finding[F]]
_GLANCE = 0.2  # seconds after which one with nothing to do looks whether there is more by now
_GRACE = 5.0  # seconds in which threads that were asked to end are waited for


class Fetching(Generic[F]):
    """Threads that walk a list together, each entry in one of them. Close it."""

    def __init__(
        self, find: Find[F], wanted: Chosen, progress: Progress, *, threads: int, ahead: int
    ) -> None:
        """Begin. `wanted` may refuse an entry for good; it is asked once for each, in any thread."""
        self._find, self._wanted, self._progress = find, wanted, progress
        self._stopping = threading.Event()
        self._found: queue.Queue[F] = queue.Queue(ahead)
        self._changed = threading.Condition()
        self._claimed: set[Place] = set()
        self._late: set[Place] = set()
        self._working: set[int] = set()  # threads that have an entry
        self._idle: set[int] = set()  # threads that found nothing more
        self._round = 0
        self._error: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._walk, args=(number,), name=f"fetch-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def take(self) -> F | None:
        """Return something found, or None where nothing is there yet. Raises what a thread raised."""
        if self._error is not None:
            raise self._error
        try:
            return self._found.get_nowait()
        except queue.Empty:
            return None

    @property
    def quiet(self) -> bool:
        """Whether everything was found and taken."""
        with self._changed:
            over = len(self._idle) == len(self._threads)
        return over and self._found.empty() and self._error is None

    def again(self, places: Collection[Place]) -> None:
        """Let entries that failed be tried once more."""
        with self._changed:
            self._claimed.difference_update(places)
            self._late.update(places)
            self._round += 1
            self._idle.clear()
            self._changed.notify_all()

    def close(self) -> None:
        """Ask the threads to end; one that hangs in a connection is left behind and ends with it."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(_GRACE)

    def _walk(self, me: int) -> None:
        seen = -1
        try:
            while (seen := self._next_round(me, seen)) >= 0:
                progress = Stoppable(self._progress, self._stopping)
                with closing(self._find(lambda entry: self._mine(entry, me), progress)) as found:
                    for one in found:
                        self._put(one)
                with self._changed:
                    self._working.discard(me)
                    self._changed.notify_all()
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again where somebody can hear it
            self._error = error

    def _next_round(self, me: int, seen: int) -> int:
        """Return the round to walk: a new one, or the same while others may find lists; -1 for none."""
        with self._changed:
            if seen == self._round and self._working - {me}:
                self._changed.wait(_GLANCE)
            while seen == self._round and not self._working and not self._stopping.is_set():
                self._idle.add(me)
                self._changed.wait()
            self._idle.discard(me)
            return -1 if self._stopping.is_set() else self._round

    def _mine(self, entry: Entry, me: int) -> bool:
        """Return whether this thread may have the entry: it, and nobody else, from now on."""
        with self._changed:
            if entry.place in self._claimed or (entry.tries > 0 and entry.place not in self._late):
                return False
            self._claimed.add(entry.place)
            self._working.add(me)
        return self._wanted(entry)

    def _put(self, one: F) -> None:
        while True:
            if self._stopping.is_set():
                raise Stopped
            try:
                self._found.put(one, timeout=_GLANCE)
            except queue.Full:
                continue
            return
