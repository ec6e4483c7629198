"""What NVML tells about a card beside its memory. Each may be refused, and the card is used all the same."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from bili2text.gpu.device import DriverModel, Holder
from bili2text.gpu.host import Host

MEMORY = "memory"
CAPABILITY = "compute capability"
SMS = "SM count"
_HOLDERS = "who holds memory"
_HELD = "how much each program holds"

_MIB = 1024 * 1024
# CUDA cores in one SM (CUDA programming guide, arithmetic instructions): 64 in these, 128 since Maxwell
_HALF_SIZE = {(6, 0), (7, 0), (7, 2), (7, 5), (8, 0)}
# From 535.43 to before 535.86 the list of processes has another layout than it says (wookayin/gpustat#161)
_WRONG_LISTS = ((535, 43), (535, 86))
# NVML_VALUE_NOT_AVAILABLE is all ones; older bindings hand it on as a number
_NO_FIGURE = 1 << 60


def faults(api: Any) -> tuple[type[Exception], ...]:  # noqa: ANN401 - the untyped module
    """Return what a call through the bindings may raise: NVML's errors, and those of broken bindings."""
    root = getattr(api, "NVMLError", OSError)
    return (root, AttributeError, LookupError, OSError, TypeError, ValueError, ctypes.ArgumentError)


def refusal(error: Exception) -> str:
    """Return an error in NVML's own words, on one line."""
    try:
        said = str(error)
    except Exception:  # noqa: BLE001 - the bindings ask the failing library for the words
        said = ""
    return " ".join(said.split()) or type(error).__name__


def text(value: str | bytes) -> str:
    """Return a text of NVML's; older bindings give bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


@dataclass(slots=True)
class Questions:
    """Calls of NVML by name, and what was refused."""

    api: Any
    refused: list[str] = field(default_factory=list)

    def get(self, what: str, function: str, *arguments: object, default: Any) -> Any:  # noqa: ANN401 - untyped
        """Return a function's answer; a refusal is noted as a line about `what`, and the default returned."""
        try:
            return getattr(self.api, function)(*arguments)
        except faults(self.api) as error:
            self.refuse(what, error)
            return default

    def refuse(self, what: str, error: Exception) -> None:
        """Note that the driver did not tell `what`, once."""
        whom = " this user" if type(error).__name__ == "NVMLError_NoPermission" else ""
        self.note(f"{what}: the driver does not tell{whom} ({refusal(error)})")

    def note(self, line: str) -> None:
        """Note a line, once."""
        if line not in self.refused:
            self.refused.append(line)


def capability(questions: Questions, handle: object) -> tuple[int, int]:
    """Return the compute capability, (0, 0) when it is not told."""
    found = questions.get(CAPABILITY, "nvmlDeviceGetCudaComputeCapability", handle, default=(0, 0))
    return int(found[0]), int(found[1])


def sms(questions: Questions, handle: object, of: tuple[int, int], *, mig: bool) -> int:
    """Return how many streaming multiprocessors a card or slice has, 0 when it is not told."""
    if mig:
        attributes = questions.get(SMS, "nvmlDeviceGetAttributes", handle, default=None)
        return int(getattr(attributes, "multiprocessorCount", 0))
    cores = int(questions.get(SMS, "nvmlDeviceGetNumGpuCores", handle, default=0))
    return cores // (64 if of in _HALF_SIZE else 128) if of >= (5, 0) else 0


def display(questions: Questions, handle: object) -> bool:
    """Return whether a screen hangs on the card, or is drawn on it."""
    asked = ("nvmlDeviceGetDisplayMode", "nvmlDeviceGetDisplayActive")
    # the first is deprecated, the second says no in sleep: either one's yes counts
    answers = [questions.get("display", function, handle, default=0) for function in asked]
    return any(int(answer) == 1 for answer in answers)


def driver_model(questions: Questions, handle: object, host: Host) -> DriverModel:
    """Return who hands out the card's memory. Windows itself does, unless a driver model says otherwise."""
    if host.system != "windows":
        return host.system
    model = questions.get("driver model", "nvmlDeviceGetCurrentDriverModel", handle, default=0)
    # NVML_DRIVER_WDM is what nvidia-smi calls TCC; MCDM (2) leaves memory to Windows, as WDDM (0) does
    return "tcc" if int(model) == 1 else "wddm"


def holders(
    questions: Questions, handle: object, driver: str, host: Host, name_of: Callable[[int], str]
) -> tuple[Holder, ...]:
    """Return the programs that hold memory of a card, the largest first; `name_of` stands in for NVML."""
    listed: dict[int, int | None] = {}
    for kind in ("Compute", "Graphics"):
        for process in _processes(questions, handle, kind):
            # a program that computes and draws is in both lists with the same figure
            pid, used = int(process.pid), _figure(process)
            listed[pid] = max(listed.get(pid) or 0, used) if used is not None else listed.get(pid)
    listed.pop(0, None)
    if wrong_lists(driver):
        questions.note(f"{_HELD}: driver {driver} tells wrong figures; 535.86 and later are right")
        listed = dict.fromkeys(listed)
    elif None in listed.values():
        questions.note(f"{_HELD}: the driver does not tell")
    if not listed and host.system == "wsl":
        questions.note(f"{_HOLDERS}: WSL does not tell")
    found = (Holder(pid, _name(questions.api, pid, name_of), used) for pid, used in listed.items())
    return tuple(sorted(found, key=lambda holder: (-(holder.used_mib or 0), holder.pid)))


def wrong_lists(driver: str) -> bool:
    """Return whether a driver's list of processes is known to be wrong."""
    first, end = _WRONG_LISTS
    numbers = tuple(int(part) for part in re.findall(r"\d+", driver)[:2])
    return first <= numbers < end


def _processes(questions: Questions, handle: object, kind: str) -> Iterable[Any]:
    function = f"nvmlDeviceGet{kind}RunningProcesses"
    try:
        return list(getattr(questions.api, function)(handle))
    except faults(questions.api) as error:
        # the bindings call the third version alone, which drivers before 510 do not have
        if type(error).__name__ == "NVMLError_FunctionNotFound":
            return list(questions.get(_HOLDERS, f"{function}_v2", handle, default=()))
        questions.refuse(_HOLDERS, error)
        return ()


def _figure(process: Any) -> int | None:  # noqa: ANN401 - a struct of the untyped module
    used = getattr(process, "usedGpuMemory", None)
    return None if used is None or used >= _NO_FIGURE else int(used) // _MIB


def _name(api: Any, pid: int, name_of: Callable[[int], str]) -> str:  # noqa: ANN401 - the untyped module
    try:
        said = text(api.nvmlSystemGetProcessName(pid)).strip()
    except faults(api):
        said = ""
    # some drivers give the whole command line
    return re.split(r"[/\\]", said.split(" -")[0])[-1] or name_of(pid)
