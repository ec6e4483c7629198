"""Ask CUDA itself which cards this process would get, in a child that ends at once.

NVML counts cards by the bus and knows nothing of CUDA_VISIBLE_DEVICES; only CUDA's own list says which
ordinal is which card. `cuInit` may abort, hang, or keep what it read of the environment, hence the child:
this file run as a program, with the standard library alone. No context is made, so no memory is taken.
"""

from __future__ import annotations

import ctypes
import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

_LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_MIB = 1024 * 1024
# CUdevice_attribute of cuda.h
_SMS, _INTEGRATED, _MAJOR, _MINOR, _POOLS = 16, 18, 75, 76, 115
# CUresult of cuda.h, in words
_WORDS = {
    34: "the library is a stub, not a driver",
    46: "the device is busy or not available",
    100: "no device",
    101: "invalid device",
    304: "the operating system refused",
    802: "the system is not ready yet",
    803: "the driver and its library do not match",
    804: "this card cannot run the compatibility library",
    999: "unknown error",
}


@dataclass(frozen=True, slots=True)
class CudaDevice:
    """A device as CUDA lists it."""

    uuid: str  # "GPU-..." also for a MIG slice, whose UUID it then is; "" when not told
    name: str
    capability: tuple[int, int]
    sms: int
    total_mib: int
    integrated: bool  # shares the computer's memory
    pools: bool  # has cudaMallocAsync


@dataclass(frozen=True, slots=True)
class CudaAnswer:
    """CUDA's devices, in its order, or why there are none."""

    devices: tuple[CudaDevice, ...] = ()
    reason: str = ""
    refused: bool = False  # True: CUDA will not work here; False with a reason: it could not be asked


class Libcuda(Protocol):
    """CUDA's library: its functions by name, each returning a CUresult."""

    def __getattr__(self, name: str) -> Callable[..., int]:
        """Return a function; AttributeError when the library is too old to have it."""


