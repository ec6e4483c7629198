"""Whether a translation keeps what is written in figures or letter by letter: numbers, links, places. Pure.

Lenient where languages differ, since a false alarm costs a repair: a number may be kept as the same figures
(3,580 as 3580 or 3.580), as the same worth (2.7亿 as 270 million, 100 as a hundred) or as the end of a year
(90后 as those born in the 1990s). Not asked for at all: whole numbers below 13 (two, 两, March, 3 pm), times
of day, centuries, 100%, and numbers spelled out in the source.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from bili2text.chinese.literals import literals
from bili2text.chinese.numerals import value
from bili2text.translate.values import Direction

_SMALL = 13  # below it languages write words, months and hours
_PLACE = re.compile(r"\$?\{\{?\w*\}?\}|(?<![\d%])%(?:\(\w+\))?[sd](?!\w)")
_NUMBER = re.compile(r"(?<!\d)\d{1,3}(?:[ \u202f]\d{3})+(?!\d)|\d+(?:[.,'’:]\d+)*")
_GROUPED = re.compile(r"\d{1,3}(?:(?P<mark>[.,'’ \u202f])\d{3})(?:(?P=mark)\d{3})*(?:[.,]\d+)?")
_TIME = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?")
_ALL = re.compile(r"(?<![\d.,])100 ?[%％]")  # said as "completely" as often
_CENTURY = re.compile(r"\s*(?:世纪|世紀|(?:st|nd|rd|th)?[\s-]*centur)", re.IGNORECASE)
_SCALE = re.compile(
    r"\s*(?P<scale>[十百千]?万|萬|[十百千]?亿|億|百|千(?![米克瓦卡赫伏安帕])|(?:thousand|million|billion|trillion)s?\b|k\b|bn\b)",
    re.IGNORECASE,
)
# thousands, millions and more as other languages begin to write them: not read, so not asked for
_OTHER_SCALE = re.compile(
    r"\s*(?:mi[lo]|mr?d|bil|tausend|тыс|мил|млн|млрд|천|만|억|兆|lakh|crore)", re.IGNORECASE
)
_SCALES = {
    "百": 1e2, "千": 1e3, "万": 1e4, "萬": 1e4, "十万": 1e5, "百万": 1e6, "千万": 1e7,
    "亿": 1e8, "億": 1e8, "十亿": 1e9, "百亿": 1e10, "千亿": 1e11,
    "thousand": 1e3, "k": 1e3, "million": 1e6, "billion": 1e9, "bn": 1e9, "trillion": 1e12,
}  # fmt: skip
_HAN_NUMBER = re.compile("[零〇一二两三四五六七八九十百千万亿]+")
_LONGEST = 40  # characters of a number; what is longer is noise
_HALF = re.compile(r"半|\bhal(?:f|ves)\b", re.IGNORECASE)
_TEENS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORDS = {word: worth for worth, word in enumerate(_TEENS)} | {
    word: 10 * worth for worth, word in enumerate(_TENS, start=2)
}
_READ = frozenset({"zh", "zh-Hant", "yue", "en"})  # languages whose words for numbers are read here
_SPELLED_ELSEWHERE = 100  # up to it other languages may spell a number


def lost(source: str, text: str, direction: Direction) -> bool:
    """Return whether a number, a link, an address, code or a placeholder of the source is not in the text."""
    exact = [source[start:end].strip("`") for start, end in literals(source)] + _PLACE.findall(source)
    low = text.casefold()
    if any(one.casefold() not in low for one in exact):
        return True
    read = direction.source in _READ and direction.target in _READ
    plain, said = _figures(_without_exact(source)), _figures(_without_exact(text))
    wanted = list(_wanted(plain, read))
    if not wanted:
        return False
    groups, worths = _groups(said), set(_worths(said))
    return not all(_kept(group, worth, groups, worths, said) for group, worth in wanted)


def _without_exact(text: str) -> str:
    for start, end in reversed(list(literals(text))):
        text = f"{text[:start]} {text[end:]}"
    return _ALL.sub(" ", _PLACE.sub(" ", text))


def _figures(text: str) -> str:
    """Return the text with the figures of every script as 0 to 9."""
    plain = unicodedata.normalize("NFKC", text)
    return "".join(str(unicodedata.decimal(one)) if one.isdecimal() else one for one in plain)


def _wanted(plain: str, read: bool) -> Iterator[tuple[str, float | None]]:
    """Yield the numbers that must be kept: their figures alone, and their worth where they have one."""
    for match in _NUMBER.finditer(plain):
        worth = _worth(match, plain)
        if _TIME.fullmatch(match[0]) or _CENTURY.match(plain, match.end()):
            continue
        if worth is not None and _may_be_spelled(worth, read):
            continue
        if not read and (_SCALE.match(plain, match.end()) or _OTHER_SCALE.match(plain, match.end())):
            continue
        yield _bare(match[0]), worth


def _may_be_spelled(worth: float, read: bool) -> bool:
    return worth == int(worth) and (worth < _SMALL or (not read and worth <= _SPELLED_ELSEWHERE))


def _kept(group: str, worth: float | None, groups: frozenset[str], worths: set[float], said: str) -> bool:
    if worth in worths or (worth is None and group in groups):
        return True
    if worth is not None and _HALF.search(said) and (worth == 50 or worth % 1 == 0.5):
        return True  # half, 一个半小时
    if len(group) == 4 and group.endswith("00") and _CENTURY.search(said):
        return True  # the 1600s: 17世纪
    return any(_same_years(group, other) or _same_years(other, group) for other in groups)


def _same_years(short: str, long: str) -> bool:
    return len(short) == 2 and len(long) == 4 and long.endswith(short)


def _groups(plain: str) -> frozenset[str]:
    return frozenset(_bare(match[0]) for match in _NUMBER.finditer(plain))


def _bare(number: str) -> str:
    return re.sub(r"\D", "", number)


def _worths(said: str) -> Iterator[float]:
    """Yield what the numbers in a text are worth, in figures or in words."""
    for match in _NUMBER.finditer(said):
        worth = _worth(match, said)
        if worth is not None:
            yield worth
        elif _TIME.fullmatch(match[0]):
            yield from map(float, match[0].split(":"))
    for match in _HAN_NUMBER.finditer(said):
        spelled = value(match[0]) if len(match[0]) <= _LONGEST else None
        if spelled is not None:
            yield round(float(spelled), 6)
    yield from _english(said)


def _worth(match: re.Match[str], text: str) -> float | None:
    number = match[0]
    if len(number) > _LONGEST:
        return None
    grouped = _GROUPED.fullmatch(number)
    if grouped:
        number = re.sub(re.escape(grouped["mark"]), "", number)
    number = number.replace(",", ".")
    try:
        plain = float(number)
    except ValueError:
        return None  # a version, a time, a score
    scale = _SCALE.match(text, match.end())
    return round(plain * _SCALES[scale["scale"].lower().removesuffix("s")], 6) if scale else plain


def _english(said: str) -> Iterator[float]:
    """Yield the whole numbers spelled in English."""
    total = current = 0.0
    inside = False
    for word in re.findall(r"[a-z]+|[^\sa-z-]", said.lower()):
        if word in _WORDS:
            current, inside = current + _WORDS[word], True
        elif word.removesuffix("s") == "hundred":
            current, inside = max(current, 1) * 100, True
        elif word.removesuffix("s") in _SCALES and len(word) > 2:
            total, current, inside = total + max(current, 1) * _SCALES[word.removesuffix("s")], 0.0, True
        elif inside and word != "and":
            yield total + current
            total, current, inside = 0.0, 0.0, False
    if inside:
        yield total + current
