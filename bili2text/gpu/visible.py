"""Which cards `CUDA_VISIBLE_DEVICES` leaves, for when CUDA itself cannot be asked. Pure."""

from __future__ import annotations

from dataclasses import replace

from bili2text.gpu.device import Device


def visible(devices: tuple[Device, ...], setting: str | None) -> tuple[Device, ...]:
    """Return the devices CUDA gives a process under a setting, renumbered as CUDA does.

    `devices` are in the order of the PCI bus, `index` being the card's own. An entry is such an index, the
    beginning of a card's UUID, or a slice's whole UUID. Entries after an invalid one do not count, nor do
    those of another kind than the first; one that is named twice hides all; a process gets one MIG slice at
    most, and then no other card (CUDA programming guide, environment variables; NVIDIA MIG user guide, CUDA
    visible devices; for duplicates XuehaiPan/nvitop, nvitop/api/device.py).
    """
    chosen = list(devices) if setting is None else _chosen(devices, setting)
    slices = [device for device in chosen if device.mig]
    return tuple(replace(device, index=index) for index, device in enumerate(slices[:1] or chosen))


def _chosen(devices: tuple[Device, ...], setting: str) -> list[Device]:
    chosen: list[Device] = []
    numbers: bool | None = None
    for entry in (part.strip() for part in setting.split(",")):
        device = _named(devices, entry)
        numbers = entry.isdecimal() if numbers is None else numbers
        if device is None or entry.isdecimal() != numbers:
            break
        if device in chosen:
            return []
        chosen.append(device)
    return chosen


def _named(devices: tuple[Device, ...], entry: str) -> Device | None:
    if entry.isdecimal():
        # a card that is cut stands for its first slice
        return next((device for device in devices if device.index == int(entry)), None)
    wanted = entry.lower()
    if wanted.startswith("mig-"):
        return next((device for device in devices if device.uuid.lower() == wanted), None)
    if not wanted.startswith("gpu-"):
        return None
    match = [device for device in devices if device.uuid.lower().startswith(wanted)]
    return match[0] if len(match) == 1 else None
