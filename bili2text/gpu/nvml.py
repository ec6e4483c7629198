"""Ask the NVIDIA driver what cards are here. The only file that imports pynvml; makes no CUDA context.

Every call may be refused: by the hardware, the driver's age, the user's rights, a container, a card that fell
off the bus. A refusal is a value here, never an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bili2text.gpu import nvml_facts
from bili2text.gpu.device import Device
from bili2text.gpu.host import Host, process_name
from bili2text.gpu.nvml_facts import Questions, faults, refusal, text

_MIB = 1024 * 1024
# Errors that mean the card has no MIG at all
_NO_MIG = ("NVMLError_NotSupported", "NVMLError_FunctionNotFound", "AttributeError")
_WHY_NOT = {
    "NVMLError_LibraryNotFound": "no NVIDIA driver is installed",
    "NVMLError_DriverNotLoaded": "the NVIDIA driver is installed but not loaded",
    "NVMLError_NoPermission": "the NVIDIA driver refuses to answer this user",
    "NVMLError_LibRmVersionMismatch": "the NVIDIA driver was updated while it ran, and its library and kernel"
    " module differ; restart the computer",
}


@dataclass(frozen=True, slots=True)
class Lost:
    """A card that is there and cannot be used."""

    uuid: str  # "" when it does not even tell that
    line: str


@dataclass(frozen=True, slots=True)
class NvmlAnswer:
    """What NVML tells."""

    # In the order of the bus. `index` is that of the card, for its slices too. `total_mib` is 0 where NVML
    # does not know the memory, as with cards that have none of their own.
    devices: tuple[Device, ...] = ()
    lost: tuple[Lost, ...] = ()
    refusal: str = ""  # one line, when NVML tells nothing
    installed: bool = True  # False: there is no NVML library


@dataclass(frozen=True, slots=True)
class _Card:
    """A handle to ask: a card's, or a slice's with its card's for what slices do not tell."""

    index: int
    handle: Any
    parent: Any
    mig: bool


def ask(host: Host) -> NvmlAnswer:
    """Return what the driver of this computer tells. Never raises."""
    try:
        import pynvml
    except ImportError as error:
        return NvmlAnswer(refusal=f"the NVML bindings cannot be imported: {error}", installed=False)
    return read(pynvml, host, process_name)


def free_mib(uuid: str) -> int | None:
    """Return the memory a card or slice has free now, in MiB, or None where the driver does not tell."""
    try:
        import pynvml
    except ImportError:
        return None
    return read_free(pynvml, uuid)


def read(api: Any, host: Host, name_of: Callable[[int], str]) -> NvmlAnswer:  # noqa: ANN401 - untyped module
    """Return what bindings tell; `ask` passes the real ones, and psutil's name of a process."""
    try:
        api.nvmlInit()
    except faults(api) as error:
        return _refused(error)
    try:
        return _read(api, host, name_of)
    finally:
        with suppress(*faults(api)):
            api.nvmlShutdown()


def read_free(api: Any, uuid: str) -> int | None:  # noqa: ANN401 - the untyped module
    """Return what `free_mib` returns, of the bindings given."""
    try:
        api.nvmlInit()
    except faults(api):
        return None
    try:
        return int(_memory(api, api.nvmlDeviceGetHandleByUUID(uuid)).free) // _MIB
    except faults(api):
        return None
    finally:
        with suppress(*faults(api)):
            api.nvmlShutdown()


def _refused(error: Exception) -> NvmlAnswer:
    kind = type(error).__name__
    why = _WHY_NOT.get(kind) or f"the NVIDIA driver does not answer: {refusal(error)}"
    return NvmlAnswer(refusal=why, installed=kind != "NVMLError_LibraryNotFound")


def _read(api: Any, host: Host, name_of: Callable[[int], str]) -> NvmlAnswer:  # noqa: ANN401 - untyped module
    try:
        count = int(api.nvmlDeviceGetCount())
    except faults(api) as error:
        return _refused(error)
    devices: list[Device] = []
    lost: list[Lost] = []
    for index in range(count):
        for found in _of_card(api, index, host, name_of):
            if isinstance(found, Lost):
                lost.append(found)
            else:
                devices.append(found)
    return NvmlAnswer(tuple(devices), tuple(lost))


