"""The names of languages as a prompt writes them, in English and in Chinese. Pure."""

from __future__ import annotations

from bili2text.transcribe.language_names import NAMES

_ENGLISH = {"zh": "Simplified Chinese", "zh-Hant": "Traditional Chinese", "my": "Burmese", "jw": "Javanese"}
# As the cards of the Hy-MT models write them, whose templates are Chinese (HY-MT README, "Supported
# languages"); "zh" with its script said, since a card of theirs names it so where it matters.
_CHINESE = {
    "zh": "简体中文", "zh-Hant": "繁体中文", "en": "英语", "fr": "法语", "pt": "葡萄牙语", "es": "西班牙语",
    "ja": "日语", "tr": "土耳其语", "ru": "俄语", "ar": "阿拉伯语", "ko": "韩语", "th": "泰语",
    "it": "意大利语", "de": "德语", "vi": "越南语", "ms": "马来语", "id": "印尼语", "tl": "菲律宾语",
    "hi": "印地语", "pl": "波兰语", "cs": "捷克语", "nl": "荷兰语", "km": "高棉语", "my": "缅甸语",
    "fa": "波斯语", "gu": "古吉拉特语", "ur": "乌尔都语", "te": "泰卢固语", "mr": "马拉地语",
    "he": "希伯来语", "bn": "孟加拉语", "ta": "泰米尔语", "uk": "乌克兰语", "bo": "藏语", "kk": "哈萨克语",
    "mn": "蒙古语", "yue": "粤语",
}  # fmt: skip
_CHINESE_CODES = frozenset({"zh", "zh-Hant", "yue"})


def is_chinese(code: str) -> bool:
    """Return whether a language is written in Chinese."""
    return code in _CHINESE_CODES


def english_name(code: str, *, as_source: bool = False) -> str:
    """Return a language's English name, capitalised; the code itself for a language not known.

    The script of Chinese is named where it is a choice: not of a source.
    """
    if as_source and code in ("zh", "zh-Hant"):
        return "Chinese"
    return _ENGLISH.get(code) or NAMES.get(code, "").title() or code


def chinese_name(code: str, *, as_source: bool = False) -> str:
    """Return a language's Chinese name, or its English one where the list has none."""
    if as_source and code in ("zh", "zh-Hant"):
        return "中文"
    return _CHINESE.get(code) or english_name(code)
