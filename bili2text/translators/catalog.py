"""The translators known by name, best first. Pure.

Shapes are those of each model's config.json on the hub. Ranks keep the guide's order among its own models
(Qwen3-4B-FP8, Qwen3-4B, Qwen3-1.7B, Qwen3-0.6B); the others stand where the tables of the HY-MT1.5 report
(arXiv 2512.24092) put their kind, which is Tencent's own word: see docs/translation.md before relying on it.
"""

from __future__ import annotations

import re
from pathlib import Path

from bili2text.translators.values import FoundModel, Profile, Shape, TranslatorCard

APACHE = "Apache-2.0"
GUIDE = ("Qwen3-4B-FP8", "Qwen3-4B", "Qwen3-1.7B")  # the guide's table, in its order
NAMED = (*GUIDE, "Qwen3-0.6B")  # told of even where they are not on the disk
NOWHERE = Path()  # the folder of a model that is not on the disk
_HY_LICENCE = "first released under a licence that excluded the EU, now Apache-2.0: read the one in your copy"
# what a folder adds to a model's name when it holds a conversion of it
_CONVERTED = re.compile(r"[-_.](ct2|ctranslate2|int8|int8[-_]\w+|float16|bfloat16|float32|fp16|bf16)$", re.I)


def _qwen(layers: int, hidden: int, intermediate: int, heads: int, *, tied: bool = True) -> Shape:
    """Return the shape of a Qwen3: 8 heads of keys, 128 wide, and one vocabulary for all."""
    return Shape(layers, hidden, intermediate, heads, 8, 128, 151936, tied)


_4B = _qwen(36, 2560, 9728, 32)

CARDS: tuple[TranslatorCard, ...] = (
    TranslatorCard(
        "Hy-MT2-7B", "tencent/Hy-MT2-7B", APACHE, "hy-mt", 7.5, None, None, 100,
        remark=f"made for translation; {_HY_LICENCE}; its shape was not looked up",
    ),
    TranslatorCard(
        "Qwen3-8B", "Qwen/Qwen3-8B", APACHE, "qwen3", 8.19,
        _qwen(36, 4096, 12288, 32, tied=False), None, 80,
    ),
    TranslatorCard(
        "Qwen3-4B-Instruct-2507", "Qwen/Qwen3-4B-Instruct-2507", APACHE, "qwen", 4.02, _4B, None, 72,
        remark="newer than Qwen3-4B, and does not think",
    ),
    TranslatorCard(
        "Qwen3-4B-FP8", "Qwen/Qwen3-4B-FP8", APACHE, "qwen3", 4.02, _4B, 6.0, 70, float8=True,
        remark="FP8 takes capability 8.9 and a kernel; without them it is as large as Qwen3-4B",
    ),
    TranslatorCard("Qwen3-4B", "Qwen/Qwen3-4B", APACHE, "qwen3", 4.02, _4B, 8.0, 69),
    TranslatorCard(
        "Hy-MT2-1.8B", "tencent/Hy-MT2-1.8B", APACHE, "hy-mt", 1.79,
        Shape(32, 2048, 6144, 16, 4, 128, 120818, tied=True), None, 60,
        remark=f"made for translation; {_HY_LICENCE}; its shape is that of lvyufeng/Hy-MT2-orangepi",
    ),
    TranslatorCard(
        "Qwen3-1.7B", "Qwen/Qwen3-1.7B", APACHE, "qwen3", 1.72, _qwen(28, 2048, 6144, 16), 4.0, 50
    ),
    TranslatorCard(
        "Qwen3-0.6B", "Qwen/Qwen3-0.6B", APACHE, "qwen3", 0.596, _qwen(28, 1024, 3072, 16), None, 40
    ),
)  # fmt: skip

_BY_NAME = {card.name.lower(): card for card in CARDS}
_HY_MT = re.compile(r"(?:^|[^a-z])(?:hy|hunyuan)[-_]?mt", re.I)


def card_of(name: str) -> TranslatorCard | None:
    """Return the card for a folder's name or a hub id, conversions of it included; None for none of ours.

    "Qwen/Qwen3-4B", "qwen3-4b" and "Qwen3-4B-ct2-int8" are all Qwen3-4B; "Qwen3-4B-Base" is not.
    """
    plain = name.rstrip("/").rpartition("/")[2]
    while True:
        if card := _BY_NAME.get(plain.lower()):
            return card
        shorter = _CONVERTED.sub("", plain)
        if shorter == plain:
            return None
        plain = shorter


def profile_of(name: str, family: str) -> Profile:
    """Return how a model wants to be asked, by its folder's name and transformers' `model_type`.

    The type may be "", as of a converted folder. Of one type are Tencent's chat models and Hy-MT, and Qwen3
    and its Instruct models, which do not think: there the name decides.
    """
    if card := card_of(name):
        return card.profile
    if _HY_MT.search(name):
        return "hy-mt"
    kind = (family or name).lower()
    if kind.startswith("qwen3"):
        return "qwen" if "instruct" in name.lower() else "qwen3"
    return "qwen" if kind.startswith("qwen") else "chat"


def absent(card: TranslatorCard) -> FoundModel | None:
    """Return a model that is not on the disk as it would be; None where its shape is not known."""
    if card.shape is None:
        return None
    packed = "fp8" if card.float8 else ""
    return FoundModel(
        card.name, NOWHERE, "transformers", card.shape, 0, "", packed, card, card.profile, "bfloat16"
    )
