"""What the driver's memory pool of this process took of the card, and how long it keeps it.

CTranslate2's default allocator (cuda_malloc_async) draws from the device's pool, so the pool's high mark is
its exact peak, where a look at the card every 50 ms misses the short ones. Nothing here makes a context:
until the engine has made one, every question is answered with None and a reason.
Functions and numbers: CUDA driver API, "Stream Ordered Memory Allocator" and enum CUmemPool_attribute.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from typing import Any, Protocol

LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"

_RELEASE_THRESHOLD = 4
_RESERVED, _RESERVED_HIGH, _USED, _USED_HIGH = 5, 6, 7, 8
_P = ctypes.POINTER
_SIGNATURES: dict[str, tuple[type[Any], ...]] = {
    "cuDeviceGet": (_P(ctypes.c_int), ctypes.c_int),
    "cuDevicePrimaryCtxGetState": (ctypes.c_int, _P(ctypes.c_uint), _P(ctypes.c_int)),
    # the current pool, not the default one: it is what cudaMallocAsync draws from, should anybody change it
    "cuDeviceGetMemPool": (_P(ctypes.c_void_p), ctypes.c_int),
    "cuMemPoolGetAttribute": (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p),
    "cuMemPoolSetAttribute": (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p),
    "cuGetErrorName": (ctypes.c_int, _P(ctypes.c_char_p)),
}


@dataclass(frozen=True, slots=True)
class PoolState:
    """A pool's figures in bytes. `reserved` is what the card lacks; `used` the part handed out of it."""

    reserved: int
    reserved_high: int  # since the marks were last reset
    used: int
    used_high: int


class Pool(Protocol):
    """A memory pool of this process on one card."""

    def state(self) -> PoolState | None:
        """Return its figures now; None when they cannot be had."""

    def reset(self) -> bool:
        """Bring both high marks down to what is current; False when that cannot be done."""


class _Refused(Exception):
    """Why the driver does not answer, in one line."""


class DriverPool:
    """The pool the driver keeps for this process on one card. No method raises; `reason` says why not."""

    def __init__(self, index: int, library: str = LIBRARY) -> None:
        """`index` is CUDA's ordinal in this process. The pool may be asked before there is an engine."""
        self.reason = ""
        self._index = index
        self._library, self._missing = _load(library)

    def state(self) -> PoolState | None:
        """Return the pool's figures now; None, and a `reason`, when the driver does not tell."""
        marks = [ctypes.c_uint64() for _ in range(4)]
        for mark, number in zip((_RESERVED, _RESERVED_HIGH, _USED, _USED_HIGH), marks, strict=True):
            if not self._done("cuMemPoolGetAttribute", mark, ctypes.byref(number)):
                return None
        return PoolState(*(number.value for number in marks))

    def reset(self) -> bool:
        """Bring both high marks down to what is current; False, and a `reason`, when that cannot be done."""
        return self._set(_RESERVED_HIGH, 0) and self._set(_USED_HIGH, 0)

    def keep(self, amount: int) -> bool:
        """Hold on to `amount` bytes, used or not, so that no neighbour can take them.

        The driver's own setting is 0: all unused memory goes back to the card whenever the engine waits for
        it, between encoding and decoding too. No run does this yet: scripts/gpu_acceptance.py measures what
        it would give. False, and a `reason`, when it cannot be set.
        """
        return self._set(_RELEASE_THRESHOLD, max(amount, 0))

    def _set(self, attribute: int, value: int) -> bool:
        return self._done("cuMemPoolSetAttribute", attribute, ctypes.byref(ctypes.c_uint64(value)))

    def _done(self, name: str, *arguments: object) -> bool:
        try:
            self._call(name, self._pool(), *arguments)
        except _Refused as refused:
            self.reason = str(refused)
            return False
        self.reason = ""
        return True

    def _pool(self) -> ctypes.c_void_p:
        """Return the handle, asked for anew each time: a context that was torn down takes its pool along."""
        device, flags, active = ctypes.c_int(), ctypes.c_uint(), ctypes.c_int()
        self._call("cuDeviceGet", ctypes.byref(device), self._index)
        self._call("cuDevicePrimaryCtxGetState", device, ctypes.byref(flags), ctypes.byref(active))
        if not active.value:
            raise _Refused("this process has no CUDA context yet")
        pool = ctypes.c_void_p()
        self._call("cuDeviceGetMemPool", ctypes.byref(pool), device)
        return pool

    def _call(self, name: str, *arguments: object) -> None:
        if self._library is None:
            raise _Refused(self._missing)
        status = getattr(self._library, name)(*arguments)
        if status:
            raise _Refused(f"{name}: {_error_name(self._library, status)}")


def _load(library: str) -> tuple[ctypes.CDLL | None, str]:
    try:
        loaded = ctypes.CDLL(library)
    except OSError:
        return None, f"{library} is not on this computer"
    for name, arguments in _SIGNATURES.items():
        try:
            function = getattr(loaded, name)
        except AttributeError:
            return None, f"the NVIDIA driver is too old for memory pools: it has no {name}"
        function.argtypes, function.restype = arguments, ctypes.c_int
    return loaded, ""


def _error_name(library: ctypes.CDLL, status: int) -> str:
    name = ctypes.c_char_p()
    if library.cuGetErrorName(status, ctypes.byref(name)) or not name.value:
        return f"error {status}"
    return name.value.decode("ascii", "replace")
