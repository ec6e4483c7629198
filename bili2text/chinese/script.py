"""Simplified and traditional characters. The only file that imports OpenCC.

The tables of `opencc-python-reimplemented` 0.1.7 give a character for a character, phrases too: a text
keeps its length. `t2s` and `s2tw` are taken, not `tw2sp` and `s2twp`: these change words too (影片 to 视频),
and a transcript has the words that were said. Not `tw2s`: it makes the 什么 of simplified text 什幺. To
traditional it is `s2tw`, since `s2t` writes 裏, 羣 and 喫, which few readers of traditional Chinese use.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, Protocol

Script = Literal["simplified", "traditional"]

# Characters of simplified Chinese that traditional Chinese has too, as other words (皇后, 公里): they tell
# nothing of the script. From OpenCC's STCharacters, the keys that are among their own values but not first,
# and three that its phrases leave in traditional text.
_BOTH = frozenset(
    "㐹万丑丰于云亘仆价伙余佣党准几凶划占厂厘台叶吁吃后咨咸唇夸尸岩岳帘干广征愿托挂据斗朴杠杰极柜栗涂涌淀游熏"
    "皂确种筑胜腊腌膻苹范荐虫蚝蜡蝎跖辟适郁采里么恒焕"
)
# Taiwan writes 看著 for the 看着 that t2s expects; beside these characters 著 is no particle
_AUTHOR = "(?<![显土名巨原专卓])著(?![作名书称述者录])"
_LATER = (
    (re.compile(_AUTHOR), "着"),
    (re.compile("甚(?=么)"), "什"),
    (re.compile("妳"), "你"),
    (re.compile("馀"), "余"),
)


class _Converter(Protocol):
    def convert(self, string: str) -> str:
        """Return the text in the other script."""


def written_in(text: str, script: Script) -> str:
    """Return Chinese text in a script, as many characters as before.

    Text without a character that is simplified only is taken for traditional already: another conversion
    would turn 皇后 beside a name, or the 里 of 佛羅里達, into what nobody writes.
    """
    if text.isascii():
        return text
    if script == "traditional":
        return _same_length(text, "s2tw") if any(map(_simplified_only, text)) else text
    text = _same_length(text, "t2s")
    for pattern, character in _LATER:
        text = pattern.sub(character, text)
    return text


def _simplified_only(character: str) -> bool:
    if character.isascii() or character in _BOTH:
        return False
    other = _converted(character, "s2tw")
    return other != character and _converted(other, "t2s") == character


def _same_length(text: str, table: str) -> str:
    whole = _converter(table).convert(text)
    if len(whole) == len(text):
        return whole
    # no phrase of the tables known today changes its length; of one that does, the characters are converted
    return "".join(one if len(one) == 1 else was for was in text for one in (_converted(was, table),))


@lru_cache(maxsize=16384)
def _converted(character: str, table: str) -> str:
    return _converter(table).convert(character)


@lru_cache
def _converter(table: str) -> _Converter:
    from opencc import OpenCC  # 50,000 phrases: read only when Chinese is written

    converter: _Converter = OpenCC(table)
    return converter
