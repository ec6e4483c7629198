"""How text looks: what a reader sees as one character, and how many columns it takes.

A column ("cell") is one Latin letter in a terminal; a Chinese character or an emoji takes two.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

JOINERS = "\u200c\u200d"  # ZWNJ and ZWJ: they hold emoji and Indic or Persian letters together
_ZWJ = "\u200d"
_EMOJI_STYLE = "\ufe0f"  # variation selector 16: "draw me as an emoji", so two cells


def graphemes(text: str) -> tuple[str, ...]:
    """Return `text` cut into what a reader sees as single characters; joined again they are `text`.

    Follows the rules of Unicode UAX #29 that matter for speech: combining marks, emoji joined by ZWJ, skin
    tones, flags, Hangul jamo. A blank never takes a mark, so that blanks can be split on.
    """
    if text.isascii():
        return tuple(text)
    clusters: list[str] = []
    for character in text:
        if clusters and _continues(clusters[-1], character):
            clusters[-1] += character
        else:
            clusters.append(character)
    return tuple(clusters)


def width(text: str) -> int:
    """Return how many cells `text` takes."""
    if text.isascii():
        return len(text)
    return sum(_cluster_width(cluster) for cluster in graphemes(text))


def _continues(cluster: str, character: str) -> bool:
    if cluster.isspace() or character.isascii():
        return False
    if character in JOINERS or unicodedata.category(character) in ("Mn", "Me", "Mc"):
        return True
    if "\U0001f3fb" <= character <= "\U0001f3ff" or "\U000e0020" <= character <= "\U000e007f":
        return True  # skin tones; the tags that spell the flags of regions
    if _is_flag_half(character):
        return len(cluster) == 1 and _is_flag_half(cluster)
    if cluster[-1] == _ZWJ:
        return unicodedata.category(character) in ("So", "Sm", "Cn")  # Cn: an emoji newer than this Python
    return (
        "\u1160" <= character <= "\u11ff" and "\u1100" <= cluster[0] <= "\u11ff"
    )  # Hangul vowels and finals


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


@lru_cache(maxsize=4096)
def _cluster_width(cluster: str) -> int:
    base = cluster[0]
    if len(cluster) > 1 and (_EMOJI_STYLE in cluster or _is_flag_half(base)):
        return 2
    # An emoji newer than this Python's tables is unassigned there; its block tells what it is.
    if unicodedata.east_asian_width(base) in ("W", "F") or "\U0001f300" <= base <= "\U0001faff":
        return 2
    return 0 if unicodedata.category(base) in ("Mn", "Me", "Cf", "Cc", "Zl", "Zp") else 1
