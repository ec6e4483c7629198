"""The values of small translators: directions, and what a folder holds one for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Way = Literal["zh-en", "en-zh"]
WAYS: tuple[Way, ...] = get_args(Way)
Language = Literal["zh", "en"]

# The special tokens stand where NLLB has them: CTranslate2's loader of M2M100 takes the pad token to be 1
# (its positions begin at 2; python/ctranslate2/converters/transformers.py, M2M100Loader)
BEGIN, PAD, END, UNKNOWN = 0, 1, 2, 3
SPECIALS = ("<s>", "<pad>", "</s>", "<unk>")
LANGUAGE_TOKENS: dict[Language, str] = {"zh": "zho_Hans", "en": "eng_Latn"}  # FLORES-200's codes, as NLLB's


def source_of(way: Way) -> Language:
    """Return the language a direction starts from."""
    return "zh" if way == "zh-en" else "en"


def target_of(way: Way) -> Language:
    """Return the language a direction leads to."""
    return "en" if way == "zh-en" else "zh"


@dataclass(frozen=True, slots=True)
class Pair:
    """A sentence in both languages."""

    zh: str
    en: str

    def source(self, way: Way) -> str:
        """Return the side a direction starts from."""
        return self.zh if way == "zh-en" else self.en

    def target(self, way: Way) -> str:
        """Return the side a direction leads to."""
        return self.en if way == "zh-en" else self.zh
