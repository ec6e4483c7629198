"""Which language a text is in, where nobody says so: by its letters, English by its commonest words. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from bili2text.transcribe.writing import script

_BY_SCRIPT = {"HAN": "zh", "HANGUL": "ko", "CYRILLIC": "ru", "GREEK": "el"}
_MOST_LETTERS = 20_000
_KANA = 0.05  # of the letters; Japanese has far more, Chinese quotes of it fewer
# The commonest words of English that no other large language in Latin letters shares. Running text is made
# of them by a sixth; a list of names is not.
_ENGLISH = frozenset(
    {
        "the",
        "and",
        "of",
        "to",
        "is",
        "that",
        "it",
        "you",
        "was",
        "for",
        "with",
        "are",
        "this",
        "have",
        "they",
        "we",
        "be",
        "not",
    }
)
_ENGLISH_SHARE = 0.08
_WORD = re.compile(r"[a-z']+")


def language_of(texts: Iterable[str]) -> str:
    """Return Whisper's code for the language of the texts, or "" where it is not sure.

    Of the languages that share a script, only the most common is known: zh, ru, and en by its words.
    """
    words: list[str] = []
    letters: Counter[str] = Counter()
    for text in texts:
        letters.update(script(one) for one in text if one.isalpha())
        words += _WORD.findall(text.lower())
        if sum(letters.values()) > _MOST_LETTERS:
            break
    total = sum(letters.values())
    if not total:
        return ""
    if letters["KANA"] > _KANA * total:
        return "ja"
    main, count = letters.most_common(1)[0]
    if 2 * count < total:
        return ""
    if main == "LATIN":
        return "en" if sum(word in _ENGLISH for word in words) > _ENGLISH_SHARE * len(words) else ""
    return _BY_SCRIPT.get(main, "")
