"""What Whisper is told before each window so that it writes Chinese with marks and in one script. Pure.

Left alone, Whisper writes Mandarin mostly without marks, now in one script, now in the other: it learned from
subtitles (openai/whisper discussion 277). The wording was chosen by scripts/chinese.py; see docs/chinese.md.
"""

from __future__ import annotations

import re
from typing import Literal

# A sentence that says nothing: longer ones, and such as begin a talk, made base lose up to half of a window.
PROMPTS = {
    "simplified": "以下是普通话的句子。",
    "traditional": "以下是國語的句子。",
    "yue": "以下係廣東話嘅句子。",  # not measured: base does not know Cantonese
}
# What Whisper's multilingual tokenizer makes of each, a blank before it; a test counts again
_TOKENS = {PROMPTS["simplified"]: 11, PROMPTS["traditional"]: 10, PROMPTS["yue"]: 13}
_LEAK = 7  # characters in a row of the prompt that nobody says by chance
_SHOWN = re.compile(r"[^\w]|_")


def prompt_for(language: str, script: Literal["auto", "simplified", "traditional", "keep"]) -> str | None:
    """Return the prompt for every window when the user gave none; None where the language needs none.

    Scripts "auto" and "keep" get the simplified one for Mandarin: without any, marks are missing.
    """
    if language == "yue":
        return PROMPTS["yue"]
    if language != "zh":
        return None
    return PROMPTS["traditional" if script == "traditional" else "simplified"]


def tokens_at_most(text: str) -> int:
    """Return how many tokens a text is told in, at most: known for our prompts, else a token is a byte."""
    return _TOKENS.get(text, len(f" {text}".encode()))


def leaks(text: str, prompt: str) -> bool:
    """Return whether a part of the prompt stands in a window's text: it was written, not heard.

    A part is seven characters in a row, marks and blanks not counted, or the whole of a shorter prompt.
    """
    bare, told = _SHOWN.sub("", text), _SHOWN.sub("", prompt)
    parts = (told[at : at + _LEAK] for at in range(max(1, len(told) - _LEAK + 1)))
    return bool(told) and any(part in bare for part in parts)
