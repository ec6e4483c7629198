"""Where requests wait: those that arrive together are put to the translator together, by one thread.

The thread owns the translator: loads it, asks it, unloads it when nobody asked for a while.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass

from bili2text.errors import Bili2TextError, OutOfMemory, RuntimeFailure
from bili2text.progress import Progress
from bili2text.serving.values import Limits
from bili2text.translators.engine import Decoding, Prompt, Reply, Translator

Factory = Callable[[], Translator]


class BusyError(Exception):
    """Too many wait already."""


class ClosingError(Exception):
    """The server is about to end."""


@dataclass(frozen=True, slots=True)
class _Ticket:
    prompt: Prompt
    decoding: Decoding
    reply: Future[Reply]


class Desk:
    """Takes requests from any thread. Close it."""

    def __init__(self, factory: Factory, limits: Limits, progress: Progress) -> None:
        """Nothing is loaded yet. `factory` loads the translator, in the thread that will use it."""
        self._factory = factory
        self._limits = limits
        self._progress = progress
        self._batch = max(1, limits.batch)  # smaller once memory ran out
        self._room: int | None = None  # prompts, once memory ran out
        self._translator: Translator | None = None
        self._waiting: deque[_Ticket] = deque()
        self._computed: list[_Ticket] = []  # the batch that is with the translator
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="translator", daemon=True)
        self._ready: Future[None] = Future()

    def open(self) -> None:
        """Load the translator; raises what the factory raises."""
        self._thread.start()
        self._ready.result()

    @property
    def batch(self) -> int:
        """How many prompts are computed together, at most."""
        return self._batch

    def fit(self, batch: int) -> None:
        """Keep to the batch that the translator was loaded for. For the factory to call.

        Where memory ran out before, the batch stays as small as that has made it.
        """
        self._batch = max(1, min(batch, self._room or batch))

    @property
    def loaded(self) -> bool:
        """Whether the model is in memory now."""
        return self._translator is not None

    def ask(self, prompt: Prompt, decoding: Decoding) -> Future[Reply]:
        """Return the reply to come. It raises what the translator or its loading raised, or ClosingError.

        Raises BusyError or ClosingError.
        """
        ticket = _Ticket(prompt, decoding, Future())
        with self._changed:
            if self._closing:
                raise ClosingError
            if len(self._waiting) >= self._limits.waiting:
                raise BusyError
            self._waiting.append(ticket)
            self._changed.notify_all()
        return ticket.reply

    def close(self) -> None:
        """Refuse what waits, let the batch that is computed end within the limit, unload the translator.

        A batch that takes longer is refused as well, and goes on until the process ends.
        """
        with self._changed:
            self._closing = True
            left = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        for ticket in left:
            _fail(ticket, ClosingError())
        if self._thread.ident is not None:
            self._thread.join(self._limits.grace)
        for ticket in self._computed:
            _fail(ticket, ClosingError())

    def _work(self) -> None:
        try:
            self._load()
        except Exception as error:  # noqa: BLE001 - it is raised by whoever opened this
            self._ready.set_exception(error)
            return
        self._ready.set_result(None)
        while (tickets := self._next()) is not None:
            if tickets:
                self._answer(tickets)
            else:
                self._progress.note("nobody asked for a while: the model is unloaded until somebody does")
                self._unload()
        self._unload()

    def _next(self) -> list[_Ticket] | None:
        """Return the next batch, an empty one when the model should be unloaded, None at the end."""
        with self._changed:
            while not self._closing:
                ttl = self._limits.ttl if self._limits.ttl > 0 and self._translator is not None else None
                if not self._changed.wait_for(lambda: self._closing or self._waiting, ttl):
                    return []
                self._changed.wait_for(
                    lambda: self._closing or len(self._waiting) >= self._batch, self._limits.gather
                )
                if taken := self._taken():
                    self._computed = taken
                    return taken
            return None

    def _taken(self) -> list[_Ticket]:
        """Take from those that wait the first, and those that are decoded like it, in their order."""
        taken: list[_Ticket] = []
        left: deque[_Ticket] = deque()
        for ticket in self._waiting:
            alike = not taken or ticket.decoding == taken[0].decoding
            if alike and len(taken) < self._batch and ticket.reply.set_running_or_notify_cancel():
                taken.append(ticket)
            elif not ticket.reply.cancelled():
                left.append(ticket)
        self._waiting = left
        return taken

    def _answer(self, tickets: Sequence[_Ticket]) -> None:
        """Answer every ticket, with a reply or an error. After an error the model is loaded anew."""
        left = list(tickets)
        while left:
            tried = left[: self._batch]
            try:
                translator = self._load()
            except Exception as error:  # noqa: BLE001 - whoever asked must be told, whatever it was
                _fail_all(left, error)
                return
            try:
                _generate(translator, tried)
            except OutOfMemory as error:
                self._unload()
                if len(tried) == 1:
                    _fail_all(tried, error)
                else:
                    self._batch = self._room = len(tried) // 2
                    self._progress.warn(f"{error.message}: from now on {self._batch} prompts at once")
            except Exception as error:  # noqa: BLE001 - the same
                self._unload()
                _fail_all(tried, error)
            left = [ticket for ticket in left if not ticket.reply.done()]

    def _load(self) -> Translator:
        if self._translator is None:
            began = time.monotonic()
            self._translator = self._factory()
            self._progress.note(f"the model was loaded in {time.monotonic() - began:.1f} s")
        return self._translator

    def _unload(self) -> None:
        translator, self._translator = self._translator, None
        if translator is not None:
            with suppress(Bili2TextError):  # it is to go, whatever it says
                translator.close()


def _generate(translator: Translator, tickets: Sequence[_Ticket]) -> None:
    def told(place: int, reply: Reply) -> None:
        _tell(tickets[place], reply)

    prompts = tuple(ticket.prompt for ticket in tickets)
    replies = translator.generate(prompts, tickets[0].decoding, told)
    if len(replies) != len(tickets):
        raise RuntimeFailure(f"the translator gave {len(replies)} replies to {len(tickets)} prompts")
    for ticket, reply in zip(tickets, replies, strict=True):
        _tell(ticket, reply)


def _tell(ticket: _Ticket, reply: Reply) -> None:
    with suppress(InvalidStateError):  # it was told, or refused, before
        ticket.reply.set_result(reply)


def _fail(ticket: _Ticket, error: Exception) -> None:
    with suppress(InvalidStateError):
        ticket.reply.set_exception(error)


def _fail_all(tickets: Sequence[_Ticket], error: Exception) -> None:
    for ticket in tickets:
        _fail(ticket, error)
