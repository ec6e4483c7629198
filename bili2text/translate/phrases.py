"""What models say beside a translation, or instead of one: preambles, remarks, refusals. Pure.

A phrase counts only where the source does not speak of the same: "I'm sorry" translates 对不起.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from bili2text.transcribe.writing import letters
from bili2text.translate.wording import HEADINGS

_I = re.IGNORECASE
_TRANSLATION = re.compile(r"translat|翻[译譯]|[译譯]文|翻訳|번역|перев[ео]|traduc|traduz|übersetz|vertal", _I)
# Words of the source that a "sorry, I cannot" may translate
_SORRY = re.compile(
    r"抱歉|对不起|對不起|不好意思|遗憾|遺憾|无法|無法|不能|没法|不会|不可以|请提供"
    r"|sorry|apolog|can(?:no|['’])t|unable|désol|lo siento|perd[oó]n|desculp|dispiace|scus|entschuld|leid"
    r"|извин|прост|сожал|ごめん|すみません|申し訳|죄송|미안",
    _I,
)
_MACHINE = re.compile(
    r"\bA\.?I\b|人工智能|人工智慧|模型|机器人|機器人|助手|artificial|model|robot|assistant|\bKI\b|\bIA\b|ИИ",
    _I,
)
_OFFER = re.compile(r"请|請|帮|幫|提供|文本|句子|help|assist|provide|text|sentence|please", _I)
_ABOUT_LANGUAGE = re.compile(r"language|[语語]言|words? in it|不对|不對|正确|正確|wrong|not right", _I)
_NOTED = re.compile(r"注|备[注註]|備註|说明|note|remark|Hinweis|nota", _I)
_REFUSALS = (
    (
        re.compile(
            r"^(?:i[’']?m|i am|we are)?\s*(?:very |so )?sorry,? (?:but )?(?:i|we|as)\b"
            r"|^.{0,16}\b(?:sorry|apologi[sz]e|apologies)\W{1,5}(?:but )?(?:i|we)(?: am|[’']m|[’']re)?"
            r" (?:can(?:no|[’']?)t|won[’']?t|unable|not able|not allowed)\b"
            r"|^(?:unfortunately,? )?i (?:cannot|can[’']?t|am unable to|am not able to|won[’']?t)"
            r" (?:translate|assist|help|fulfil|provide|comply|answer|do that)"
            r"|^(?:很|非常)?(?:抱歉|对不起|對不起)[，,]?(?:但)?(?:我|本|这|無法|无法|不能)"
            r"|^.{0,3}(?:抱歉|对不起|對不起|不好意思)\W{0,3}(?:但是?)?.{0,4}(?:無法|无法|不能|不可以|没办法)"
            r"|^我(?:无法|無法|不能)(?:翻[译譯]|提供|协助|協助|帮|回答|满足|完成)",
            _I,
        ),
        _SORRY,
    ),
    (
        re.compile(
            r"\bas an? (?:ai|artificial|language model)|\bi[’']?m an? (?:ai|language model)"
            r"|作为一?[个名種种]?(?:AI|人工智能|人工智慧|语言模型|語言模型|大型?语言)",
            _I,
        ),
        _MACHINE,
    ),
    (
        re.compile(
            r"\b(?:there is|there[’']s|i (?:don[’']?t|do not) see|you (?:haven[’']?t|have not) provided)"
            r" (?:no|any|the) (?:text|sentence|line|source|content)"
            r"|\bplease (?:provide|give me|share|send|enter)(?: me)?(?: with)? (?:the|a|your|some|more) "
            r"(?:\w+ ){0,2}(?:text|sentence|line|content|context)"
            r"|\bhow (?:can|may) i (?:help|assist) you"
            r"|\bi[’']?d be (?:happy|glad) to (?:help|assist|translate)"
            r"|\bwhat would you like (?:me )?to translate"
            r"|请(?:您|你)?(?:提供|输入|給出|给出|告诉我)(?:您|你)?.{0,8}"
            r"(?:文本|句子|内容|原文|翻译)"
            r"|有什么(?:我)?可以帮(?:助)?(?:您|你)",
            _I,
        ),
        _OFFER,
    ),
    (  # what a bad reply was told, said or translated in place of the sentence: small models do
        re.compile(
            r"\bthe target language\b|\bwords in it\b|\btranslate the line again\b"
            r"|目[标標][语語]言|重新翻[译譯]这一行|[译譯]文不[对對]",
            _I,
        ),
        _ABOUT_LANGUAGE,
    ),
)
_REMARKS = (
    (
        re.compile(
            r"\bhere(?: is|[’']s) (?:the|your|a|my) (?:\w+ ){0,3}(?:translation|version)"
            r"|\bthe (?:\w+ ){0,3}translation (?:of|is|for|would)\b|\btranslate[sd]? (?:to|into|as)\b"
            r"|\btranslate this line\b|(?:翻[译譯]|[译譯]文)(?:如下|为|為|是|结果)"
            r"|以下是.{0,12}(?:翻[译譯]|[译譯]文)"
            r"|^(?:translation|译文|譯文|翻译|翻譯)\s*[:：]"
            r"|翻?[译譯]成(?:简体|簡體|繁体|繁體)?(?:中文|英文|英[语語]|[汉漢][语語])"
            r"|(?:这个|這個|此|本|该|該|上述)(?:翻[译譯]|[译譯]文)",
            _I,
        ),
        _TRANSLATION,
    ),
    (
        re.compile(r"[(（\[.。!?！？]\s*(?:note|remarks?|explanation|注|备注|注意|说明|解释)\s*[:：]", _I),
        _NOTED,
    ),
)
# Words of the source that one of our own headings may translate
_ABOUT_CONTEXT = re.compile(r"context|refer|参考|參考|[术術][语語]|\bterms?\b|参照|맥락|контекст", _I)
_OURS = tuple(map(letters, HEADINGS))
_NEARLY_OURS = 0.75  # of a heading, in other characters or a little shortened
_PREAMBLE = re.compile(
    r"(?:.{0,60}\b(?:translation|translated|version|rendering)\b.{0,60}"
    r"|.{0,14}(?:翻[译譯]|[译譯]文|翻訳).{0,10}|sure|"
    r"(?:sure|certainly|of course|okay)\b.{0,40})[:：!！]?\**\s*",
    _I,
)
_LABEL = re.compile(
    r"\**(?:(?:english |(?:simplified |traditional )?chinese )?translation|translated text|output"
    r"|译文|譯文|(?:中文|英文)?翻[译譯]|english|(?:simplified |traditional )?chinese|中文|英文)"
    r"\**\s*[:：]\**\s*",
    _I,
)
# 这一行翻译成简体中文是“……”。
_TOLD_DENSE = re.compile(
    r"(?:[这這]|上面)?(?:一?[行句段]话?|文本)?(?:的|可以)?翻?[译譯]成(?:简体|繁体)?(?:中文|英文)(?:是|为)?[:：]?"
    r"\s*[\"“](?P<said>[^\"“”]+)[\"”][。.]?"
)
# This line translates to English as: ...
_TOLD_BARE = re.compile(
    r"(?:the|this) (?:line|sentence|text|phrase) translates? (?:in)?to(?: \w+)?(?: as)?\s*:\s*(?P<said>\S.*)",
    _I,
)
# The line "..." translates to English as: "..."
_TOLD = re.compile(
    r"(?:the|this|your) (?:line|sentence|text|phrase|translation)\b.{0,600}?"
    r"\b(?:translate[sd]? (?:in)?to|translation is)(?: \w+)?(?: as)?\s*:?"
    r"\s*[\"“](?P<said>[^\"“”]+)[\"”]\.?",
    _I,
)
_ANY_LABEL = re.compile(r"\s*[^\s:：][^:：]{0,24}[:：]")


def refused(text: str, source: str) -> bool:
    """Return whether a reply refuses, speaks of itself or asks for a text, and the source does not."""
    return any(said.search(text) and not cue.search(source) for said, cue in _REFUSALS)


def repeats_prompt(text: str, source: str) -> bool:
    """Return whether a reply says a heading of our prompts, and the source speaks of no such thing."""
    if _TRANSLATION.search(source) or _ABOUT_CONTEXT.search(source):
        return False
    said = letters(text)
    return any(_is_heading(said, ours) for ours in _OURS)


def _is_heading(said: str, ours: str) -> bool:
    if ours in said or (2 * len(said) >= len(ours) and said in ours):
        return True
    return SequenceMatcher(None, ours, said, autojunk=False).ratio() >= _NEARLY_OURS


def remarked(text: str, source: str) -> bool:
    """Return whether a reply speaks of the translation, or notes something on it, and the source does not."""
    return any(said.search(text) and not cue.search(source) for said, cue in _REMARKS)


def is_preamble(line: str, source: str) -> bool:
    """Return whether a reply's line only announces the translation in the lines after it.

    Never for a source that speaks of a translation itself, or holds a label: it may be its translation.
    """
    if _TRANSLATION.search(source) or _ANY_LABEL.match(source):
        return False
    return line.rstrip("* ").endswith((":", "：", "!", "！")) and bool(_PREAMBLE.fullmatch(line))


def without_label(text: str, source: str) -> str:
    """Return the text without a label ("Translation:") before it, when the source has none of any kind.

    Of a sentence that quotes the translation, what it quotes, when the source does not speak of one.
    """
    if not _TRANSLATION.search(source):
        for form in (_TOLD, _TOLD_DENSE, _TOLD_BARE):
            if told := form.fullmatch(text):
                return told["said"].strip()
    label = _LABEL.match(text)
    return text if label is None or _ANY_LABEL.match(source) else text[label.end() :]
