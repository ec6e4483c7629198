"""What makes the engine's process cheap on a CPU: memory it keeps, threads that wait asleep, wide vectors."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping
from pathlib import Path

# glibc's malloc.h
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8
_TOP = 64 << 20  # bytes taken from the system at once
_INT_MAX = 2**31 - 1
_WIDE = {"avx512f", "avx512cd", "avx512vl", "avx512bw", "avx512dq"}  # what CTranslate2 wants of a CPU for it


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


def widest_vectors(environ: Mapping[str, str], cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, str]:
    """Return what to add to an environment, before CTranslate2 is imported, for vectors of 512 bits.

    CTranslate2 takes 256 bits unless it is told (src/cpu/cpu_isa.cc). On AMD's Zen 4 the wider ones took 0.57
    in place of 0.61 CPU seconds to encode a window (docs/benchmark.md); older CPUs of Intel's slow down for
    them, and were not measured. What the user has set stays.
    """
    name = "CT2_FORCE_CPU_ISA"
    try:
        # the first of its processors, which are alike
        said = cpuinfo.read_text(encoding="ascii", errors="replace").partition("\n\n")[0]
    except OSError:
        return {}
    told = {
        key.strip(): value.split() for key, _, value in (line.partition(":") for line in said.splitlines())
    }
    wide = told.get("vendor_id") == ["AuthenticAMD"] and set(told.get("flags", ())) >= _WIDE
    return {name: "AVX512"} if wide and name not in environ else {}


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
