"""The process of a model, whichever it is: loads it, answers the parent, and ends with it.

The two pipes are taken away from standard input and output before the model's library is imported: what that
or CUDA print goes to standard error. A thread of its own listens, so that the parent's end is noticed while
the model computes: no process is left behind with a card's memory.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import NoReturn

from bili2text.gpu.account import Account
from bili2text.remote import wire
from bili2text.remote.plain import plain, typed
from bili2text.remote.stats import AccountWish, EngineStats, peak_rss_mib
from bili2text.remote.wire import Frame
from bili2text.remote.words import Words

_PR_SET_PDEATHSIG = 1  # linux/prctl.h

Say = Callable[[Frame], None]


@dataclass(frozen=True, slots=True)
class Order:
    """The first request: what to load, and how."""

    model: object  # the plain form of what this kind of process loads
    account: AccountWish | None
    bound: bool  # to the thread that started the process: it ends with that


@dataclass(frozen=True, slots=True)
class Service:
    """A loaded model, as its process serves it."""

    ready: object  # what it says of itself: a value that has a plain form
    answer: Callable[[Frame, Say], Frame]  # may say frames of kind "part" before the answer it returns


def serve(load: Callable[[object], Service], words: Words) -> NoReturn:
    """Load what the parent's order says of the model, and answer until it closes; never returns.

    Whatever `load` and `answer` raise is told to the parent; after an answer that failed the model goes on.
    """
    # Ctrl-C reaches every process of a terminal: what it means for the model, the parent decides
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = _Process(words).run(load)
    except OSError:  # the parent no longer reads
        code = 1
    # without Python's own end: unloading a model may crash (OpenNMT/CTranslate2#1782), the system will do it
    os._exit(code)


def unknown(request: Frame, words: Words) -> Frame:
    """Return the answer to a request that nobody knows."""
    return wire.of_error(wire.WireError(f"{words.name} knows no request {request.kind!r}"))


class _Line:
    """The two pipes, out of reach of whatever else reads or prints in this process."""

    def __init__(self) -> None:
        self._heard = os.fdopen(os.dup(0), "rb", buffering=0)
        self._said = os.fdopen(os.dup(1), "wb", buffering=0)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        self._said.write(wire.GREETING)
        self._lock = threading.Lock()  # a watch warns from its own thread
        self._requests: SimpleQueue[Frame] = SimpleQueue()
        threading.Thread(target=self._listen, name="wire", daemon=True).start()

    def next(self) -> Frame:
        """Return the next request."""
        return self._requests.get()

    def say(self, frame: Frame) -> None:
        """Send a frame. Raises OSError when nobody reads."""
        with self._lock:
            wire.write(self._said, frame, nan=True)

    def warn(self, text: str) -> None:
        """Send a warning, between two answers."""
        self.say(Frame("warn", text))

    def _listen(self) -> None:
        code = 0
        try:
            while (frame := wire.read(self._heard)) is not None:
                self._requests.put(frame)
        except (wire.WireError, OSError) as error:
            os.write(2, f"{error}\n".encode(errors="replace"))
            code = 1
        os._exit(code)


class _Process:
    """The order of things in the process."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._line = _Line()
        self._account: Account | None = None

    def run(self, load: Callable[[object], Service]) -> int:
        """Load, answer until the parent closes, and return the exit code. Raises OSError."""
        line = self._line
        try:
            order = typed(Order, line.next().body)
            if order.bound:
                _end_with_parent()
            self._account = _account(order.account, line)
            service = load(order.model)
            ready = Frame("ready", plain(service.ready))
        except Exception as error:  # noqa: BLE001 - whatever fails, the parent hears of it
            self._end_account()
            line.say(self._failed(error))
            return 1
        line.say(ready)
        while (request := line.next()).kind != "close":
            line.say(self._stats() if request.kind == "stats" else self._answer(request, service))
        self._end_account()
        line.say(self._stats())
        return 0

    def _answer(self, request: Frame, service: Service) -> Frame:
        try:
            return service.answer(request, self._line.say)
        except Exception as error:  # noqa: BLE001 - whatever fails, the parent hears of it
            return self._failed(error)

    def _failed(self, error: Exception) -> Frame:
        if os.environ.get("BILI2TEXT_DEBUG"):
            traceback.print_exception(error)
        return wire.of_error(self._words.error(error))

    def _stats(self) -> Frame:
        found = EngineStats(peak_rss_mib())
        account = self._account
        if account is not None:
            found = EngineStats(found.peak_rss_mib, account.measured, account.watched, account.log)
        return Frame("stats", plain(found))

    def _end_account(self) -> None:
        if self._account is not None:
            self._account.close()


def _account(wish: AccountWish | None, line: _Line) -> Account | None:
    if wish is None:
        return None
    return Account(wish.index, wish.uuid, wish.watching, wish.folder, line.warn)


def _end_with_parent() -> None:
    """Have Linux kill this process when the thread that started it ends, even where Python is held up."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