class _CudaError(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def present() -> bool:
    """Return whether the loader finds CUDA's library. Nothing is started in it."""
    with suppress(OSError):
        ctypes.CDLL(_LIBRARY)
        return True
    return False


def ask(environ: Mapping[str, str], timeout: float = 20.0) -> CudaAnswer:
    """Return what CUDA lists in a process with this environment. Never raises.

    Waits `timeout` seconds at most: to wake a card that no program holds takes 1 to 3 s (NVIDIA, "Driver
    Persistence").
    """
    try:
        child = subprocess.Popen(  # noqa: S603 - a list, no shell: this Python and this file
            # isolated and without site: nothing but the standard library is imported, whatever the folder
            [sys.executable, "-I", "-S", str(Path(__file__).resolve())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**environ},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, ValueError) as error:
        return CudaAnswer(reason=f"no child could be started to ask CUDA: {error}")
    try:
        said, _ = child.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        _end(child)
        return CudaAnswer(reason=f"CUDA could not be asked: the child did not answer in {timeout:g} s")
    except BaseException:  # Ctrl-C while waiting
        _end(child)
        raise
    if child.returncode:
        return CudaAnswer(reason=f"CUDA's library failed: {ended(child.returncode)}", refused=True)
    return answer_of(said.decode("utf-8", "replace"))


def answer_of(said: str) -> CudaAnswer:
    """Return what the child's last line says; the lines before it are of whatever else was loaded into it."""
    try:
        answer = json.loads(said.strip().rpartition("\n")[2])
        if "reason" in answer:
            return CudaAnswer(reason=str(answer["reason"]), refused=True)
        devices = tuple(
            CudaDevice(**{**device, "capability": tuple(device["capability"])})
            for device in answer["devices"]
        )
    except (ValueError, TypeError, LookupError):
        return CudaAnswer(reason="CUDA could not be asked: the child's answer makes no sense")
    return CudaAnswer(devices) if devices else CudaAnswer(reason="CUDA says: no device", refused=True)


def describe(library: Libcuda) -> dict[str, object]:
    """Return, ready for JSON, the devices a library lists, or the reason why it lists none."""
    try:
        _call(library, "cuInit", 0)
        count = ctypes.c_int()
        _call(library, "cuDeviceGetCount", ctypes.byref(count))
        return {"devices": [_device(library, ordinal) for ordinal in range(count.value)]}
    except _CudaError as error:
        return {"reason": f"CUDA says: {_WORDS.get(error.code, 'error')} ({error.code})"}
    except AttributeError as error:
        return {"reason": f"CUDA's library is not whole: {error}"}


def _device(library: Libcuda, ordinal: int) -> dict[str, object]:
    device = ctypes.c_int()
    _call(library, "cuDeviceGet", ctypes.byref(device), ordinal)
    total = ctypes.c_size_t()
    _call(library, "cuDeviceTotalMem_v2", ctypes.byref(total), device)
    name = ctypes.create_string_buffer(256)
    with suppress(_CudaError, AttributeError):
        _call(library, "cuDeviceGetName", name, len(name) - 1, device)
    return {
        "uuid": _uuid(library, device),
        "name": name.value.decode("utf-8", "replace"),
        "capability": [_attribute(library, _MAJOR, device), _attribute(library, _MINOR, device)],
        "sms": _attribute(library, _SMS, device),
        "total_mib": total.value // _MIB,
        "integrated": _attribute(library, _INTEGRATED, device) == 1,
        "pools": _attribute(library, _POOLS, device) == 1,
    }


def _uuid(library: Libcuda, device: ctypes.c_int) -> str:
    # the second version tells a slice's own UUID, the first that of the card it is cut from
    for function in ("cuDeviceGetUuid_v2", "cuDeviceGetUuid"):
        found = (ctypes.c_ubyte * 16)()
        with suppress(_CudaError, AttributeError):
            _call(library, function, ctypes.byref(found), device)
            return f"GPU-{uuid.UUID(bytes=bytes(found))}"
    return ""


def _attribute(library: Libcuda, which: int, device: ctypes.c_int) -> int:
    """Return a device's attribute; 0 for one this driver does not know."""
    value = ctypes.c_int()
    with suppress(_CudaError, AttributeError):
        _call(library, "cuDeviceGetAttribute", ctypes.byref(value), which, device)
    return value.value


def _call(library: Libcuda, function: str, *arguments: Any) -> None:  # noqa: ANN401 - what ctypes takes
    code = getattr(library, function)(*arguments)
    if code:
        raise _CudaError(code)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill a child, and wait a second at most: one stuck in the driver dies when the driver lets it."""
    with suppress(OSError):
        child.kill()
    with suppress(subprocess.TimeoutExpired, ValueError):
        child.communicate(timeout=1.0)


def ended(code: int) -> str:
    """Return in words how a child ended, from subprocess's code: "killed by SIGABRT", "ended with code 3"."""
    return f"{'killed' if code < 0 else 'ended'} {how(code)}"


def how(code: int) -> str:
    """Return what ended a child, from subprocess's code: a signal is negative there."""
    if code < 0:
        with suppress(ValueError):
            return f"by {signal.Signals(-code).name}"
        return f"by signal {-code}"
    # Windows' codes are known by their hexadecimal form: 0xC0000409
    return f"with code {code:#x}" if code > 255 else f"with code {code}"


def main() -> None:
    """Print one line of JSON: the devices, or the reason."""
    try:
        answer = describe(ctypes.CDLL(_LIBRARY))
    except OSError as error:
        # glibc names what it missed, which may be a library that this one needs
        missing = isinstance(error, FileNotFoundError) or str(error).startswith(f"{_LIBRARY}: cannot open")
        why = "was not found" if missing else f"cannot be loaded: {error}"
        answer = {"reason": f"{_LIBRARY} {why}"}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
