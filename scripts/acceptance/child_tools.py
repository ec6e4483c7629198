"""What the children share: where their figures come from, and a text as long as the decoder has room for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from acceptance.children import say
from acceptance.values import Task
from bili2text.audio.decode import Decoder
from bili2text.audio.waveform import SAMPLE_RATE, Samples
from bili2text.errors import Bili2TextError, OutOfMemory
from bili2text.gpu import allocator
from bili2text.gpu.libraries import load_cublas
from bili2text.gpu.pool import DriverPool
from bili2text.gpu.probe import free_mib_now
from bili2text.models.weights import read_dims

CHUNK_SECONDS = 28.0  # as long as a chunk may be (audio/chunks.py)
LONG_PROMPT = "the quick brown fox jumps over the lazy dog " * 40  # more tokens than a prompt has room for
_MULTILINGUAL_END = 50257
_KIB, _MIB = 1024, 1024 * 1024
_MUCH = 1 << 20  # MiB; where ordinary memory stands in for a card, it has so much


class Gauge(Protocol):
    """Memory of this process at the place it computes."""

    def reset(self) -> None:
        """Forget earlier peaks."""

    def peak(self) -> dict[str, float] | None:
        """Return MiB at the peak since then, `used` and, where it differs, `reserved`; None when not told."""


class Placed(Protocol):
    """Something that is done at a place."""

    @property
    def device(self) -> str:
        """Return "cpu" or "cuda"."""

    @property
    def uuid(self) -> str:
        """Return the card's."""


class PoolGauge:
    """The driver's pool: exact, the CUDA context and what cuBLAS takes by itself left out."""

    def __init__(self, pool: DriverPool) -> None:
        self._pool = pool

    def reset(self) -> None:
        """Forget earlier peaks."""
        self._pool.reset()

    def peak(self) -> dict[str, float] | None:
        """Return MiB at the peak: handed out, and taken from the card for it."""
        state = self._pool.state()
        if state is None:
            return None
        return {"used": state.used_high / _MIB, "reserved": state.reserved_high / _MIB}


class ProcessGauge:
    """Ordinary memory, the whole process: for a run on the CPU. Linux only."""

    def reset(self) -> None:
        """Set the kernel's mark back to what is resident now (proc(5), clear_refs)."""
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")

    def peak(self) -> dict[str, float] | None:
        """Return the resident memory at its peak."""
        return {"used": _status("VmHWM") / _KIB}


def gauge(task: Task) -> Gauge:
    """Return the gauge of the place a task computes at."""
    return PoolGauge(DriverPool(0)) if task.device == "cuda" else ProcessGauge()


def free_now(task: Placed) -> Callable[[], int | None]:
    """Return what tells the free memory in MiB; on the CPU, what this process leaves of a terabyte."""
    if task.device == "cuda":
        return lambda: free_mib_now(task.uuid)
    return lambda: _MUCH - _status("VmRSS") // _KIB


def prepare(task: Task) -> None:
    """Do what the program does before it imports CTranslate2. Raises SystemExit without cuBLAS."""
    allocator.apply(os.environ, allocator.whisper_environment(os.environ, sys.platform))
    if task.device == "cuda" and (problem := load_cublas()):
        say({"error": "DependencyError", "message": problem})
        sys.exit(1)


@contextmanager
def errors_said() -> Iterator[None]:
    """Say our own errors as answers. Any other ends the child with its traceback."""
    try:
        yield
    except Bili2TextError as error:
        kind = "OutOfMemory" if isinstance(error, OutOfMemory) else type(error).__name__
        say({"error": kind, "message": error.message})


def windows(sound: str, count: int) -> list[Samples]:
    """Return so many windows of the recording, which begins anew at its end."""
    with Decoder(Path(sound)) as decoder:
        whole = np.concatenate([block.samples for block in decoder.blocks()])
    length = round(CHUNK_SECONDS * SAMPLE_RATE)
    return list(np.resize(whole, count * length).reshape(count, length))


def end_token(folder: str) -> int:
    """Return the token that ends a text; suppressed, the text goes on until there is no room."""
    return 50256 if read_dims(Path(folder) / "model.bin").vocab == 51864 else _MULTILINGUAL_END


def forced(task: Task) -> dict[str, Any]:
    """Return the options of ours under which each text has `task.tokens` tokens."""
    return {"max_new_tokens": task.tokens, "suppress_tokens": (-1, end_token(task.folder))}


def forced_on_peer(task: Task) -> dict[str, Any]:
    """Return the options of faster-whisper under which each text has `task.tokens` tokens.

    CTranslate2 decodes no more than half of the length it is given (OpenNMT/CTranslate2#1856), and there that
    is `max_new_tokens` and the prompt: three or four tokens, or one or two where there is no language.
    """
    prompt = 3 if end_token(task.folder) == _MULTILINGUAL_END else 1  # one more makes the half no larger
    return {**forced(task), "max_new_tokens": 2 * task.tokens - prompt}


def _status(field: str) -> int:
    """Return one of this process's sizes in KiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field + ":"))
