"""An Engine whose model lives in a process of its own: what kills that one, this one survives."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bili2text.gpu import allocator
from bili2text.remote.model import Program, RemoteModel, card_environment
from bili2text.remote.stats import AccountWish
from bili2text.remote.wire import Frame
from bili2text.transcribe.engine import USUAL, Decoded, DecodeOptions, Effort, Load, Window
from bili2text.transcribe.talk import WORDS, Loading, Ready, of_windows

_PROGRAM = Program("bili2text.transcribe.worker", WORDS)


class RemoteEngine(RemoteModel[Ready]):
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
        super().__init__(
            _PROGRAM,
            Loading(load, options),
            Ready,
            child_environment(environ, load.device, gpu, total_mib),
            device=load.device,
            index=load.device_index,
            account=account,
            warn=warn,
        )
        self.multilingual = self.ready.multilingual
        self.short = self.ready.short
        self.compute_type = self.ready.compute_type

    def check_language(self, language: str | None) -> None:
        """Raise UsageError for a language the model has no token for."""
        self._ask(Frame("check_language", language))

    def languages(self, sounds: tuple[NDArray[np.float32], ...]) -> tuple[dict[str, float], ...]:
        """Return, for each window of sound, the probability of each language."""
        return self._said(tuple[dict[str, float], ...], self._ask(Frame("languages", sounds=sounds)))

    def decode(self, windows: tuple[Window, ...], effort: Effort = USUAL) -> tuple[Decoded, ...]:
        """Return what each window said, in order; all have the same language.

        Raises what the engine raises there, and for a process that dies DeviceFailure, RuntimeFailure,
        OutOfMemory when memory ran out, Interrupted when somebody told it to end.
        """
        return self._said(tuple[Decoded, ...], self._ask(of_windows("decode", windows, effort=effort)))


def child_environment(
    environ: Mapping[str, str], device: str, gpu: str, total_mib: int | None
) -> dict[str, str]:
    """Return the environment of an engine's process: the parent's, and what CUDA and CTranslate2 read."""
    if device != "cuda":
        return {**environ}
    added = allocator.whisper_environment(environ, sys.platform, total_mib=total_mib)
    return {**environ, **added, **card_environment(environ, gpu)}
