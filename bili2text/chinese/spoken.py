"""Numbers in digits -> Chinese characters, as they were said. Pure.

Left as they are: what stands by a letter (5G, RTX 4090, 1080p, 3D), by a sign (10:30, 3-5, 1/2, $5), in links
and code, and numbers that are words (666, 996).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bili2text.chinese import numerals
from bili2text.chinese.edits import Edit
from bili2text.chinese.lexicon import MEASURES, SLANG
from bili2text.chinese.literals import outside

_SIGNS = r"A-Za-z0-9_.,:/\-#@$¥￥€£=+~^°℃℉×*\\&<>|'\"!?%‰\ufe0f\u20e3"
_NUMBER = re.compile(
    rf"(?<![{_SIGNS}])(?<![A-Za-z+=~/×*\-–]\s)"
    r"(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?:\.(?P<part>\d+))?(?P<sign>[%‰])?"
    rf"(?![{_SIGNS}])(?!\s[A-Za-z+=~/×*\-–])",
    re.ASCII,
)
_MEASURE = re.compile(MEASURES)
_PHONE = 7  # digits in a row that are read out one by one, unless round
_ROUND = 4  # digits before the zeros of a round number: 12,340,000
_LONGEST = 16
_DECADE = re.compile("后(?![面来天])")
_AGO = re.compile("年(?:前|来|历史|以前|之前|的历史)")


def spoken(text: str) -> Iterator[Edit]:
    """Return the edits that put characters in place of digits; a second time there is nothing to do."""
    return outside((edit for match in _NUMBER.finditer(text) if (edit := _edit(match))), text)


def _edit(match: re.Match[str]) -> Edit | None:
    text, whole = match.string, match["whole"].replace(",", "")
    before, after = text[: match.start()].rstrip(), text[match.end() :].lstrip()
    if SLANG.fullmatch(match[0]) and not _MEASURE.match(after):
        return None
    if match["part"] is None and match["sign"] is None:
        said = _whole(whole, before, after)
    elif len(whole) > _LONGEST:
        return None
    elif match[0] == "100%":
        said = "百分之百"
    else:
        said = numerals.said(int(whole))
        said += f"点{numerals.one_by_one(match['part'])}" if match["part"] else ""
        said = {"%": "百分之", "‰": "千分之", None: ""}[match["sign"]] + said
    return Edit(match.start(), match.end(), said)


def _whole(digits: str, before: str, after: str) -> str:
    if _read_out(digits, after):
        return numerals.one_by_one(digits)
    if digits == "2" and not before.endswith("第") and _MEASURE.match(after):
        return "两"
    return numerals.said(int(digits))


def _read_out(digits: str, after: str) -> bool:
    """Return whether digits are said one by one: years, telephone numbers, and what begins with 0."""
    if len(digits) > 1 and digits[0] == "0":
        return True
    if len(digits) == 4 and "1100" <= digits < "3000":
        return after.startswith("年") and not (digits.endswith("00") and _AGO.match(after))
    if len(digits) == 2 and digits >= "50":
        decade = digits[1] in "05" and _DECADE.match(after)
        return bool(decade) or (after.startswith("年") and not re.match("年代|" + _AGO.pattern, after))
    return len(digits) > _LONGEST or (len(digits) >= _PHONE and len(digits.rstrip("0")) > _ROUND)
