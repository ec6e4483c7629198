"""Which scripts a translation may be written in, and what stands in another. Pure."""

from __future__ import annotations

import re
from collections import Counter

from bili2text.transcribe.writing import script
from bili2text.translate.values import Direction, Task

_CYRILLIC = ("ru", "uk", "be", "bg", "mk", "kk", "mn", "tg", "tt", "ba")
# of scripts that `script` calls OTHER: told from Latin, not from each other
_OWN_LETTERS = (
    "ar", "he", "fa", "ur", "ps", "sd", "yi", "hi", "mr", "ne", "sa", "bn", "as", "pa", "gu", "ta", "te",
    "kn", "ml", "si", "th", "lo", "km", "my", "bo", "am", "ka", "hy",
)  # fmt: skip
_OWN = {
    "zh": frozenset({"HAN"}), "zh-Hant": frozenset({"HAN"}), "yue": frozenset({"HAN"}),
    "ja": frozenset({"HAN", "KANA"}), "ko": frozenset({"HANGUL"}), "el": frozenset({"GREEK"}),
    "sr": frozenset({"CYRILLIC", "LATIN"}),
    **dict.fromkeys(_CYRILLIC, frozenset({"CYRILLIC"})), **dict.fromkeys(_OWN_LETTERS, frozenset({"OTHER"})),
}  # fmt: skip
_LATIN = frozenset({"LATIN"})
_EVERYWHERE = frozenset({"LATIN", "GREEK", "DIGIT"})  # names, formulas
_NAMED = ("HAN", "KANA", "HANGUL", "CYRILLIC")  # scripts that decoding can do without
_NO_NAME = 8  # characters of Han: what is longer is a sentence, which Japanese does not write without Kana
_WORD = re.compile(r"[^\W\d_]+")
_LATIN_PER_HAN = 3  # letters of English for one of Chinese, as whole texts measure


def own(language: str) -> frozenset[str]:
    """Return the scripts a language is written in; Latin for a language not known."""
    return _OWN.get(language, _LATIN)


def unwanted(direction: Direction) -> tuple[str, ...]:
    """Return the scripts a translation has no use for, as `Decoding.without` names them.

    Latin letters are never among them: names are written in them everywhere.
    """
    home = own(direction.target)
    return tuple(one.lower() for one in _NAMED if one not in home)


def stray(text: str, task: Task, direction: Direction) -> bool:
    """Return whether a translation is written, or holds something, in another script than its language.

    Not counted: what stands so in the glossary, and what stands in the source in a script that is foreign
    there too, as a Greek letter or a Chinese character in an English sentence. A sentence of names and
    numbers alone may stay in Latin letters.
    """
    source = task.sentence.text
    for term in task.terms:
        if term.target:
            text = text.replace(term.target, " ")
    home, quoted = own(direction.target), _foreign(source, own(direction.source))
    foreign = [one for one in _foreign(text, home | _EVERYWHERE) if one not in quoted]
    if any(script(one) != "OTHER" for one in foreign):
        return True
    if direction.target == "ja" and _is_chinese(text):
        return True
    return "LATIN" not in home and _too_latin(text, source, home)


def _foreign(text: str, home: frozenset[str]) -> list[str]:
    return [one for one in text if one.isalpha() and script(one) not in home]


def _is_chinese(text: str) -> bool:
    """Return whether there is no Kana in a text that is no mere name."""
    found = [script(one) for one in text if one.isalpha()]
    return "KANA" not in found and found.count("HAN") >= _NO_NAME


def _too_latin(text: str, source: str, home: frozenset[str]) -> bool:
    found = Counter(script(one) for one in text if one.isalpha())
    if not found["LATIN"] or _is_names(source):
        return False
    mine = sum(found[one] for one in home)
    if not mine:
        return True
    common = sum(len(word) for word in _WORD.findall(text) if word.isascii() and word.islower())
    per_own = _LATIN_PER_HAN if home & {"HAN", "HANGUL", "KANA"} else 1
    return common > per_own * mine


def _is_names(source: str) -> bool:
    """Return whether a text is names and numbers alone: each word begins with a capital letter."""
    if any(script(one) not in _EVERYWHERE for one in source if one.isalpha()):
        return False
    words = _WORD.findall(source)
    if len(words) == 1:
        return len(words[0]) > 1 and words[0].isupper()  # "Hello." is as capital as "John."
    return all(word[0].isupper() for word in words)
