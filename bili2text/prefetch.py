"""The next recording is fetched while this one is transcribed: a thread that is never far ahead.

What it finds waits in a queue with room for as many as it may be ahead. It is asked to end by raising
`Stopped` from the progress it reports to, which a download does with every block.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Generic, TypeVar

from bili2text.errors import Bili2TextError
from bili2text.progress import Progress, Stage
from bili2text.source.media import Item, Media

T = TypeVar("T")
Finding = Generator[T, None, None]
_GRACE = 5.0  # seconds in which a thread that was asked to end is waited for
_GLANCE = 0.5  # seconds after which one who waits looks up: Windows hears no Ctrl-C before


class Stopped(BaseException):
    """Nobody takes what is fetched any more. No error: only what cleans up should see it pass."""


def ahead(find: Callable[[Progress], Finding[T]], progress: Progress, count: int = 1) -> Finding[T]:
    """Yield what `find` yields, in its order; a thread walks it, at most `count` further than the taker.

    `find` reports to the progress it is given. An error it raises is raised here, after what it yielded
    before. When the taker closes this, by Ctrl-C or an error of its own, the thread ends at its next report,
    and is waited for some seconds; one that hangs in a connection is left behind and ends with it.
    """
    hand: _Hand[T] = _Hand(count)
    thread = threading.Thread(target=hand.fill, args=(find, progress), name="prefetch", daemon=True)
    thread.start()
    try:
        yield from hand.taken()
    finally:
        hand.stop()
        thread.join(_GRACE)


def fetched(item: Item) -> Item:
    """Return the item with its media fetched, or with the error that came instead, for its own taker."""
    try:
        media = item.fetch()
    except Bili2TextError as error:
        failure = error.with_traceback(None)
        return replace(item, fetch=lambda: _raised(failure))
    return replace(item, fetch=lambda: media)


def _raised(error: Bili2TextError) -> Media:
    raise error


@dataclass(frozen=True, slots=True)
class _Found(Generic[T]):
    value: T


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None


class _Hand(Generic[T]):
    """What is handed from the thread that finds to the one that takes."""

    def __init__(self, count: int) -> None:
        self._room = threading.Semaphore(count)
        self._stopping = threading.Event()
        self._found: queue.SimpleQueue[_Found[T] | _End] = queue.SimpleQueue()

    def fill(self, find: Callable[[Progress], Finding[T]], progress: Progress) -> None:
        """Find all there is, waiting for room before each. Runs in the thread."""
        error: BaseException | None = None
        try:
            with closing(find(Stoppable(progress, self._stopping))) as found:
                self._each(found)
        except Stopped:
            pass
        except BaseException as caught:  # noqa: BLE001 - it is raised again where somebody can hear it
            error = caught
        self._found.put(_End(error))

    def _each(self, found: Iterator[T]) -> None:
        while True:
            self._room.acquire()
            if self._stopping.is_set():
                return
            try:
                value = next(found)
            except StopIteration:
                return
            self._found.put(_Found(value))

    def taken(self) -> Iterator[T]:
        """Yield what was found; taking one makes room for the next."""
        while True:
            one = self._next()
            if isinstance(one, _End):
                if one.error is not None:
                    raise one.error
                return
            self._room.release()
            yield one.value

    def stop(self) -> None:
        """Ask the thread to end."""
        self._stopping.set()
        self._room.release()

    def _next(self) -> _Found[T] | _End:
        while True:
            try:
                return self._found.get(timeout=_GLANCE)
            except queue.Empty:
                continue


class Stoppable:
    """A Progress that passes everything on, until it is stopped: then each report raises Stopped."""

    def __init__(self, inner: Progress, stopping: threading.Event) -> None:
        self._inner = inner
        self._stopping = stopping

    def stage(self, name: str, total: float | None, unit: str) -> Stage:
        """Open a stage that can be stopped."""
        return _StoppableStage(self._heard().stage(name, total, unit), self._heard)

    def note(self, text: str) -> None:
        """Pass it on."""
        self._heard().note(text)

    def warn(self, text: str) -> None:
        """Pass it on."""
        self._heard().warn(text)

    def show(self, text: str) -> None:
        """Pass it on."""
        self._heard().show(text)

    def _heard(self) -> Progress:
        if self._stopping.is_set():
            raise Stopped
        return self._inner


class _StoppableStage:
    def __init__(self, inner: Stage, check: Callable[[], object]) -> None:
        self._inner = inner
        self._check = check

    def advance(self, amount: float) -> None:
        self._check()
        self._inner.advance(amount)

    def grow(self, total: float) -> None:
        self._check()
        self._inner.grow(total)

    def __enter__(self) -> Stage:
        self._inner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inner.__exit__(kind, error, trace)
