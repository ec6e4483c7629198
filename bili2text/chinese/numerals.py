"""Chinese numerals: what they are worth, how they are written in digits, and how a number is said. Pure."""

from __future__ import annotations

import re

DIGITS = "零〇一二三四五六七八九"
_VALUE = {"零": 0, "〇": 0, "幺": 1, "两": 2} | {
    one: value for value, one in enumerate("一二三四五六七八九", 1)
}
_SAID = "零一二三四五六七八九"
_SECTION = re.compile(
    "(?:(?P<q>[一二两三四五六七八九])千)?"
    "(?:(?P<z1>零)?(?P<b>[一二两三四五六七八九])百)?"
    "(?:(?P<z2>零)?(?P<s>[一二三四五六七八九])?(?P<ten>十))?"
    "(?P<z3>[零〇])?(?P<g>[一二三四五六七八九])?"
)
_TENTH = {"千": 100, "百": 10}


def value(said: str) -> int | None:
    """Return what a whole number in Chinese is worth; None for what is none, and for 三四十, "30 or 40".

    A digit after the last unit is a tenth of it, as it is said: 三百五 is 350, 两万五 is 25,000.
    """
    for unit, worth in (("亿", 10**8), ("万", 10**4)):
        head, found, rest = said.rpartition(unit)
        if not found:
            continue
        high = value(head)
        low = _after(rest, worth)
        if high is None or high == 0 or low is None or low >= worth:
            return None
        return high * worth + low
    return 2 if said == "两" else _section(said)


def digits(said: str) -> str:
    """Return digits said one by one as digits: 零零七 is 007."""
    return "".join(str(_VALUE[one]) for one in said)


def written(said: str) -> str | None:
    """Return a whole number in digits as Chinese is printed: 万 and 亿 stay where nothing odd follows them.

    None for what is no number. 一千二百三十四万 is 1234万, 两万五 is 2.5万, 三百二十八万一千 is 3281000.
    """
    worth = value(said)
    if worth is None:
        return None
    for unit in "亿万":
        head, found, rest = said.rpartition(unit)
        if not found:
            continue
        whole = written(head)
        if not rest:
            return f"{whole}{unit}"
        if _is_tenth(rest) and whole is not None and whole.isdigit():
            return f"{whole}.{digits(rest)}{unit}"
        if unit == "亿" and rest.endswith("万") and (low := _section(rest[:-1].lstrip("零"))):
            return f"{whole}亿{low}万"
        return str(worth)
    return str(worth)


def said(number: int) -> str:
    """Return how a whole number from 0 to 10^16 - 1 is said: 205 is 二百零五, 12 is 十二, 2,000 is 两千."""
    if number < 10**4:
        text = _said_section(number)
        return text[1:] if text.startswith("一十") else text
    unit, worth = ("亿", 10**8) if number >= 10**8 else ("万", 10**4)
    high, low = divmod(number, worth)
    head = "两" if high == 2 else said(high)
    if not low:
        return head + unit
    gap = "零" if low < worth // 10 else ""
    tail = _said_section(low) if low < 10**4 else said(low)
    # within a number ten is said "one ten", and two thousand without the 两 that begins one
    tail = "一" + tail if tail.startswith("十") else tail.replace("两", "二", 1) if tail[0] == "两" else tail
    return head + unit + gap + tail


def one_by_one(digits_: str) -> str:
    """Return digits as they are read out: 007 is 零零七."""
    return "".join(_SAID[int(one)] for one in digits_)


def _section(said_: str) -> int | None:
    match = _SECTION.fullmatch(said_)
    if match is None or not said_:
        return None
    found = match.groupdict()
    last = next((unit for unit in said_[-2::-1] if unit in "千百十"), "")
    total = 0
    for name, worth in (("q", 1000), ("b", 100)):
        total += _VALUE[found[name]] * worth if found[name] else 0
    if found["ten"]:
        total += 10 * (_VALUE[found["s"]] if found["s"] else 1)
    if not found["g"]:
        return None if found["z3"] and len(said_) > 1 else total
    ones = _VALUE[found["g"]]
    tenth = not found["z3"] and last in _TENTH
    return total + ones * (_TENTH[last] if tenth else 1)


def _after(rest: str, worth: int) -> int | None:
    """Return what stands after 万 or 亿."""
    if not rest:
        return 0
    return _VALUE[rest] * worth // 10 if _is_tenth(rest) else value(rest.lstrip("零"))


def _is_tenth(rest: str) -> bool:
    return len(rest) == 1 and rest in "一二三四五六七八九"


def _said_section(number: int) -> str:
    """Return how a number under 10,000 is said, ten as 一十."""
    if number == 0:
        return "零"
    text, gap = "", False
    for unit, worth in (("千", 1000), ("百", 100), ("十", 10), ("", 1)):
        digit, number = divmod(number, worth)
        if digit:
            one = "两" if digit == 2 and worth == 1000 else _SAID[digit]
            text += ("零" if gap else "") + one + unit
            gap = False
        elif text:
            gap = True
    return text
