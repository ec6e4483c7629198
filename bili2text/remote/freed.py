"""Wait until a card has back what a process that ended held of it."""

from __future__ import annotations

import time
from collections.abc import Callable

from bili2text.gpu.probe import free_mib_now

_ENOUGH = 0.9  # of what is expected: what a model took is known to within its kernels and fragments
_EVERY = 0.1  # seconds


def wait_until_free(
    uuid: str,
    before_mib: int,
    expected_mib: int,
    timeout: float = 5.0,
    *,
    free_now: Callable[[str], int | None] = free_mib_now,
) -> int | None:
    """Return the card's free MiB once 90 % of `expected_mib` came back on top of `before_mib`, or in time.

    None where the driver does not tell. The driver takes a moment to notice that a process is gone; the next
    model would be planned for the memory of the old one (ollama/ollama, server/sched.go, waits likewise).
    """
    deadline = time.monotonic() + timeout
    while True:
        free = free_now(uuid)
        if free is None or free - before_mib >= _ENOUGH * expected_mib or time.monotonic() >= deadline:
            return free
        time.sleep(_EVERY)
