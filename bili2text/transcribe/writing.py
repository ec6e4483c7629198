"""What a text is written in: its letters, their scripts, and how fast people can say them. Pure."""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import lru_cache

DENSE = frozenset({"HAN", "KANA", "HANGUL"})  # a letter is about a syllable
_OTHER = "OTHER"
_SCRIPTS = {
    "LATIN": "LATIN",
    "FULLWIDTH": "LATIN",
    "CJK": "HAN",
    "HIRAGANA": "KANA",
    "KATAKANA": "KANA",
    "KATAKANA-HIRAGANA": "KANA",
    "HALFWIDTH": "KANA",
    "HANGUL": "HANGUL",
    "GREEK": "GREEK",
    "CYRILLIC": "CYRILLIC",
}
_EUROPEAN = frozenset({"LATIN", "GREEK"})  # Greek letters name quantities in every language
# The scripts a language is written in; names and terms in Latin letters are at home in all of them.
_AT_HOME = {
    "zh": frozenset({"HAN"}) | _EUROPEAN,
    "yue": frozenset({"HAN"}) | _EUROPEAN,
    "ja": frozenset({"HAN", "KANA"}) | _EUROPEAN,
    "ko": frozenset({"HANGUL", "HAN"}) | _EUROPEAN,
    "ru": frozenset({"CYRILLIC"}) | _EUROPEAN,
    "uk": frozenset({"CYRILLIC"}) | _EUROPEAN,
    **dict.fromkeys(("en", "es", "fr", "de", "it", "pt", "nl", "pl", "sv", "tr", "vi", "id"), _EUROPEAN),
}
# The script a text of some length cannot do without.
_OWN = {"zh": "HAN", "yue": "HAN", "ja": "KANA", "ko": "HANGUL", "ru": "CYRILLIC", "uk": "CYRILLIC"}
# Letters a second of speech that nobody exceeds. Mandarin is read at 5.2 syllables a second, Japanese at
# 7.8, English at 6.2 (Pellegrino et al., Language 87, 2011), English syllables being about 3 letters.
_FASTEST_DENSE = 12.0
_FASTEST = 35.0


def letters(text: str) -> str:
    """Return the letters and digits of a text, in one case and width, without what is between them."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(one for one in plain if one.isalnum())


def dense(plain: str) -> bool:
    """Return whether most of the letters are of a script that writes a syllable with one letter."""
    return 2 * sum(script(one) in DENSE for one in plain) > len(plain)


def seconds_needed(plain: str) -> float:
    """Return the seconds the fastest speaker needs for the letters."""
    heavy = sum(script(one) in DENSE for one in plain)
    return heavy / _FASTEST_DENSE + (len(plain) - heavy) / _FASTEST


def out_of_place(plain: str, language: str) -> float:
    """Return the share (0..1) of the letters in a script the language is not written in.

    1.0 where the language's own script is missing altogether; 0.0 for a language not known here.
    """
    home = _AT_HOME.get(language)
    if home is None:
        return 0.0
    found = Counter(script(one) for one in plain if one.isalpha())
    total = sum(found.values())
    if not total:
        return 0.0
    own = _OWN.get(language)
    if own is not None and not found[own]:
        return 1.0
    return sum(count for name, count in found.items() if name not in home) / total


@lru_cache(maxsize=4096)
def script(letter: str) -> str:
    """Return LATIN, HAN, KANA, HANGUL, GREEK, CYRILLIC or OTHER for a letter, DIGIT for a digit."""
    if letter.isdigit():
        return "DIGIT"
    return _SCRIPTS.get(unicodedata.name(letter, "").partition(" ")[0], _OTHER)
