"""How long a program that came with a model may run, and how much memory it may take."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from bili2text.errors import ModelError

if sys.platform == "linux":
    import resource

SECONDS = 5.0  # of this thread's CPU; real templates take milliseconds
_BYTES = 512 << 20  # of address space, beyond what the process has


@contextmanager
def limited() -> Iterator[None]:
    """Raise ModelError in what is called within once it has computed for too long.

    Each line of Python that it runs looks at the clock, so no loop outlives it. On Linux one
    step that takes too much memory, which no clock sees, raises MemoryError; in other threads it would, too.
    """
    end = time.thread_time() + SECONDS

    def look(frame: FrameType, event: str, argument: object) -> Any:  # noqa: ANN401, ARG001 - what tracing wants
        if time.thread_time() > end:
            raise _EndlessError
        return look

    before = sys.gettrace()
    with _little_memory():
        sys.settrace(look)
        try:
            yield
        except _EndlessError:
            raise ModelError(
                "the model's chat template computes without end", hint="fetch the model's folder again"
            ) from None
        finally:
            sys.settrace(before)


class _EndlessError(BaseException):
    """Nothing within may catch it."""


@contextmanager
def _little_memory() -> Iterator[None]:
    if sys.platform != "linux":
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _taken() + _BYTES
    limit = min([limit, *(one for one in (soft, hard) if one != resource.RLIM_INFINITY)])
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _taken() -> int:
    """Return the bytes of address space that this process has (proc_pid_statm(5))."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - a Path costs more than all else
        return int(file.read().split()[0]) * resource.getpagesize()
