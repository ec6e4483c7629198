"""What makes the engine's process cheap on a CPU: the memory it keeps, and threads that wait asleep."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping

# glibc's malloc.h
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8
_TOP = 64 << 20  # bytes taken from the system at once
_INT_MAX = 2**31 - 1


def one_heap() -> bool:
    """Have all threads take memory from one heap, and return whether they will. Before any is started.

    Another thread's heap of glibc's own has room for 64 MiB at once: what is larger, as the encoder's buffers
    are, is taken from the system each time (malloc/arena.c, HEAP_MAX_SIZE). Values: mallopt(3).
    """
    return _set((_ARENA_MAX, 1))


def keep_memory() -> bool:
    """Have glibc keep what is freed, and return whether it will. For a process that ends with its model.

    The encoder frees buffers of up to 70 MiB after each call: glibc hands them back to the system, which
    clears their pages again for the next call. What is kept is used again, so the peak stays what it was.
    Values: mallopt(3).
    """
    return _set((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _INT_MAX), (_TOP_PAD, _TOP))


def one_blas_thread(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what to add to an environment, before numpy is imported, for a BLAS of one thread.

    Its only work is the log-mel spectrogram: so small that threads wait for each other longer than they
    compute. CTranslate2 has threads of its own. What the user has set stays.
    """
    name = "OPENBLAS_NUM_THREADS"
    return {} if name in environ else {name: "1"}


def threads_that_sleep(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what to add to an environment, before CTranslate2 is imported, for threads that wait asleep.

    Where one call has several threads, GNU's OpenMP has those that are done wait by spinning. Asleep, they
    took 14.8 CPU seconds in place of 16.8 to decode, in less time (docs/benchmark.md). What the user has set
    stays.
    """
    name = "OMP_WAIT_POLICY"
    return {} if name in environ else {name: "PASSIVE"}


def _set(*wanted: tuple[int, int]) -> bool:
    """Tell glibc, and return whether it took all of it; False where there is no glibc."""
    if sys.platform != "linux" or not _glibc():
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    said = [mallopt(name, value) for name, value in wanted]  # each, whatever the others said
    return all(said)


def _glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (ValueError, OSError):
        return False
