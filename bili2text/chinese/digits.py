"""Numbers in Chinese characters -> digits, where a printed text would have them. Pure.

GB/T 15835 leaves much to taste. Here digits are written for numbers above ten, decimals, percent, dates,
times of day, and for small numbers before a unit of measure; small numbers elsewhere (三个, 第一次, 星期三),
fractions (三分之一), rough numbers (三四十, 几百, 十几) and set phrases stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from bili2text.chinese import numerals
from bili2text.chinese.edits import Edit
from bili2text.chinese.lexicon import KEPT, UNITS
from bili2text.chinese.literals import outside

_D = "[零〇一二三四五六七八九]"
_N = "[零〇一二两三四五六七八九十百千万亿]"
_HOUR = "(?:二?十[一二三四]|二十|十|[零一二两三四五六七八九])"
_MINUTE = "(?:[二三四五]?十[一二三四五六七八九]|[二三四五]十|[零〇][一二三四五六七八九])"
_DECIMAL = (
    f"(?:[零〇一二三四五六七八九十百千万亿]+点{_D}+(?![零〇一二三四五六七八九十百千])(?!分(?!之)|刻)[万亿]*)"
)
_ITEM = re.compile(
    f"(?P<kept>(?:{KEPT.pattern})(?!{_N}))"
    f"|(?P<rough>[百千]分之{_N}*(?:[几多]|[到至]{_N}+))"
    f"|(?P<share>[百千]分之)(?P<of>{_DECIMAL}|{_N}+)"
    f"|(?P<fraction>{_N}+分之{_N}+)"
    f"|(?P<year>{_D}{{4}}|{_D}{{2}})(?=年(?!级))"
    f"|(?P<month>十[一二]?|[一二三四五六七八九])月(?:(?P<day>[二三]?十[一二三四五六七八九]?|[一二三四五六七八九])(?=[日号]))?"
    f"|(?P<hour>{_HOUR})点(?:(?P<minute>{_MINUTE})|(?P<five>十五?|五)分(?=$|[，。！？、钟前后])|(?=[半整钟]|[一三]刻))"
    f"|(?P<decade>[五六七八九零][零五])(?=后(?![面来天]))"
    f"|(?P<decimal>{_DECIMAL})"
    f"|(?P<number>(?:幺|{_N})+)"
)
_SIGN = {"百分之": "%", "千分之": "‰"}
_ROUGH_BEFORE = ("几", "数", "好些")
_COUNTED = "123456789"
_SMALL = re.compile(UNITS)
_DAYTIME = ("早上", "早晨", "上午", "中午", "下午", "晚上", "今晚", "凌晨", "半夜", "傍晚")
_A_LITTLE = tuple("差有早晚快慢多少好大小")  # before 一点: a little
_COINS = re.compile("[块毛][一二三四五六七八九](?![块毛个十百千万])")
_NOT_DECIMAL = re.compile("[是个定直样起些旦般边下种方点，、]")


def written(text: str) -> Iterator[Edit]:
    """Return the edits that put digits in place of numerals; a second time there is nothing to do."""

    def edits() -> Iterator[Edit]:
        at = 0
        while match := _ITEM.search(text, at):
            found = None if _among_digits(text, match) else _writer(match)(match)
            if found is not None and found[1] != text[match.start() : found[0]]:
                yield Edit(match.start(), found[0], found[1])
            at = max(match.start() + 1, found[0] if found else match.end())

    return outside(edits(), text)


Found = tuple[int, str] | None  # where what is written ends, and how it is written


def _writer(match: re.Match[str]) -> Callable[[re.Match[str]], Found]:
    return next(writer for name, writer in _WRITERS.items() if match[name] is not None)


def _among_digits(text: str, match: re.Match[str]) -> bool:
    """Return whether digits stand beside it: 3十 and 5万 were written as they are."""
    before, after = text[: match.start()][-1:], text[match.end() :][:1]
    return before.isdecimal() or after.isdecimal() or before == "."


def _nothing(_: re.Match[str]) -> Found:
    return None


def _share(match: re.Match[str]) -> Found:
    said = match["of"]
    number = _decimal(said) if "点" in said else numerals.value("一百" if said == "百" else said)
    return None if number is None else (match.end(), f"{number}{_SIGN[match['share']]}")


def _decimal(said: str) -> str | None:
    whole, _, fraction = said.partition("点")
    unit = fraction.lstrip("零〇一二三四五六七八九")
    worth = numerals.value(whole)
    if worth is None or len(unit) > 1:
        return None
    return f"{worth}.{numerals.digits(fraction[: len(fraction) - len(unit)])}{unit}"


def _year(match: re.Match[str]) -> Found:
    said = match["year"]
    text = numerals.digits(said)
    rough = (
        len(said) == 2 and said[0] not in "零〇" and (int(text[1]) <= int(text[0]) + 2 and text[1] > text[0])
    )
    return None if rough else (match.end(), text)


def _date(match: re.Match[str]) -> Found:
    month = numerals.value(match["month"])
    before = match.string[: match.start()][-1:]
    if month is None or month > 12 or before in ("个", "几", "数", "正", "腊"):
        return None
    day = numerals.value(match["day"]) if match["day"] else None
    return match.end(), f"{month}月{day or ''}"


def _time(match: re.Match[str]) -> Found:
    hour = 2 if match["hour"] == "两" else numerals.value(match["hour"])
    if hour is None or hour > 24 or match.string[: match.start()].endswith(("第", "几", "有", "这", "那")):
        return None
    minute = match["minute"] or match["five"] or ""
    if minute[:1] in tuple("零〇") and not _surely_time(match):  # 六点零五 is five past six, or 6.05
        return (match.end(), f"0.{numerals.digits(minute)}") if hour == 0 else None
    if match["five"]:
        return match.end(), f"{hour}点{numerals.value(minute)}分"
    spelled = numerals.digits(minute) if minute[:1] in tuple("零〇") else str(numerals.value(minute) or "")
    return match.end(), f"{hour}点{spelled}"


def _surely_time(match: re.Match[str]) -> bool:
    before, after = match.string[: match.start()], match.string[match.end() :]
    return after.startswith("分") or before.endswith(_DAYTIME)


def _decade(match: re.Match[str]) -> Found:
    return match.end(), numerals.digits(match["decade"])


def _point(match: re.Match[str]) -> Found:
    said, after = match["decimal"], match.string[match.end() :]
    if said.endswith("点一") and _NOT_DECIMAL.match(after):
        return None
    before = match.string[: match.start()]
    if before.endswith(("几", "第")) or after.startswith("几"):
        return None
    if said.startswith("一点") and before.endswith(_A_LITTLE) and not after.startswith("倍"):
        return None
    number = _decimal(said)
    return None if number is None else (match.end(), number)


def _number(match: re.Match[str]) -> Found:
    text, start = match.string, match.start()
    said = match["number"]
    if text[:start].endswith(_ROUGH_BEFORE) or text[match.end() :].startswith(("几", "分之")):
        return None
    if len(said) > 1 and said[-1] == "两":  # 二十两: of silver
        said = said[:-1]
    if re.search("[百千万亿]一$", said) and re.match("[\u4e00-\u9fff]", text[start + len(said) :]):
        said = said[:-1]  # 三百一起: three hundred, together
    return _spelled(said, text[start + len(said) :], start + len(said))


def _spelled(said: str, after: str, end: int) -> Found:
    if not re.search("[十百千万亿]", said) and len(said) > 1:
        return _digit_string(said, end)
    worth = 2 if said == "两" else numerals.value(said)
    if worth is None or _COINS.match(after) or (worth <= 10 and not _SMALL.match(after)):
        return None
    return end, str(worth) if worth <= 10 else numerals.written(said) or ""


def _digit_string(said: str, end: int) -> Found:
    if len(said) < 3 or "两" in said:
        return None
    text = numerals.digits(said)
    return None if text in _COUNTED else (end, text)


_WRITERS: dict[str, Callable[[re.Match[str]], Found]] = {
    "kept": _nothing,
    "rough": _nothing,
    "share": _share,
    "fraction": _nothing,
    "year": _year,
    "month": _date,
    "hour": _time,
    "decade": _decade,
    "decimal": _point,
    "number": _number,
}
