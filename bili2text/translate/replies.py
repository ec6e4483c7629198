"""What of a reply is the translation. Pure."""

from __future__ import annotations

import re

from bili2text.files import clean_text
from bili2text.transcribe.writing import letters
from bili2text.translate.phrases import is_preamble, without_label
from bili2text.translate.values import Direction, Task

_FENCE = re.compile(r"\s*```\w*\s*")
_OUR_MARKS = re.compile(r"</?text>")
_QUOTES = {'"': '"', "“": "”", "‘": "’", "「": "」", "『": "』", "«": "»", "„": "“", "'": "'"}
_ALL_QUOTES = frozenset(_QUOTES) | frozenset(_QUOTES.values())
_UNSPACED = frozenset({"zh", "zh-Hant", "yue", "ja"})  # written without blanks between words
_LATIN_END = re.compile(r"[\x21-\x7e]$")


def cleaned(text: str, task: Task, direction: Direction) -> str:
    """Return the translation in a reply, on one line; "" where there is none.

    Taken away: thinking (also where its end, or its beginning, is missing), code fences, a line that
    announces the translation, a label before it, the source on a line before or after it, bold type and
    quotes around the whole, line ends. Nothing is taken away that the source has itself.
    """
    source = task.sentence.text
    lines = _lines(_unthought(text, source), source)
    lines = _without_source(lines, source)
    while len(lines) > 1 and is_preamble(lines[0], source):
        lines = lines[1:]
    lines = _without_source(lines, source)
    joined = _joined(lines, direction.target)
    while (bare := _bare(joined, source)) != joined:
        joined = bare
    return joined


def _unthought(text: str, source: str) -> str:
    if "think>" in source:
        return text
    return text.rpartition("</think>")[2].partition("<think>")[0]


def _lines(text: str, source: str) -> list[str]:
    """Return the lines of a reply that hold something, without fences and marks."""
    if "```" not in source:
        text = "\n".join(line for line in text.splitlines() if not _FENCE.fullmatch(line))
    if not _OUR_MARKS.search(source):
        text = _OUR_MARKS.sub("", text)
    return [line for line in map(clean_text, text.splitlines()) if line]


def _without_source(lines: list[str], source: str) -> list[str]:
    """Return the lines without the source before or after the others: the whole reply may be the source."""
    plain = letters(source)
    while len(lines) > 1 and plain and letters(lines[0]) == plain:
        lines = lines[1:]
    while len(lines) > 1 and plain and letters(lines[-1]) == plain:
        lines = lines[:-1]
    return lines


def _joined(lines: list[str], target: str) -> str:
    text = ""
    for line in lines:
        tight = target in _UNSPACED and not (_LATIN_END.search(text) and line[0].isascii())
        text = f"{text}{'' if tight or not text else ' '}{line}"
    return text


def _bare(text: str, source: str) -> str:
    """Return the text without what encloses the whole of it, and the source has not."""
    if text.startswith("**") and text.endswith("**") and "*" not in source and len(text) > 3:
        text = text.strip("*").strip()
    text = without_label(text, source)
    if len(text) < 2 or _QUOTES.get(text[0]) != text[-1] or _is_quoted(source):
        return text
    inner = text[1:-1]
    return text if text[0] in inner or text[-1] in inner.replace("n't", "") else inner.strip()


def _is_quoted(source: str) -> bool:
    return source[:1] in _ALL_QUOTES or source[-1:] in _ALL_QUOTES
