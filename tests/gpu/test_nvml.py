"""Asking a driver for its cards: the real one of this machine, and ones we do not have."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from types import SimpleNamespace

from bili2text.gpu import nvml


class NVMLError(Exception):
    """The root of pynvml's errors."""


class NVMLError_LibraryNotFound(NVMLError): ...


class NVMLError_DriverNotLoaded(NVMLError): ...


class NVMLError_NoPermission(NVMLError): ...


@dataclass
class Driver:
    """A driver with some cards, behind the functions of pynvml that we call; None is a card that fell off the bus."""

    cards: list[SimpleNamespace | None]
    text: type = str
    init: Exception | None = None
    shut: list[bool] = field(default_factory=list)

    NVMLError = NVMLError
    NVMLError_LibraryNotFound = NVMLError_LibraryNotFound
    NVMLError_DriverNotLoaded = NVMLError_DriverNotLoaded
    NVMLError_NoPermission = NVMLError_NoPermission

    def nvmlInit(self) -> None:
        if self.init:
            raise self.init

    def nvmlShutdown(self) -> None:
        self.shut.append(True)

    def nvmlSystemGetDriverVersion(self) -> object:
        return self._said("550.54.14")

    def nvmlDeviceGetCount(self) -> int:
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> SimpleNamespace:
        card = self.cards[index]
        if card is None:
            raise NVMLError("GPU is lost")
        return card

    def nvmlDeviceGetMemoryInfo(self, card: SimpleNamespace) -> SimpleNamespace:
        return SimpleNamespace(total=card.total * 1024**2, free=card.free * 1024**2)

    def nvmlDeviceGetUUID(self, card: SimpleNamespace) -> object:
        return self._said(card.uuid)

    def nvmlDeviceGetName(self, card: SimpleNamespace) -> object:
        return self._said(card.name)

    def nvmlDeviceGetCudaComputeCapability(self, card: SimpleNamespace) -> tuple[int, int]:
        return card.cc

    def _said(self, text: str) -> object:
        return text.encode() if self.text is bytes else text


def card(name: str, free: int, uuid: str) -> SimpleNamespace:
    return SimpleNamespace(name=name, free=free, total=8188, uuid=uuid, cc=(8, 9))


ADA = card("NVIDIA GeForce RTX 4060", 7100, "GPU-a")
OLD = card("NVIDIA GeForce GTX 1080", 4000, "GPU-b")


def test_this_machine_answers_or_says_why_not() -> None:
    found = nvml.probe(os.environ)
    assert bool(found.devices) != bool(found.reason)
    assert "\n" not in found.reason


def test_cards_are_told_with_their_free_memory() -> None:
    for text in (str, bytes):  # older drivers' bindings answer in bytes
        (first, second) = nvml.cards_of(Driver([ADA, OLD], text), {}).devices
        assert (first.name, first.free_mib, first.capability, first.driver) == (
            ADA.name,
            7100,
            (8, 9),
            "550.54.14",
        )
        assert second.index == 1


def test_every_refusal_is_a_reason() -> None:
    refusals = {
        NVMLError_LibraryNotFound(): "no NVIDIA driver is installed",
        NVMLError_DriverNotLoaded(): "not loaded",
        NVMLError_NoPermission(): "refuses",
        NVMLError("Driver/library version mismatch"): "mismatch",
    }
    for error, reason in refusals.items():
        found = nvml.cards_of(Driver([], init=error), {})
        assert found.devices == ()
        assert reason in found.reason


def test_a_lost_card_does_not_hide_the_others() -> None:
    driver = Driver([None, ADA])
    assert [device.name for device in nvml.cards_of(driver, {}).devices] == [ADA.name]
    assert driver.shut
    assert "lost" in nvml.cards_of(Driver([None]), {}).reason


def test_hidden_cards_are_the_reason() -> None:
    assert "CUDA_VISIBLE_DEVICES" in nvml.cards_of(Driver([ADA]), {"CUDA_VISIBLE_DEVICES": ""}).reason
    (left,) = nvml.cards_of(Driver([ADA, OLD]), {"CUDA_VISIBLE_DEVICES": "GPU-b"}).devices
    assert (left.name, left.index) == (OLD.name, 0)