def _of_card(
    api: Any,  # noqa: ANN401 - the untyped module
    index: int,
    host: Host,
    name_of: Callable[[int], str],
) -> Iterator[Device | Lost]:
    """Yield the card itself, or each slice of one that is cut into slices."""
    try:
        handle = api.nvmlDeviceGetHandleByIndex(index)
    except faults(api) as error:
        yield Lost("", f"card {index} does not answer: {refusal(error)}")
        return
    questions = Questions(api)
    if not _is_cut(questions, handle):
        yield _device(questions, _Card(index, handle, handle, mig=False), host, name_of)
        return
    empty = True
    for slice_ in _slices(questions, handle, index):
        empty = False
        if isinstance(slice_, Lost):
            yield slice_
        else:
            yield _device(Questions(api), slice_, host, name_of)
    if empty:
        name = text(questions.get("name", "nvmlDeviceGetName", handle, default=""))
        why = f" ({questions.refused[0]})" if questions.refused else ""
        yield Lost("", f"{_label(index, name)} is in MIG mode and has no slice{why}")


def _is_cut(questions: Questions, handle: object) -> bool:
    try:
        return int(questions.api.nvmlDeviceGetMigMode(handle)[0]) == 1
    except faults(questions.api) as error:
        if type(error).__name__ not in _NO_MIG:
            questions.refuse("MIG mode", error)
        return False


def _slices(questions: Questions, parent: object, index: int) -> Iterator[_Card | Lost]:
    api = questions.api
    for number in range(questions.get("slices", "nvmlDeviceGetMaxMigDeviceCount", parent, default=0)):
        try:
            handle = api.nvmlDeviceGetMigDeviceHandleByIndex(parent, number)
        except faults(api) as error:
            # the numbers have holes: slices that were not made
            if type(error).__name__ != "NVMLError_NotFound":
                yield Lost("", f"slice {number} of card {index} does not answer: {refusal(error)}")
            continue
        yield _Card(index, handle, parent, mig=True)


def _device(questions: Questions, card: _Card, host: Host, name_of: Callable[[int], str]) -> Device | Lost:
    uuid = text(questions.get("UUID", "nvmlDeviceGetUUID", card.handle, default=""))
    name = text(questions.get("name", "nvmlDeviceGetName", card.handle, default="NVIDIA card"))
    total = free = used = reserved = 0
    try:
        memory = _memory(questions.api, card.handle)
        total, free, used = (int(part) // _MIB for part in (memory.total, memory.free, memory.used))
        reserved = int(getattr(memory, "reserved", 0)) // _MIB
    except faults(questions.api) as error:
        if type(error).__name__ != "NVMLError_NotSupported":
            return Lost(uuid, f"{_label(card.index, name)} does not answer: {refusal(error)}")
        questions.refuse(nvml_facts.MEMORY, error)
    driver = text(questions.get("driver version", "nvmlSystemGetDriverVersion", default=""))
    capability = nvml_facts.capability(questions, card.parent)
    return Device(
        index=card.index,
        uuid=uuid,
        name=name,
        capability=capability,
        total_mib=total,
        free_mib=free,
        driver=driver,
        used_mib=used,
        reserved_mib=reserved,
        sms=nvml_facts.sms(questions, card.handle, capability, mig=card.mig),
        holders=nvml_facts.holders(questions, card.handle, driver, host, name_of),
        display=nvml_facts.display(questions, card.parent),
        driver_model=nvml_facts.driver_model(questions, card.parent, host),
        mig=card.mig,
        unknown=tuple(questions.refused),
    )


def _memory(api: Any, handle: object) -> Any:  # noqa: ANN401 - a struct of the untyped module
    """Return NVML's memory of a card. `free` is the same in both calls; the older one has no `reserved`."""
    try:
        return api.nvmlDeviceGetMemoryInfo(handle, version=api.nvmlMemory_v2)
    except faults(api):
        return api.nvmlDeviceGetMemoryInfo(handle)


def _label(index: int, name: str) -> str:
    return f"card {index} ({name})" if name else f"card {index}"
