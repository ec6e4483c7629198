"""The sentence after which Whisper is asked for the marks of Chinese (transcribe/marks.py). Pure.

The wording was chosen by scripts/chinese.py; see docs/chinese.md.
"""

from __future__ import annotations

from typing import Literal

_TRADITIONAL = "以下是國語的句子。"
EXAMPLES = {
    "zh": "以下是普通话的句子。",
    "yue": "以下係廣東話嘅句子。",  # not measured: base does not know Cantonese
}


def example(language: str, script: Literal["auto", "simplified", "traditional", "keep"]) -> str:
    """Return a sentence with a mark in a language of EXAMPLES. Raises KeyError for another one.

    Scripts "auto" and "keep" get the simplified one for Mandarin.
    """
    return _TRADITIONAL if (language, script) == ("zh", "traditional") else EXAMPLES[language]
