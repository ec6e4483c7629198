"""An Engine whose model lives in a process of its own: what kills that one, this one survives."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bili2text.errors import Bili2TextError
from bili2text.gpu import allocator
from bili2text.transcribe import wire
from bili2text.transcribe.child import EngineProcess
from bili2text.transcribe.engine import USUAL, Decoded, DecodeOptions, Effort, Load, Window
from bili2text.transcribe.plain import plain, typed
from bili2text.transcribe.stats import AccountWish, EngineStats, Ready
from bili2text.transcribe.wire import Frame, WireError

_GOODBYE = 5.0  # seconds
Value = TypeVar("Value")


class RemoteEngine:
    """An Engine in a child process, which ends with the thread that made it. Close it, or use `with`."""

    def __init__(
        self,
        load: Load,
        options: DecodeOptions,
        environ: Mapping[str, str],
        *,
        gpu: str = "",
        total_mib: int | None = None,
        account: AccountWish | None = None,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Start the process with `environ` and load the model, however long that takes.

        `gpu` is the UUID of the only card it shall see, which then is its card 0, and `total_mib` that card's
        memory. `warn` is called from another thread. Raises what Ct2Engine raises, DeviceFailure,
        RuntimeFailure or OutOfMemory when the process dies.
        """
        if gpu:
            load = replace(load, device_index=0)
        load = replace(load, folder=load.folder.absolute())
        self._stats = EngineStats()
        self._process = EngineProcess(
            child_environment(environ, load.device, gpu, total_mib), load.device, warn
        )
        # the system kills the child with the thread that made it, which may end before the program does
        bound = threading.current_thread() is threading.main_thread()
        if account is not None:
            account = replace(account, index=load.device_index, folder=account.folder.absolute())
        order = {"load": load, "options": options, "account": account, "bound": bound}
        try:
            ready = _body(Ready, self._process.ask(Frame("order", plain(order))))
        except BaseException:
            self._process.end()
            raise
        self.multilingual = ready.multilingual
        self.compute_type = ready.compute_type

    @property
    def pid(self) -> int:
        """The number of the engine's process."""
        return self._process.pid

    @property
    def usable(self) -> bool:
        """Whether its process lives and owes no answer; one that is not can only be closed."""
        return self._process.idle

    def check_language(self, language: str | None) -> None:
        """Raise UsageError for a language the model has no token for."""
        self._process.ask(Frame("check_language", language))

    def languages(self, sounds: tuple[NDArray[np.float32], ...]) -> tuple[dict[str, float], ...]:
        """Return, for each window of sound, the probability of each language."""
        return _body(tuple[dict[str, float], ...], self._process.ask(Frame("languages", sounds=sounds)))

    def decode(self, windows: tuple[Window, ...], effort: Effort = USUAL) -> tuple[Decoded, ...]:
        """Return what each window said, in order; all have the same language.

        Raises what the engine raises there, and for a process that dies DeviceFailure, RuntimeFailure,
        OutOfMemory when memory ran out, Interrupted when somebody told it to end.
        """
        return _body(
            tuple[Decoded, ...], self._process.ask(wire.of_windows("decode", windows, effort=effort))
        )

    def stats(self) -> EngineStats:
        """Return what the process took so far; what was last known when it no longer answers."""
        if self._process.idle:
            with suppress(Bili2TextError):
                self._stats = _body(EngineStats, self._process.ask(Frame("stats")))
        return self._stats

    def close(self) -> None:
        """Let go of the model; returns when its process is gone. One that is computing is killed."""
        try:
            if self._process.idle:
                with suppress(Bili2TextError, TimeoutError):
                    self._stats = _body(EngineStats, self._process.ask(Frame("close"), _GOODBYE))
        finally:
            self._process.end()

    def __enter__(self) -> RemoteEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def child_environment(
    environ: Mapping[str, str], device: str, gpu: str, total_mib: int | None
) -> dict[str, str]:
    """Return the environment of an engine's process: the parent's, and what CUDA and CTranslate2 read."""
    if device != "cuda":
        return {**environ}
    # our cards are counted in the order of the bus
    added = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"} if "CUDA_DEVICE_ORDER" not in environ else {}
    added |= allocator.whisper_environment(environ, sys.platform, total_mib=total_mib)
    if gpu:
        added["CUDA_VISIBLE_DEVICES"] = gpu
    return {**environ, **added}


def _body(kind: type[Value], frame: Frame) -> Value:
    try:
        return typed(kind, frame.body)
    except ValueError as error:
        raise WireError(f"the speech engine's {frame.kind} makes no sense: {error}") from error
