"""The text of a cue without its markup, on one line. Pure.

Every pattern here stops at the next opening bracket, so that a row of nothing but brackets takes no longer
than another of its length.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from bili2text.files import clean_text
from bili2text.subtitles.atoms import blank_between

_BREAK = re.compile(r"<br\s?/?>", re.IGNORECASE)
# SubRip has no list of tags; these are what players obey. Any other "<" is text.
_SRT_TAG = re.compile(
    r"</?(?:b|i|u|s|em|strong|font|span|c|v|lang|ruby|rt|p|div)(?:[\s.=][^<>]*)?/?>", re.IGNORECASE
)
_SRT_BRACES = re.compile(r"\{\\[^{}]*\}|\{[A-Za-z]:[^{}]*\}")
_READING = re.compile(r"<rt[^<>]*>[^<>]*(?:</rt>)?", re.IGNORECASE)  # says again how the word below is said
_VTT_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<[0-9][0-9:.]*>|</>")
_ENTITY = re.compile(r"&(?:amp|lt|gt|nbsp|lrm|rlm|quot|apos|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});")


def one_line(rows: Iterable[str]) -> str:
    """Return rows as one clean line; a blank joins them where their scripts write one."""
    text = ""
    for row in map(clean_text, rows):
        if text and row:
            text += f" {row}" if blank_between(text, row) else row
        else:
            text += row
    return text


def srt_rows(rows: Iterable[str]) -> list[str]:
    """Return the rows of a SubRip cue without tags and the overrides of other formats."""
    parts = (part for row in rows for part in _BREAK.split(row))
    return [_SRT_TAG.sub("", _SRT_BRACES.sub("", part)) for part in parts]


def vtt_rows(rows: Iterable[str]) -> list[str]:
    """Return the rows of a WebVTT cue without tags, its entities as what they stand for."""
    parts = (part for row in rows for part in _BREAK.split(row))
    bare = (_VTT_TAG.sub("", _READING.sub("", part)) for part in parts)
    return [_ENTITY.sub(lambda found: html.unescape(found[0]), part) for part in bare]
