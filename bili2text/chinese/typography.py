"""Blanks, marks, brackets and quotes as Chinese prints them (GB/T 15834, W3C clreq). Pure.

English keeps its own: a mark becomes a Chinese one where the words before it are Chinese, or where Chinese
follows a foreign word that the Chinese sentence has taken in. Between Chinese and Latin letters a blank stays
where Whisper wrote one and none is put in: both are usual, and it is the reader's taste.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from bili2text.chinese.edits import Edit, Rule, swapped
from bili2text.chinese.literals import HAN, literals, outside

_FULL = "，。！？；：、…（）《》〈〉【】「」『』"
_WIDE = dict(zip(",.?!:;", "，。？！：；", strict=True))
_CLOSING = "\"'”’)"
# after these a point ends no sentence
_SHORT = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|No|Vol|vs|etc|Inc|Ltd|Co|Corp|Fig|approx)|\b[A-Za-z])$"
)
_LIST_NUMBER = re.compile(r"\s*[0-9A-Za-z]+$")

_BLANKS = re.compile(
    rf"(?<=[{HAN}{_FULL}])\s+(?=[{HAN}{_FULL}])|\s+(?=[{_FULL}])|(?<=[{_FULL}])\s+|^\s+(?=[{HAN}])"
    rf"|(?<=\s)\s+"
)
_FORMS = re.compile("[０-９Ａ-Ｚａ-ｚ]|(?<=[0-9０-９])[．：](?=[0-9０-９])|(?<=[0-9０-９])％")
_DOTS = re.compile(rf"(?<=[{HAN}{_FULL}”’])(?:\.{{3,}}|…+)|。{{3,}}|^(?:\.{{3,}}|…+)(?=[{HAN}])")
_RUN = re.compile(r"[,.?!:;]+")
_REPEATED = re.compile("……[，。、；：]+|[，。、；：！？]{2,}")
_ROUND = re.compile(r"\(([^()（）]+)\)")
_QUOTED = re.compile(r'"([^"]+)"')
_HAN = re.compile(f"[{HAN}]")


def rules(*, corners: bool) -> tuple[Rule, ...]:
    """Return the rules in the order in which they are to be applied; `corners`: quotes are 「」, not “”."""
    marks = "「」" if corners else "“”"
    return _narrow, _ellipses, lambda text: _quotes(text, marks), _brackets, _marks, _repeated, _blanks


def _narrow(text: str) -> Iterator[Edit]:
    """Full-width letters and digits are Latin ones that came from a Chinese keyboard."""
    for match in _FORMS.finditer(text):
        yield Edit(match.start(), match.end(), unicodedata.normalize("NFKC", match[0]))


def _ellipses(text: str) -> Iterator[Edit]:
    return outside((Edit(m.start(), m.end(), "……") for m in _DOTS.finditer(text) if m[0] != "……"), text)


def _quotes(text: str, marks: str) -> Iterator[Edit]:
    if text.count('"') % 2:
        return
    for match in _QUOTED.finditer(text):
        before = re.sub("[,:]$", "", text[: match.start()])[-1:]
        if _HAN.search(match[1]) and (not before or before.isspace() or before in _FULL or _is_han(before)):
            yield Edit(match.start(), match.start() + 1, marks[0])
            yield Edit(match.end() - 1, match.end(), marks[1])


def _brackets(text: str) -> Iterator[Edit]:
    def pairs() -> Iterator[Edit]:
        for match in _ROUND.finditer(text):
            before = text[: match.start()].rstrip()[-1:]
            chinese = _HAN.search(match[1]) and match[1][0] not in "\"'`"
            if chinese or _is_han(before):
                yield Edit(match.start(), match.start() + 1, "（")
                yield Edit(match.end() - 1, match.end(), "）")

    return outside(pairs(), text)


def _marks(text: str) -> Iterator[Edit]:
    def runs() -> Iterator[Edit]:
        for match in _RUN.finditer(text):
            before, after = text[: match.start()], text[match.end() :]
            if "..." not in match[0] and _ends_chinese(before, match[0], after):
                yield from swapped(match.start(), match.end(), "".join(_WIDE[mark] for mark in match[0]))

    return outside(runs(), text)


def _ends_chinese(before: str, marks: str, after: str) -> bool:
    """Return whether marks between two texts belong to a Chinese sentence."""
    follows = after[:1]
    if follows and follows in "/\\'\"`-_=":  # part of a path, of code or of a face :-)
        return False
    last = _last(before)
    if not last:
        return False
    if _is_chinese(last):
        adrift = before[-1:].isspace() and (":" in marks or (follows.isascii() and follows.isalnum()))
        return not adrift and not (marks == "." and follows.isascii() and follows.isalnum())
    if before[-1:].isspace():
        return False
    following = after.lstrip()[:1]
    if following and not _is_chinese(following):
        return False
    return _taken_in(before, marks, bool(following))


def _taken_in(before: str, marks: str, goes_on: bool) -> bool:
    """Return whether a foreign word or number before a mark stands in a Chinese sentence."""
    clause = re.split(rf"[.?!](?=\s)|[{_FULL}]", before)[-1]
    if "." in marks:
        ends = not _SHORT.search(before) and not _LIST_NUMBER.fullmatch(clause)
        return ends and _HAN.search(clause) is not None
    if _HAN.search(clause):
        return True
    return goes_on and len(clause.split()) == 1


def _repeated(text: str) -> Iterator[Edit]:
    for match in _REPEATED.finditer(text):
        one = _one_of(match[0])
        if one != match[0]:
            yield from swapped(match.start(), match.end(), one)


def _one_of(marks: str) -> str:
    """Return what a run of marks comes to: the strongest; a question and a cry may stand together."""
    if marks.startswith("……"):
        return "……"
    loud = "".join(dict.fromkeys(mark for mark in marks if mark in "？！"))
    return loud or next(mark for mark in "。；：，、" if mark in marks)


def _blanks(text: str) -> Iterator[Edit]:
    ends = {end for _, end in literals(text)}  # a blank may be all that tells where a link ends
    for match in _BLANKS.finditer(text):
        if match.start() not in ends:
            yield from swapped(match.start(), match.end(), "")


def _last(before: str) -> str:
    """Return the last character of a text that is no blank, closing quote or picture."""
    for character in reversed(before):
        if not (character.isspace() or character in _CLOSING or _is_picture(character)):
            return character
    return ""


def _is_picture(character: str) -> bool:
    return not character.isascii() and unicodedata.category(character) in ("So", "Sk", "Mn", "Cf", "Me")


def _is_chinese(character: str) -> bool:
    return _is_han(character) or character in _FULL or character in "“”"


def _is_han(character: str) -> bool:
    return bool(character) and _HAN.match(character) is not None
