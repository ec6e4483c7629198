"""Real cards by name, so that a plan can be made for a machine one does not have. Pure.

Capability: NVIDIA's list "CUDA GPU compute capability". SMs: CUDA cores as sold, divided by the cores of an
SM (see `nvml_facts`). Memory: as sold, in GiB; of H200, B200 and GB10, where that is not in GiB, what
the driver tells. A card sold with several memories has the usual one here; name the other beside it.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from bili2text.errors import UsageError
from bili2text.gpu.device import Device, DriverModel

# Of an idle card's memory, for want of a figure of the user's: the driver takes some, a desktop more
_FREE, _FREE_WITH_DISPLAY = 0.97, 0.93
_EXAMPLE = 'write it like "RTX 4060, 8 GB, 7.1 free" or "cc 7.5, 6 GB, 5.2 free"'


@dataclass(frozen=True, slots=True)
class Known:
    """A card as sold."""

    name: str
    capability: tuple[int, int]
    sms: int
    total_mib: int
    integrated: bool = False


def _cards(capability: tuple[int, int], table: str, *, integrated: bool = False) -> list[Known]:
    """Return the cards of a table of `name: SMs x GiB`, or with MiB where that is not whole."""
    found = re.findall(r"([^,:]+?)\s*:\s*(\d+) x (\d+)( MiB)?", table)
    return [
        Known(name.strip(), capability, int(sms), int(size) * (1 if mib else 1024), integrated)
        for name, sms, size, mib in found
    ]


KNOWN: tuple[Known, ...] = (
    *_cards((5, 0), "GTX 750 Ti: 5 x 2"),
    *_cards((5, 2), "GTX 950: 6 x 2, GTX 960: 8 x 2, GTX 970: 13 x 4, GTX 980: 16 x 4, GTX 980 Ti: 22 x 6"),
    *_cards((6, 0), "P100: 56 x 16"),
    *_cards(
        (6, 1), "GT 1030: 3 x 2, MX150: 3 x 2, GTX 1050: 5 x 2, GTX 1050 Ti: 6 x 4, GTX 1060 3 GB: 9 x 3"
    ),
    *_cards((6, 1), "GTX 1060: 10 x 6, GTX 1070: 15 x 8, GTX 1070 Ti: 19 x 8, GTX 1080: 20 x 8"),
    *_cards((6, 1), "GTX 1080 Ti: 28 x 11, TITAN Xp: 30 x 12, P4: 20 x 8, P40: 30 x 24"),
    *_cards((7, 0), "V100: 80 x 16, TITAN V: 80 x 12"),
    *_cards((7, 5), "GTX 1630: 8 x 4, GTX 1650: 14 x 4, GTX 1650 Super: 20 x 4, GTX 1660: 22 x 6"),
    *_cards((7, 5), "GTX 1660 Super: 22 x 6, GTX 1660 Ti: 24 x 6, MX450: 14 x 2, MX550: 16 x 2"),
    *_cards((7, 5), "T400: 6 x 4, T500: 14 x 4, T600: 10 x 4, T1000: 14 x 4, T2000: 16 x 4, T4: 40 x 16"),
    *_cards((7, 5), "RTX 2060: 30 x 6, RTX 2060 Super: 34 x 8, RTX 2070: 36 x 8, RTX 2070 Super: 40 x 8"),
    *_cards((7, 5), "RTX 2080: 46 x 8, RTX 2080 Super: 48 x 8, RTX 2080 Ti: 68 x 11, TITAN RTX: 72 x 24"),
    *_cards((8, 0), "A30: 56 x 24, A100: 108 x 40, A100 80 GB: 108 x 80"),
    *_cards(
        (8, 6), "RTX 2050: 16 x 4, RTX 3050 Laptop: 16 x 4, RTX 3050 Ti Laptop: 20 x 4, RTX 3050: 20 x 8"
    ),
    *_cards((8, 6), "RTX 3050 6 GB: 18 x 6, RTX 3060 Laptop: 30 x 6, RTX 3060: 28 x 12, RTX 3060 Ti: 38 x 8"),
    *_cards(
        (8, 6), "RTX 3070 Laptop: 40 x 8, RTX 3070: 46 x 8, RTX 3070 Ti: 48 x 8, RTX 3080 Laptop: 48 x 8"
    ),
    *_cards((8, 6), "RTX 3080: 68 x 10, RTX 3080 12 GB: 70 x 12, RTX 3080 Ti: 80 x 12, RTX 3090: 82 x 24"),
    *_cards((8, 6), "RTX 3090 Ti: 84 x 24, A2: 10 x 16, A10: 72 x 24, A40: 84 x 48, RTX A2000: 26 x 6"),
    *_cards((8, 6), "RTX A4000: 48 x 16, RTX A4500: 56 x 20, RTX A5000: 64 x 24, RTX A6000: 84 x 48"),
    *_cards((8, 7), "Orin Nano: 8 x 8, AGX Orin: 16 x 64", integrated=True),
    *_cards(
        (8, 9), "RTX 4050 Laptop: 20 x 6, RTX 4060 Laptop: 24 x 8, RTX 4060: 24 x 8, RTX 4060 Ti: 34 x 8"
    ),
    *_cards(
        (8, 9), "RTX 4070 Laptop: 36 x 8, RTX 4070: 46 x 12, RTX 4070 Super: 56 x 12, RTX 4070 Ti: 60 x 12"
    ),
    *_cards((8, 9), "RTX 4070 Ti Super: 66 x 16, RTX 4080 Laptop: 58 x 12, RTX 4080: 76 x 16"),
    *_cards((8, 9), "RTX 4080 Super: 80 x 16, RTX 4090 Laptop: 76 x 16, RTX 4090: 128 x 24"),
    *_cards(
        (8, 9), "RTX 2000 Ada: 22 x 16, RTX 4000 Ada: 48 x 20, RTX 5000 Ada: 100 x 32, RTX 6000 Ada: 142 x 48"
    ),
    *_cards((8, 9), "L4: 58 x 24, L40: 142 x 48, L40S: 142 x 48"),
    *_cards((9, 0), "H100 PCIe: 114 x 80, H100: 132 x 80, H200: 132 x 143771 MiB"),
    *_cards((10, 0), "B200: 148 x 183359 MiB"),
    *_cards((12, 0), "RTX 5050: 20 x 8, RTX 5060 Laptop: 26 x 8, RTX 5060: 30 x 8, RTX 5060 Ti: 36 x 16"),
    *_cards((12, 0), "RTX 5070 Laptop: 36 x 8, RTX 5070: 48 x 12, RTX 5070 Ti: 70 x 16, RTX 5080: 84 x 16"),
    *_cards((12, 0), "RTX 5090: 170 x 32, RTX PRO 4000: 70 x 24, RTX PRO 6000: 188 x 96"),
    *_cards((12, 1), "GB10: 48 x 124610 MiB", integrated=True),
)

_UNITS = r"(gb|gib|g|mb|mib|m)"
# a number that does not go on from another, and has no minus before it; "PCIE-40GB" has a hyphen
_NUMBER = r"(?<![\w.])(?<!(?<!\w)-)"
_SIZE = _NUMBER + r"(\d+(?:\.\d+)?)"
# words of the drivers' names that do not tell one card from another
_NOISE = re.compile(
    r"\b(nvidia|geforce|tesla|quadro|jetson|graphics|gpu|sxm\d?|hbm\d\w?|blackwell|generation)\b"
)
_MODELS: dict[str, DriverModel] = {
    "wsl": "wsl",
    "wsl2": "wsl",
    "wddm": "wddm",
    "windows": "wddm",
    "tcc": "tcc",
}
_SCREENS = {"desktop", "display"}
_SHARED = {"integrated", "unified"}


@dataclass(frozen=True, slots=True)
class _Said:
    """What a text says of a card, each part None or empty where it says nothing."""

    card: Known | None
    name: str
    capability: tuple[int, int] | None
    sms: int | None
    total_mib: int | None
    free_mib: int | None
    words: frozenset[str]


def simulated(text: str) -> Device:
    """Return the card a text describes, as if it were card 0 of this computer.

    The text is a known card's name, or "cc 7.5" and a memory; beside it may stand the memory ("8 GB", binary
    as the driver counts), what is free of it ("7.1 free", in GB unless "MiB" is said), "24 SM", "desktop" for
    a card with a screen on it, and "wsl", "windows" or "tcc". Where nothing is said, 97 % is free, 93 % with
    a screen. Raises UsageError for what is no card, or more free than there is.
    """
    said = _read(text)
    if said.card is None and (said.capability is None or said.total_mib is None):
        raise _unknown(text, said.name)
    card = said.card or Known(said.name or "a card without a name", (0, 0), 0, 0)
    display = bool(said.words & _SCREENS)
    total = card.total_mib if said.total_mib is None else said.total_mib
    free = int(total * (_FREE_WITH_DISPLAY if display else _FREE)) if said.free_mib is None else said.free_mib
    if not total or free > total:
        raise UsageError(f"a card of {total} MiB cannot have {free} MiB free: {text!r}", hint=_EXAMPLE)
    return Device(
        index=0,
        uuid="GPU-simulated",
        name=card.name,
        capability=said.capability or card.capability,
        total_mib=total,
        free_mib=free,
        driver="",
        used_mib=total - free,
        sms=card.sms if said.sms is None else said.sms,
        display=display,
        integrated=card.integrated or bool(said.words & _SHARED),
        driver_model=next((model for word, model in _MODELS.items() if word in said.words), "linux"),
    )


def _read(text: str) -> _Said:
    words = frozenset(re.findall(r"[a-z0-9]+", text.lower())) & {*_MODELS, *_SCREENS, *_SHARED}
    rest = re.sub(r"[a-z0-9]+", lambda word: "" if word[0] in words else word[0], text.lower())
    rest, free = _take(rest, rf"{_SIZE}\s*{_UNITS}?\s*free\b")
    rest, capability = _take(rest, r"\bcc\s*(\d+)\.(\d+)\b")
    rest, sms = _take(rest, _NUMBER + r"(\d+)\s*sms?\b")
    name, total = _take(rest, rf"{_SIZE}\s*{_UNITS}\b")
    return _Said(
        # with its memory first: "GTX 1060 3 GB" is another card than a GTX 1060
        card=_named(rest) or _named(name),
        name=" ".join(name.replace(",", " ").split()),
        capability=(int(capability[1]), int(capability[2])) if capability else None,
        sms=int(sms[1]) if sms else None,
        total_mib=_mib(total) if total else None,
        free_mib=_mib(free) if free else None,
        words=words,
    )


def _take(text: str, pattern: str) -> tuple[str, re.Match[str] | None]:
    """Return the text without what the pattern finds first, and that."""
    found = re.search(pattern, text)
    return (text[: found.start()] + text[found.end() :], found) if found else (text, None)


def _mib(size: re.Match[str]) -> int:
    """Return a size in MiB; GB and MB are taken for binary, as card makers mean them."""
    return int(float(size[1]) * (1 if (size[2] or "g").startswith("m") else 1024))


def _named(text: str) -> Known | None:
    """Return the card of exactly this name, its series ("RTX") or its slot ("PCIe") perhaps left out."""
    wanted = _key(text)
    by_key = {key: card for card in KNOWN for key in (_without_series(card), _key(card.name))}
    return by_key.get(wanted) or by_key.get(wanted.replace("pcie", ""))


def _without_series(card: Known) -> str:
    return re.sub(r"^(rtx|gtx|gt)", "", _key(card.name))


def _key(text: str) -> str:
    plain = _NOISE.sub(" ", text.lower())
    plain = re.sub(r"\b(mobile|notebook|max-q)\b", "laptop", plain)
    return re.sub(r"[^a-z0-9.]", "", plain)


def _unknown(text: str, name: str) -> UsageError:
    keys = {key: card.name for card in KNOWN for key in (_without_series(card), _key(card.name))}
    close = difflib.get_close_matches(_key(name), keys, n=3, cutoff=0.6)
    names = dict.fromkeys(keys[key] for key in close)
    hint = f"did you mean {', '.join(names)}?" if close else _EXAMPLE
    return UsageError(
        f"no card is known by this name, nor are its capability and memory told: {text!r}", hint=hint
    )
