"""A graphics card as the decision sees it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# Who hands out the card's memory. Under WSL and Windows' WDDM too large a demand is not refused but
# spills into ordinary memory, at a tenth of the speed.
DriverModel = Literal["linux", "wsl", "wddm", "tcc"]


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has some of a card's memory."""

    pid: int
    name: str  # the program's file name; "" when the system does not tell
    used_mib: int | None  # None: the driver does not tell (WSL, WDDM, another container)


@dataclass(frozen=True, slots=True)
class Device:
    """One CUDA card, or one MIG slice of a card, and the memory it has free now."""

    index: int  # the ordinal CUDA gives it in this process
    uuid: str  # "GPU-..." or "MIG-..."
    name: str
    capability: tuple[int, int]  # (8, 9) for an RTX 4060
    total_mib: int
    free_mib: int
    driver: str  # "550.54.14"
    used_mib: int = 0
    reserved_mib: int = 0  # by the driver for itself; in `used` on drivers before 510
    sms: int = 0  # streaming multiprocessors; 0: not known
    holders: tuple[Holder, ...] = ()
    display: bool = False  # a screen hangs on it
    integrated: bool = False  # shares the computer's memory (Jetson, GB10)
    driver_model: DriverModel = "linux"
    mig: bool = False
    unknown: tuple[str, ...] = ()  # what the driver would not tell and why, a line each

    @property
    def free_gib(self) -> float:
        """Free memory in GiB."""
        return self.free_mib / 1024

    @property
    def spills(self) -> bool:
        """Whether a demand beyond the free memory is slow instead of refused."""
        return self.driver_model in ("wsl", "wddm")


@dataclass(frozen=True, slots=True)
class Cards:
    """What was found: the cards CUDA can use here, or why there are none."""

    devices: tuple[Device, ...]
    reason: str = ""  # one line, when there are none
    lost: tuple[str, ...] = ()  # a line for each card that is there and does not answer
