"""Cards by name, for plans on machines one does not have."""

from __future__ import annotations

import pytest

from bili2text.errors import UsageError
from bili2text.gpu.device import Device
from bili2text.gpu.known import KNOWN, simulated


def facts(device: Device) -> tuple[str, tuple[int, int], int, int, int]:
    return device.name, device.capability, device.sms, device.total_mib, device.free_mib


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RTX 4060, 8 GB, 7.1 free", ("RTX 4060", (8, 9), 24, 8192, 7270)),
        ("RTX 4060", ("RTX 4060", (8, 9), 24, 8192, 7946)),
        ("4060 8GB 3.5GB free", ("RTX 4060", (8, 9), 24, 8192, 3584)),
        ("nvidia geforce rtx 4060 ti 16GiB", ("RTX 4060 Ti", (8, 9), 34, 16384, 15892)),
        ("MX450, 1800 MiB free", ("MX450", (7, 5), 14, 2048, 1800)),
        ("NVIDIA GeForce RTX 3050 Laptop GPU, 4 GB", ("RTX 3050 Laptop", (8, 6), 16, 4096, 3973)),
        ("RTX 3050", ("RTX 3050", (8, 6), 20, 8192, 7946)),
        ("GTX 1060 3GB", ("GTX 1060 3 GB", (6, 1), 9, 3072, 2979)),
        ("GTX 1060", ("GTX 1060", (6, 1), 10, 6144, 5959)),
        ("Tesla V100-SXM2-32GB", ("V100", (7, 0), 80, 32768, 31784)),
        ("NVIDIA A100-PCIE-40GB", ("A100", (8, 0), 108, 40960, 39731)),
        ("NVIDIA H100 80GB HBM3", ("H100", (9, 0), 132, 81920, 79462)),
        ("NVIDIA H100 PCIe", ("H100 PCIe", (9, 0), 114, 81920, 79462)),
        ("RTX 3070, 30 SM", ("RTX 3070", (8, 6), 30, 8192, 7946)),
        ("RTX 9090, cc 12.0, 16 GB, 5 free", ("rtx 9090", (12, 0), 0, 16384, 5120)),
        ("cc 7.5, 6 GB, 0 free", ("a card without a name", (7, 5), 0, 6144, 0)),
    ],
)
def test_a_card_is_read_from_how_people_write_it(
    text: str, expected: tuple[str, tuple[int, int], int, int, int]
) -> None:
    assert facts(simulated(text)) == expected
    assert facts(simulated(text.upper()))[1:] == expected[1:]


def test_what_surrounds_the_card_is_read_too() -> None:
    desktop = simulated("GTX 1660 Ti, desktop")
    assert (desktop.display, desktop.free_mib, desktop.driver_model) == (True, 5713, "linux")
    assert simulated("RTX 3080, wsl").spills
    assert simulated("RTX 3080 windows").driver_model == "wddm"
    assert simulated("GB10").integrated
    assert simulated("cc 8.7, 8 GB, unified").integrated


@pytest.mark.parametrize("card", KNOWN, ids=lambda card: card.name)
def test_every_known_card_is_found_by_its_own_name(card: object) -> None:
    found = simulated(card.name.upper())  # type: ignore[attr-defined]
    assert found.name == card.name  # type: ignore[attr-defined]
    assert found.sms > 0
    assert 2048 <= found.total_mib <= 192 * 1024
    assert 0 < found.free_mib < found.total_mib


def test_no_two_cards_share_a_name() -> None:
    assert len({card.name for card in KNOWN}) == len(KNOWN) >= 70


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("RTX 4061", "RTX 4060"),
        ("4061", "RTX 4060"),
        ("RTX 4060 banana", "RTX 4060"),
        ("RTX 4060, -1 free", "RTX 4060"),
        ("", "write it like"),
        ("cc 7.5", "write it like"),
        ("6 GB", "write it like"),
        ("RTX 4060, 8 GB, 9 free", "write it like"),
        ("RTX 4060, 0 GB", "write it like"),
        ("RTX 4060, 8 GB, 6 GB", "RTX 4060"),
    ],
)
def test_what_is_no_card_is_refused_with_a_hint(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        simulated(text)
    assert hint in refused.value.hint
    assert repr(text) in refused.value.message
