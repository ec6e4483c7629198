"""What `gpu-optimize` prints on computers we do not have: its own report, of machines made up for the page.

`pages()` is what stands in docs/gpu_optimize.md between its marks. No figure in it was measured.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from bili2text.diagnosis import report
from bili2text.diagnosis.diagnose import judged
from bili2text.diagnosis.libraries import Versions, parts
from bili2text.diagnosis.values import Diagnosis, Trials
from bili2text.gpu.device import Cards, Device, Holder
from bili2text.gpu.known import simulated
from bili2text.models.catalog import CARDS
from bili2text.plan.values import Machine, Stock, Wishes

DRIVER = "570.133.07"  # one that knows every card here
LIBRARY = "4.8.5"
TODAY = date(2026, 11, 21)
OFFICE = Versions("1.2.1", ytdlp="2026.7.4")
WORKSHOP = Versions("1.2.1", ffmpeg="6.1.1", ytdlp="2026.11.1", scripts=(("deno", "2.5.4"),))
_NO_DRIVER = "no NVIDIA driver is installed"
_NO_CARD = "the NVIDIA driver knows of no card"


def pages() -> str:
    """Return the situations, each a heading and the report as it is printed."""
    found = {
        "No card at all": without_card(_NO_DRIVER),
        "A driver, but no card": without_card(_NO_CARD),
        "A card full of other people's work": full(),
        "An RTX 4060 with nothing but the desktop on it": idle(),
    }
    return "".join(f"### {title}\n\n```text\n{report.text(one)}```\n\n" for title, one in found.items())


def without_card(reason: str) -> Diagnosis:
    """Return the diagnosis of an office computer, where nothing may be downloaded."""
    here = tuple(card for card in CARDS if card.name in ("base", "small"))
    machine = Machine(Cards((), reason), 11.0, 8, library=LIBRARY)
    return _diagnosis(machine, Stock(here, may_download=False))


def full() -> Diagnosis:
    """Return that of a card where others compute and somebody plays."""
    holders = (Holder(4321, "python3", 15360), Holder(5120, "ollama", 5600), Holder(2210, "firefox", 900))
    return _diagnosis(_with(_holding("RTX 4090", holders)), Stock(CARDS, may_download=True))


def idle() -> Diagnosis:
    """Return that of a card that has only the desktop on it."""
    holders = (Holder(1711, "Xorg", 310), Holder(1980, "gnome-shell", 140))
    return _diagnosis(_with(_holding("RTX 4060, desktop", holders)), Stock(CARDS, may_download=True))


def _holding(card: str, holders: tuple[Holder, ...]) -> Device:
    device = simulated(card)
    reserved = device.total_mib // 40
    used = sum(holder.used_mib or 0 for holder in holders)
    return replace(
        device,
        driver=DRIVER,
        holders=holders,
        used_mib=used,
        reserved_mib=reserved,
        free_mib=device.total_mib - used - reserved,
    )


def _with(device: Device) -> Machine:
    return Machine(Cards((device,)), 24.0, 12, library=LIBRARY)


def _diagnosis(machine: Machine, stock: Stock) -> Diagnosis:
    cards = bool(machine.cards.devices)
    told = parts(machine, "" if cards else "not installed", WORKSHOP if cards else OFFICE, TODAY)
    place = "cuda:0" if cards else "cpu"
    tried = Trials(place, reason="not run for this page: there is no such computer here")
    return judged(Wishes(), machine, stock, told, (tried,))
