"""A model in a process of its own, as the program holds it: what kills that one, this one survives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Generic, TypeVar

from bili2text.errors import Bili2TextError
from bili2text.remote.child import EngineProcess
from bili2text.remote.plain import plain, typed
from bili2text.remote.serve import Order
from bili2text.remote.stats import AccountWish, EngineStats
from bili2text.remote.wire import Frame, WireError
from bili2text.remote.words import Words

_GOODBYE = 5.0  # seconds
Value = TypeVar("Value")
Told = TypeVar("Told")
Self = TypeVar("Self", bound="RemoteModel[Any]")


@dataclass(frozen=True, slots=True)
class Program:
    """What runs in the process."""

    module: str  # of ours, whose `main` serves the model
    words: Words


class RemoteModel(Generic[Told]):
    """A model in a child process, which ends with the thread that made it. Close it, or use `with`.

    `ready` is what the model says of itself once it is loaded.
    """

    def __init__(
        self,
        program: Program,
        model: object,
        ready: type[Told],
        environ: Mapping[str, str],
        *,
        device: str,
        index: int = 0,
        account: AccountWish | None = None,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Start the process with `environ` and load the model, however long that takes.

        `model` is what the program is told to load, a value with a plain form, and `ready` the kind of value
        it answers with. `device` is "cpu" or "cuda", `index` CUDA's for the card in that process. `warn` is
        called from another thread. Raises what loading raises there, DeviceFailure, RuntimeFailure or
        OutOfMemory when the process dies.
        """
        self._words = program.words
        self._stats = EngineStats()
        if account is not None:
            account = replace(account, index=index, folder=account.folder.absolute())
        # the system kills the child with the thread that made it, which may end before the program does
        bound = threading.current_thread() is threading.main_thread()
        order = Order(plain(model), account, bound)
        self._process = EngineProcess(program.module, program.words, environ, device, warn)
        try:
            self.ready = self._said(ready, self._ask(Frame("order", plain(order))))
        except BaseException:
            self._process.end()
            raise

    @property
    def pid(self) -> int:
        """The number of the model's process."""
        return self._process.pid

    @property
    def usable(self) -> bool:
        """Whether its process lives and owes no answer; one that is not can only be closed."""
        return self._process.idle

    def stats(self) -> EngineStats:
        """Return what the process took so far; what was last known when it no longer answers."""
        if self._process.idle:
            with suppress(Bili2TextError):
                self._stats = self._said(EngineStats, self._ask(Frame("stats")))
        return self._stats

    def close(self) -> None:
        """Let go of the model; returns when its process is gone. One that is computing is killed."""
        try:
            if self._process.idle:
                with suppress(Bili2TextError, TimeoutError):
                    self._stats = self._said(EngineStats, self._process.ask(Frame("close"), _GOODBYE))
        finally:
            self._process.end()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, frame: Frame, part: Callable[[Frame], None] | None = None) -> Frame:
        return self._process.ask(frame, part=part)

    def _said(self, kind: type[Value], frame: Frame) -> Value:
        """Return what a frame holds. Raises WireError where it is no such value."""
        try:
            return typed(kind, frame.body)
        except ValueError as error:
            raise WireError(f"{self._words.name}'s {frame.kind} makes no sense: {error}") from error


def card_environment(environ: Mapping[str, str], gpu: str) -> dict[str, str]:
    """Return what to add to `environ` so that CUDA counts cards as we do, or sees the one with a UUID alone.

    The card is then its card 0. Without a UUID, what the user made visible stays.
    """
    # our cards are counted in the order of the bus
    added = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"} if "CUDA_DEVICE_ORDER" not in environ else {}
    if gpu:
        added["CUDA_VISIBLE_DEVICES"] = gpu
    return added
