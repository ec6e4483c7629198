"""A driver that does what hardware will not do on demand, behind the functions of pynvml that we call.

Its errors are pynvml's own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import pynvml

MIB = 1024 * 1024


def error(name: str) -> Exception:
    """One of pynvml's errors: error("GpuIsLost")."""
    return getattr(pynvml, f"NVMLError_{name}")()


def uuid(number: int, kind: str = "GPU") -> str:
    return f"{kind}-{number:08x}-1111-2222-3333-{number:012x}"


def process(pid: int, used_mib: int | None) -> SimpleNamespace:
    return SimpleNamespace(pid=pid, usedGpuMemory=None if used_mib is None else used_mib * MIB)


@dataclass
class FakeCard:
    """A card, or a slice; `refuses` maps a function's name to what it raises."""

    number: int = 0
    name: str = "NVIDIA GeForce RTX 4060"
    capability: tuple[int, int] = (8, 9)
    total: int = 8188
    free: int = 7100
    reserved: int = 300
    cores: int = 3072
    display: int = 0
    model: int = 0  # Windows' driver model
    compute: list[SimpleNamespace] = field(default_factory=list)
    graphics: list[SimpleNamespace] = field(default_factory=list)
    slices: list[FakeCard | Exception] | None = None  # None: not in MIG mode
    refuses: dict[str, Exception] = field(default_factory=dict)
    kind: str = "GPU"

    @property
    def uuid(self) -> str:
        # before driver 470 a slice's UUID was its card's with the numbers of the instances
        return uuid(self.number, self.kind) + ("/1/0" if self.kind == "MIG-GPU" else "")


@dataclass
class FakeNvml:
    """`old`: drivers before 510, whose bindings answer in bytes and which lack the newer calls."""

    cards: list[FakeCard | Exception]
    driver: str = "550.54.14"
    old: bool = False
    refuses: dict[str, Exception] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()  # names that broken or older bindings do not have
    shut: int = 0

    NVMLError = pynvml.NVMLError
    nvmlMemory_v2 = pynvml.nvmlMemory_v2  # noqa: N815 - the name in pynvml

    def __getattribute__(self, name: str) -> object:
        if name.startswith("nvml") and name in object.__getattribute__(self, "lacks"):
            raise AttributeError(name)
        return object.__getattribute__(self, name)

    def _may(self, function: str, card: FakeCard | None = None) -> None:
        refused = self.refuses.get(function) or (card.refuses.get(function) if card else None)
        if refused:
            raise refused

    def _said(self, text: str) -> object:
        return text.encode() if self.old else text

    def nvmlInit(self) -> None:
        self._may("nvmlInit")

    def nvmlShutdown(self) -> None:
        self.shut += 1
        self._may("nvmlShutdown")

    def nvmlSystemGetDriverVersion(self) -> object:
        self._may("nvmlSystemGetDriverVersion")
        return self._said(self.driver)

    def nvmlSystemGetProcessName(self, pid: int) -> object:
        self._may("nvmlSystemGetProcessName")
        return self._said(
            {7: "/usr/bin/python3", 8: "/opt/chrome/chrome --type=gpu --dir=/a/b", 9: "C:\\Games\\game.exe"}[
                pid
            ]
        )

    def nvmlDeviceGetCount(self) -> int:
        self._may("nvmlDeviceGetCount")
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> FakeCard:
        card = self.cards[index]
        if isinstance(card, Exception):
            raise card
        return card

    def nvmlDeviceGetHandleByUUID(self, wanted: str) -> FakeCard:
        for card in self.cards:
            if isinstance(card, FakeCard) and card.uuid == wanted:
                return card
        raise error("NotFound")

    def nvmlDeviceGetUUID(self, card: FakeCard) -> object:
        self._may("nvmlDeviceGetUUID", card)
        return self._said(card.uuid)

    def nvmlDeviceGetName(self, card: FakeCard) -> object:
        self._may("nvmlDeviceGetName", card)
        return self._said(card.name)

    def nvmlDeviceGetCudaComputeCapability(self, card: FakeCard) -> tuple[int, int]:
        self._may("nvmlDeviceGetCudaComputeCapability", card)
        return card.capability

    def nvmlDeviceGetMemoryInfo(self, card: FakeCard, version: int | None = None) -> SimpleNamespace:
        self._may("nvmlDeviceGetMemoryInfo", card)
        if self.old and version:
            raise error("FunctionNotFound")
        used = card.total - card.free - (card.reserved if version else 0)
        extra = {"reserved": card.reserved * MIB} if version else {}
        return SimpleNamespace(total=card.total * MIB, free=card.free * MIB, used=used * MIB, **extra)

    def nvmlDeviceGetNumGpuCores(self, card: FakeCard) -> int:
        self._may("nvmlDeviceGetNumGpuCores", card)
        return card.cores

    def nvmlDeviceGetAttributes(self, card: FakeCard) -> SimpleNamespace:
        self._may("nvmlDeviceGetAttributes", card)
        return SimpleNamespace(multiprocessorCount=card.cores // 64)

    def nvmlDeviceGetDisplayMode(self, card: FakeCard) -> int:
        self._may("nvmlDeviceGetDisplayMode", card)
        return card.display

    def nvmlDeviceGetDisplayActive(self, card: FakeCard) -> int:
        self._may("nvmlDeviceGetDisplayActive", card)
        return 0

    def nvmlDeviceGetCurrentDriverModel(self, card: FakeCard) -> int:
        self._may("nvmlDeviceGetCurrentDriverModel", card)
        return card.model

    def nvmlDeviceGetComputeRunningProcesses(self, card: FakeCard) -> list[SimpleNamespace]:
        self._may("nvmlDeviceGetComputeRunningProcesses", card)
        if self.old:
            raise error("FunctionNotFound")
        return card.compute

    def nvmlDeviceGetComputeRunningProcesses_v2(self, card: FakeCard) -> list[SimpleNamespace]:
        return card.compute

    def nvmlDeviceGetGraphicsRunningProcesses(self, card: FakeCard) -> list[SimpleNamespace]:
        self._may("nvmlDeviceGetGraphicsRunningProcesses", card)
        if self.old:
            raise error("FunctionNotFound")
        return card.graphics

    def nvmlDeviceGetGraphicsRunningProcesses_v2(self, card: FakeCard) -> list[SimpleNamespace]:
        return card.graphics

    def nvmlDeviceGetMigMode(self, card: FakeCard) -> list[int]:
        self._may("nvmlDeviceGetMigMode", card)
        if card.slices is None and not card.name.startswith("NVIDIA A100"):
            raise error("NotSupported")
        return [int(card.slices is not None), 0]

    def nvmlDeviceGetMaxMigDeviceCount(self, card: FakeCard) -> int:
        self._may("nvmlDeviceGetMaxMigDeviceCount", card)
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, card: FakeCard, index: int) -> FakeCard:
        slices = card.slices or []
        if index >= len(slices):
            raise error("NotFound")
        found = slices[index]
        if isinstance(found, Exception):
            raise found
        return found
