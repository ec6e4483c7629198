"""Where somebody else begins to speak: dashes, chevrons and names at the beginning of a line. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from bili2text.chinese.literals import HAN

_OPENING = "\"“'‘(（¿¡«「『"
# One dash (two are a thought broken off) before what can begin a sentence.
_DASH = re.compile(rf"[-–—‐−]\s*[{_OPENING}]*(?P<first>[^\W\d_])")
_CHEVRONS = re.compile(r">>|&gt;&gt;|＞＞|》》")
_LABEL = re.compile(
    rf"(?P<name>[^\W\d_][\w.'’-]*(?: [\w.'’-]+){{0,2}}|[{HAN}]{{1,6}}[0-9]?)\s?[:：](?!//|\d)"
)
_BEFORE_COLON = tuple("说說道问問答示为為是括如下称稱讲講想")  # a verb that tells of speech, not a name
_TURN = re.compile(r"\s(?=[-–—‐−]\s*\S)")


def labels(texts: Iterable[str]) -> frozenset[str]:
    """Return the names before a colon that begin two lines or more: those are speakers', not "He said:"."""
    found = Counter(label for text in texts if (label := _label(text)))
    return frozenset(label for label, count in found.items() if count > 1)


def new_speaker(text: str, known: frozenset[str]) -> bool:
    """Return whether a line begins with a sign that somebody else speaks.

    `known` is what `labels` gives for the file; a name in capitals ("JOHN:") needs no second line.
    """
    if _CHEVRONS.match(text):
        return True
    dash = _DASH.match(text)
    if dash:
        return not dash["first"].islower()
    label = _label(text)
    return bool(label) and (label in known or (len(label) > 1 and label.isupper()))


def turns(text: str) -> list[str]:
    """Return a line's text cut before each dash that begins a turn: "- No. - Yes." is two speakers."""
    if not _DASH.match(text):
        return [text]
    found: list[str] = []
    for part in _TURN.split(text):
        if found and not new_speaker(part, frozenset()):
            found[-1] += f" {part}"
        else:
            found.append(part)
    return found


def _label(text: str) -> str:
    match = _LABEL.match(text)
    if match is None or match["name"][0].islower() or match["name"].endswith(_BEFORE_COLON):
        return ""
    return match["name"]
