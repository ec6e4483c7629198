"""A graphics card as the decision sees it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Device:
    """One CUDA card and the memory it has free now."""

    index: int  # the ordinal CUDA gives it in this process
    uuid: str
    name: str
    capability: tuple[int, int]  # (8, 9) for an RTX 4060
    total_mib: int
    free_mib: int
    driver: str  # "550.54.14"

    @property
    def free_gib(self) -> float:
        """Free memory in GiB."""
        return self.free_mib / 1024


@dataclass(frozen=True, slots=True)
class Cards:
    """What was found: the cards CUDA can use here, or why there are none."""

    devices: tuple[Device, ...]
    reason: str = ""  # one line, when there are none


def visible(devices: tuple[Device, ...], setting: str | None) -> tuple[Device, ...]:
    """Return the cards that `CUDA_VISIBLE_DEVICES` leaves, renumbered as CUDA does.

    `devices` are in the order of the PCI bus. An entry is an index or the beginning of a UUID; entries
    after an invalid one do not count (CUDA programming guide, environment variables).
    """
    if setting is None:
        return devices
    chosen: list[Device] = []
    for entry in (part.strip() for part in setting.split(",")):
        match = [
            device
            for device in devices
            if (entry.isdigit() and device.index == int(entry))
            or (entry.startswith(("GPU-", "MIG-")) and device.uuid.startswith(entry))
        ]
        if len(match) != 1 or match[0] in chosen:
            break
        chosen.append(match[0])
    return tuple(replace(device, index=index) for index, device in enumerate(chosen))
