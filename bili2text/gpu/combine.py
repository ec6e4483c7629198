"""NVML's cards and CUDA's list of them -> the cards of this process. Pure."""

from __future__ import annotations

from dataclasses import replace

from bili2text.gpu.cuda import CudaAnswer, CudaDevice
from bili2text.gpu.device import Cards, Device
from bili2text.gpu.host import Host
from bili2text.gpu.nvml import NvmlAnswer
from bili2text.gpu.nvml_facts import CAPABILITY, MEMORY, SMS
from bili2text.gpu.visible import visible


def combine(nvml: NvmlAnswer, cuda: CudaAnswer | None, host: Host, setting: str | None) -> Cards:
    """Return the cards CUDA gives this process, in its order, with what NVML knows of them.

    `cuda` is None when neither of NVIDIA's libraries is there, so that it was not asked; `setting` is
    CUDA_VISIBLE_DEVICES, which counts where CUDA could not be asked.
    """
    lines = tuple(card.line for card in nvml.lost)
    devices: tuple[Device, ...] = ()
    if cuda is not None and cuda.devices:
        devices = _as_cuda_lists(nvml, cuda, host)
    elif cuda is not None and not cuda.refused:
        devices, untold = _as_nvml_lists(nvml, cuda, setting)
        lines += untold
    return Cards(devices, "" if devices else _reason(nvml, cuda, setting, lines), lines)


def _as_cuda_lists(nvml: NvmlAnswer, cuda: CudaAnswer, host: Host) -> tuple[Device, ...]:
    lost = {_key(card.uuid) for card in nvml.lost if card.uuid}
    return tuple(
        _joined(index, its, _same(its, nvml, cuda), nvml, host)
        for index, its in enumerate(cuda.devices)
        if _key(its.uuid) not in lost
    )


def _as_nvml_lists(
    nvml: NvmlAnswer, cuda: CudaAnswer, setting: str | None
) -> tuple[tuple[Device, ...], tuple[str, ...]]:
    """Return the devices, and lines for those whose memory nobody tells."""
    seen = visible(nvml.devices, setting)
    devices = tuple(
        replace(device, unknown=(*device.unknown, f"CUDA's own list: {cuda.reason}"))
        for device in seen
        if device.total_mib
    )
    untold = (device for device in seen if not device.total_mib)
    return devices, tuple(
        f"card {device.index} ({device.name}): the driver does not tell its memory" for device in untold
    )


def _same(its: CudaDevice, nvml: NvmlAnswer, cuda: CudaAnswer) -> Device | None:
    """Return NVML's view of CUDA's device."""
    for device in nvml.devices:
        if _key(device.uuid) == _key(its.uuid) != "":
            return device
    # Without UUIDs to compare (MIG before driver 470, a UUID refused) the only device is the only device
    if len(nvml.devices) == len(cuda.devices) == 1 and not _comparable(nvml.devices[0], its):
        return nvml.devices[0]
    return None


def _comparable(device: Device, its: CudaDevice) -> bool:
    return bool(device.uuid and its.uuid) and "/" not in device.uuid


def _joined(index: int, its: CudaDevice, seen: Device | None, nvml: NvmlAnswer, host: Host) -> Device:
    seen = seen or _of_cuda_alone(its, nvml, host)
    known = tuple(name for name, told in ((CAPABILITY, any(its.capability)), (SMS, its.sms)) if told)
    device = replace(
        seen,
        index=index,
        capability=its.capability if any(its.capability) else seen.capability,
        sms=its.sms or seen.sms,
        integrated=its.integrated,
        unknown=_without(seen.unknown, known),
    )
    return _with_memory(device, its, host)


def _of_cuda_alone(its: CudaDevice, nvml: NvmlAnswer, host: Host) -> Device:
    why = nvml.refusal or "NVML does not list this card"
    if not nvml.installed:
        why = "NVML is not installed"
    return Device(
        index=0,
        uuid=its.uuid,
        name=its.name,
        capability=its.capability,
        total_mib=0,
        free_mib=0,
        driver="",
        driver_model="wddm" if host.system == "windows" else host.system,
        unknown=(f"driver, holders, display: {why}",),
    )


def _with_memory(device: Device, its: CudaDevice, host: Host) -> Device:
    if its.integrated:
        # NVML refuses, or tells a carve-out only; what the system can give is what CUDA can have
        free = min(host.free_mib, host.total_mib)
        return replace(
            device,
            total_mib=host.total_mib,
            free_mib=free,
            used_mib=host.total_mib - free,
            reserved_mib=0,
            unknown=_without(device.unknown, (MEMORY,)),
        )
    if device.total_mib:
        return device
    line = "free memory: the driver does not tell; all of the card is taken for free"
    unknown = (*_without(device.unknown, (MEMORY,)), line)
    return replace(device, total_mib=its.total_mib, free_mib=its.total_mib, unknown=unknown)


def _without(lines: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(line for line in lines if line.partition(":")[0] not in known)


def _reason(nvml: NvmlAnswer, cuda: CudaAnswer | None, setting: str | None, lost: tuple[str, ...]) -> str:
    if nvml.refusal:
        if nvml.installed or cuda is None:
            return nvml.refusal
        return f"NVML is not installed, and {cuda.reason}"
    if nvml.devices and setting is not None and not visible(nvml.devices, setting):
        return f"CUDA_VISIBLE_DEVICES={setting!r} hides every card{' that answers' if lost else ''}"
    if nvml.devices and cuda is not None and cuda.refused:
        many = len(nvml.devices) > 1
        whom = (f"{len(nvml.devices)} cards", "them") if many else ("one card", "it")
        return f"NVIDIA's driver knows {whom[0]}, but CUDA cannot use {whom[1]}: {cuda.reason}"
    if lost:
        return f"no card can be used: {'; '.join(lost)}"
    return "the NVIDIA driver knows of no card"


def _key(uuid: str) -> str:
    """Return a UUID without its kind: CUDA does not tell a slice from a card."""
    return uuid.lower().removeprefix("gpu-").removeprefix("mig-")
