"""Which pairs are worth learning from, and what of a text is the same text again. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from bili2text.files import clean_text
from bili2text.seq2seq.values import Pair

Reason = Literal["control", "placeholder", "equal", "short", "long", "script", "ratio"]

_HAN = re.compile("[\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
_KANA = re.compile("[\u3041-\u30ff]")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")
_LETTER = re.compile(r"[^\W\d_]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\ue000-\uf8ff\ufffd]")
_UNUSUAL = re.compile(  # blanks but the plain one, controls, what is invisible or half a character
    "[\x00-\x1f\x7f-\xa0\xad\u0300-\u036f\u061c\u115f\u1160\u1680\u2000-\u200f"
    "\u2028-\u202f\u205f-\u206f\u3000\u3164\ud800-\udfff\ufeff\uffa0]"
)
_PLACEHOLDER = re.compile(
    r"\W*(?:place ?holder[-_]?\w*|ph|tbd|todo|n/?a|nan|null|x{3,}|no translation|untranslated"
    r"|lorem ipsum\b.*)\W*",
    re.IGNORECASE,
)
_LEAST_HAN = 0.2  # of the letters of Chinese: names and terms stay Latin
_LEAST_LATIN = 0.7  # of the letters of English: a sentence may quote a Chinese word


@dataclass(frozen=True, slots=True)
class Rules:
    """What a pair has to be like."""

    min_chars: int = 10  # of either side
    max_chars: int = 400
    # characters of English for one of Chinese: the 4,272 pairs of hsk-sentences-audio lie within 1.5 and 7.4
    min_ratio: float = 0.8
    max_ratio: float = 9.0


def cleaned(pair: Pair) -> Pair:
    """Return the pair on one line each, in NFC, without invisible characters."""
    return Pair(_clean(pair.zh), _clean(pair.en))


def reason(raw: Pair, pair: Pair, rules: Rules) -> Reason | None:
    """Return why a pair is left out, or None: `raw` as it was read, `pair` as it was cleaned."""
    if _CONTROL.search(raw.zh) or _CONTROL.search(raw.en):
        return "control"
    if _PLACEHOLDER.fullmatch(pair.zh) or _PLACEHOLDER.fullmatch(pair.en):
        return "placeholder"
    if pair.zh == pair.en:
        return "equal"
    if min(len(pair.zh), len(pair.en)) < rules.min_chars:
        return "short"
    if max(len(pair.zh), len(pair.en)) > rules.max_chars:
        return "long"
    if not (is_chinese(pair.zh) and is_english(pair.en)):
        return "script"
    if not rules.min_ratio <= len(pair.en) / len(pair.zh) <= rules.max_ratio:
        return "ratio"
    return None


def holds_chinese(text: str) -> bool:
    """Return whether a Chinese character is in it."""
    return _HAN.search(text) is not None


def is_chinese(text: str) -> bool:
    """Return whether a fifth of the letters are Chinese, and it is no Japanese."""
    han = len(_HAN.findall(text))
    return han > 0 and han >= _LEAST_HAN * len(_LETTER.findall(text)) and han > 2 * len(_KANA.findall(text))


def is_english(text: str) -> bool:
    """Return whether most letters are Latin: enough to tell it from Chinese, not from French."""
    if text.isascii():  # most are, and counting takes a third of the time of all
        return _LATIN.search(text) is not None
    latin = len(_LATIN.findall(text))
    return latin > 0 and latin >= _LEAST_LATIN * len(_LETTER.findall(text))


def pair_digest(pair: Pair) -> bytes:
    """Return 8 bytes for a pair; that two of 26M pairs share them has a chance of 1 in 50,000."""
    return _digest(f"{pair.zh}\t{pair.en}")


def side_digests(pair: Pair) -> tuple[bytes, bytes]:
    """Return 8 bytes for each side, the same where only width, case, blanks or punctuation differ."""
    return _digest(f"zh {_bare(pair.zh)}"), _digest(f"en {_bare(pair.en)}")


def _clean(text: str) -> str:
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    # character by character only where there is something to find: most of millions have nothing
    return clean_text(text) if _UNUSUAL.search(text) else unicodedata.normalize("NFC", text.strip())


def _bare(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(filter(str.isalnum, folded)) or folded


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8"), digest_size=8).digest()
