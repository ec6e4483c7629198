"""The environment variables by which torch and CTranslate2 hand out a card's memory. Pure but for `apply`.

Each library reads its own, once, when it starts: torch the PYTORCH_ ones (for the translation), CTranslate2
the CT2_ ones (for Whisper). docs/allocators.md says what each does and how that was found out.
"""

from __future__ import annotations

import sys
from collections.abc import Container, Mapping, MutableMapping
from dataclasses import dataclass

# Older versions of torch read only the first; newer ones prefer the second, and warn about the first alone
# (c10/core/AllocatorConfig.h).
TORCH_NAMES = ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF")
TORCH_VALUE = "expandable_segments:True,max_split_size_mb:512"
CT2_ALLOCATOR = "CT2_CUDA_ALLOCATOR"
CT2_BINS = "CT2_CUDA_CACHING_ALLOCATOR_CONFIG"
SMALL_MIB = 6 * 1024  # a card of this size or less trades speed for memory

_READERS = {"PYTORCH_": "torch", "CT2_": "ctranslate2"}
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Bins:
    """How CTranslate2's `cub_caching` allocator rounds and keeps memory (CUB, util_allocator.cuh).

    A request is rounded up to the next power of `growth`, at least growth^min_bin bytes. One above
    growth^max_bin is neither rounded nor kept: it goes to the driver and back each time. `kept` is the most,
    in bytes, that each thread holds for later.
    """

    growth: int
    min_bin: int
    max_bin: int
    kept: int

    def taken(self, amount: int) -> int:
        """Return the bytes of the card that a request for `amount` bytes takes."""
        size = self.growth**self.min_bin
        while size < amount:
            size *= self.growth
        return size if size <= self.growth**self.max_bin else amount

    def __str__(self) -> str:
        return f"{self.growth},{self.min_bin},{self.max_bin},{self.kept}"


CT2_DEFAULT_BINS = Bins(4, 3, 12, 200 * _MIB)  # CTranslate2 src/cuda/allocator.cc
# The same span, 64 B to 16 MiB, in steps of two: whatever is asked for, never more than the default takes.
FINE_BINS = Bins(2, 6, 24, 200 * _MIB)
# Up to 4 MiB alone, so that nearly all weights of a large model are held to the byte.
SMALL_BINS = Bins(2, 6, 22, 64 * _MIB)


def torch_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what to add to `environ` before torch is imported: both names of the one setting.

    A name the user has set is left alone, and the other gets the user's value: which of the two counts
    depends on torch's version.
    """
    theirs = next((environ[name] for name in TORCH_NAMES if name in environ), TORCH_VALUE)
    return {name: theirs for name in TORCH_NAMES if name not in environ}


def whisper_environment(
    environ: Mapping[str, str], platform: str, *, total_mib: int | None = None
) -> dict[str, str]:
    """Return what to add to `environ` before CTranslate2 is imported; `platform` is sys.platform's.

    On Windows the default allocator makes the process crash when the model is let go
    (OpenNMT/CTranslate2#1782), so `cub_caching` is chosen. Its bins are set wherever there may be CUDA:
    CTranslate2 takes it by itself on cards without memory pools, and reads them for it alone.
    `total_mib` is the card's memory, where known.
    """
    if platform == "darwin":
        return {}
    bins = SMALL_BINS if total_mib is not None and total_mib <= SMALL_MIB else FINE_BINS
    wanted = {CT2_BINS: str(bins)}
    if platform == "win32":
        wanted[CT2_ALLOCATOR] = "cub_caching"
    return {name: value for name, value in wanted.items() if name not in environ}


def apply(
    environ: MutableMapping[str, str],
    settings: Mapping[str, str],
    loaded: Container[str] | None = None,
) -> str:
    """Put `settings` into this process's `environ`, overwriting nothing; return "".

    Where a library that reads them is `loaded` already (default: sys.modules) it is too late: nothing is
    changed, and the reason comes back in one line.
    """
    missing = {name: value for name, value in settings.items() if name not in environ}
    present = sys.modules if loaded is None else loaded
    for name in missing:
        library = next((module for prefix, module in _READERS.items() if name.startswith(prefix)), "")
        if library in present:
            return f"{name} has no effect any more: {library} is loaded already"
    for name, value in missing.items():
        environ.setdefault(name, value)
    return ""
