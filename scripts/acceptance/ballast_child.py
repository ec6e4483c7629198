"""Takes a card's memory on demand, as a neighbour would: a program of its own, the standard library alone.

Each line on standard input is a number of MiB to hold; after each it says in a line of JSON what it holds
and, when that is less, why. It ends with its input, so it never outlives the program that started it. What
the CUDA context takes comes on top.
"""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Any, Protocol

LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
STEP = 64  # MiB taken at once
GRAIN = 2  # MiB; the driver hands out memory in pages of this size
_MIB = 1024 * 1024
_P = ctypes.POINTER
_SIGNATURES: dict[str, tuple[type[Any], ...]] = {
    "cuInit": (ctypes.c_uint,),
    "cuDeviceGet": (_P(ctypes.c_int), ctypes.c_int),
    "cuDevicePrimaryCtxRetain": (_P(ctypes.c_void_p), ctypes.c_int),
    "cuCtxSetCurrent": (ctypes.c_void_p,),
    "cuMemAlloc_v2": (_P(ctypes.c_uint64), ctypes.c_size_t),
    "cuMemFree_v2": (ctypes.c_uint64,),
}


class Memory(Protocol):
    """A card's memory."""

    def take(self, mib: int) -> int:
        """Return the address of a new block. Raises MemoryError when the card refuses."""

    def give(self, address: int) -> None:
        """Give a block back."""


class CudaMemory:
    """The memory of CUDA's first device in this process."""

    def __init__(self, library: str = LIBRARY) -> None:
        """Make a context. Raises OSError without a driver, RuntimeError when it refuses."""
        self._cuda = ctypes.CDLL(library)
        for name, arguments in _SIGNATURES.items():
            function = getattr(self._cuda, name)
            function.argtypes, function.restype = arguments, ctypes.c_int
        device, context = ctypes.c_int(), ctypes.c_void_p()
        for name, given in (
            ("cuInit", (0,)),
            ("cuDeviceGet", (ctypes.byref(device), 0)),
            ("cuDevicePrimaryCtxRetain", (ctypes.byref(context), device)),
            ("cuCtxSetCurrent", (context,)),
        ):
            if code := getattr(self._cuda, name)(*given):
                raise RuntimeError(f"{name} answers {code}")

    def take(self, mib: int) -> int:
        """Return the address of a new block. Raises MemoryError when the card refuses."""
        address = ctypes.c_uint64()
        if code := self._cuda.cuMemAlloc_v2(ctypes.byref(address), mib * _MIB):
            raise MemoryError(f"cuMemAlloc answers {code}")
        return address.value

    def give(self, address: int) -> None:
        """Give a block back."""
        self._cuda.cuMemFree_v2(address)


class Holding:
    """The blocks that are held."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._blocks: list[tuple[int, int]] = []  # address, MiB
        self.why = ""  # less is held than was asked for

    @property
    def mib(self) -> int:
        """What is held."""
        return sum(size for _, size in self._blocks)

    def hold(self, mib: int) -> None:
        """Hold `mib`, to the page, or as much of it as the card gives."""
        self.why = ""
        while self._blocks and self.mib > mib:
            self._memory.give(self._blocks.pop()[0])
        while (size := min(STEP, (mib - self.mib) // GRAIN * GRAIN)) > 0:
            try:
                self._blocks.append((self._memory.take(size), size))
            except MemoryError as error:
                self.why = str(error)
                return


def main() -> int:
    """Return 0 when the input ends, 1 when there is no card."""
    try:
        holding = Holding(CudaMemory())
    except (OSError, RuntimeError, AttributeError) as error:
        print(json.dumps({"held_mib": 0, "why": f"no ballast: {error}"}), flush=True)
        return 1
    print(json.dumps({"held_mib": 0, "why": ""}), flush=True)
    for line in sys.stdin:
        holding.hold(int(line))
        print(json.dumps({"held_mib": holding.mib, "why": holding.why}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
