"""The speech engine's process: loads a model, answers its parent, and ends with it.

The two pipes are taken away from standard input and output before the engine is imported: what CTranslate2 or
CUDA print goes to standard error. A thread of its own listens, so that the parent's end is noticed while
the engine computes: no process is left behind with a card's memory.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import traceback
from queue import SimpleQueue
from typing import TYPE_CHECKING, NoReturn

from bili2text.gpu.account import Account
from bili2text.transcribe import wire
from bili2text.transcribe.engine import DecodeOptions, Effort
from bili2text.transcribe.plain import plain, typed
from bili2text.transcribe.stats import AccountWish, EngineStats, Ready, peak_rss_mib
from bili2text.transcribe.wire import Frame

if TYPE_CHECKING:
    from bili2text.transcribe.ct2 import Ct2Engine

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> NoReturn:
    """Answer the parent until it closes; never returns."""
    # Ctrl-C reaches every process of a terminal: what it means for the engine, the parent decides
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line = _Line()
    try:
        code = _serve(line)
    except OSError:  # the parent no longer reads
        code = 1
    # without Python's own end: unloading a model may crash (OpenNMT/CTranslate2#1782), the system will do it
    os._exit(code)


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


def _serve(line: _Line) -> int:
    """Load what the first request says, answer those after it, and return the exit code."""
    account: Account | None = None
    try:
        order: dict[str, object] = typed(dict[str, object], line.next().body)
        if order["bound"]:
            _end_with_parent()
        account = _account(order, line)
        engine = _load(order)
    except Exception as error:  # noqa: BLE001 - whatever fails, the parent hears of it
        if account is not None:
            account.close()
        line.say(_failed(error))
        return 1
    line.say(Frame("ready", plain(Ready(engine.multilingual, engine.compute_type))))
    while (request := line.next()).kind != "close":
        line.say(_answer(request, engine, account))
    if account is not None:
        account.close()
    line.say(_stats(account))
    return 0


def _load(order: dict[str, object]) -> Ct2Engine:
    from bili2text.transcribe.ct2 import Ct2Engine
    from bili2text.transcribe.engine import Load

    load = typed(Load, order["load"])
    if load.device == "cuda":
        from bili2text.gpu.libraries import load_cublas

        load_cublas()  # where it is missing, CTranslate2 says so itself
    return Ct2Engine(load, typed(DecodeOptions, order["options"]))


def _account(order: dict[str, object], line: _Line) -> Account | None:
    if order["account"] is None:
        return None
    wish = typed(AccountWish, order["account"])
    return Account(wish.index, wish.uuid, wish.watching, wish.folder, line.warn)


def _answer(request: Frame, engine: Ct2Engine, account: Account | None) -> Frame:
    try:
        if request.kind == "decode":
            effort = typed(Effort, typed(dict[str, object], request.body)["effort"])
            return Frame("decoded", plain(engine.decode(wire.windows_of(request), effort)))
        if request.kind == "languages":
            return Frame("languages", plain(engine.languages(request.sounds)))
        if request.kind == "check_language":
            engine.check_language(None if request.body is None else typed(str, request.body))
            return Frame("known")
        if request.kind == "stats":
            return _stats(account)
        return wire.of_error(wire.WireError(f"the speech engine knows no request {request.kind!r}"))
    except Exception as error:  # noqa: BLE001 - whatever fails, the parent hears of it
        return _failed(error)


def _failed(error: Exception) -> Frame:
    if os.environ.get("BILI2TEXT_DEBUG"):
        traceback.print_exception(error)
    return wire.of_error(error)


def _stats(account: Account | None) -> Frame:
    found = EngineStats(peak_rss_mib())
    if account is not None:
        found = EngineStats(found.peak_rss_mib, account.measured, account.watched, account.log)
    return Frame("stats", plain(found))


def _end_with_parent() -> None:
    """Have Linux kill this process when the thread that started it ends, even where Python is held up."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
