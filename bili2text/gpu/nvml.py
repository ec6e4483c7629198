"""Ask the NVIDIA driver what cards are here. The only file that imports pynvml; makes no CUDA context."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bili2text.gpu.device import Cards, Device, visible

_MIB = 1024 * 1024


def probe(environ: Mapping[str, str]) -> Cards:
    """Return the cards CUDA can use in this process, or the reason why there are none. Never raises."""
    import pynvml

    return cards_of(pynvml, environ)


def cards_of(pynvml: Any, environ: Mapping[str, str]) -> Cards:  # noqa: ANN401 - the untyped module
    """Return what the bindings of a driver tell; `probe` passes the real ones."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return Cards((), _reason(pynvml, error))
    try:
        found, failed = _all(pynvml)
    finally:
        pynvml.nvmlShutdown()
    left = visible(found, environ.get("CUDA_VISIBLE_DEVICES"))
    if left:
        return Cards(left)
    if found:
        return Cards((), f"CUDA_VISIBLE_DEVICES={environ.get('CUDA_VISIBLE_DEVICES')!r} hides every card")
    return Cards((), failed or "the NVIDIA driver knows of no card")


def _all(pynvml: Any) -> tuple[tuple[Device, ...], str]:  # noqa: ANN401 - the untyped module
    devices = []
    failed = ""
    try:
        driver = _text(pynvml.nvmlSystemGetDriverVersion())
        count = pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError as error:
        return (), _reason(pynvml, error)
    for index in range(count):
        try:
            devices.append(_device(pynvml, index, driver))
        except pynvml.NVMLError as error:
            failed = f"card {index} does not answer: {error}"
    return tuple(devices), failed


def _device(pynvml: Any, index: int, driver: str) -> Device:  # noqa: ANN401 - the untyped module
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    # `free` is the same in NVML's two memory calls; only `used` differs, so the older one serves all drivers
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return Device(
        index=index,
        uuid=_text(pynvml.nvmlDeviceGetUUID(handle)),
        name=_text(pynvml.nvmlDeviceGetName(handle)),
        capability=tuple(pynvml.nvmlDeviceGetCudaComputeCapability(handle)),
        total_mib=memory.total // _MIB,
        free_mib=memory.free // _MIB,
        driver=driver,
    )


def _reason(pynvml: Any, error: Exception) -> str:  # noqa: ANN401 - the untyped module
    if isinstance(error, pynvml.NVMLError_LibraryNotFound):
        return "no NVIDIA driver is installed"
    if isinstance(error, pynvml.NVMLError_DriverNotLoaded):
        return "the NVIDIA driver is installed but not loaded"
    if isinstance(error, pynvml.NVMLError_NoPermission):
        return "the NVIDIA driver refuses to answer this user"
    return f"the NVIDIA driver does not answer: {error}"


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
