"""Phrases that Whisper writes where nobody speaks: the credits and farewells of subtitles. Pure.

From users' reports: McCloudS/subgen#21, ufal/whisper_streaming#179, BurnHair/docs#59, amicalhq/amical#71,
woheller69/whisperIME#57, Vexa-ai/vexa#617, zachlatta/freeflow#111.
"""

from __future__ import annotations

import re
from enum import Enum

from bili2text.transcribe.writing import letters


class Phantom(Enum):
    """How sure a phrase is nobody's."""

    NONE = 0
    SAID = 1  # people say it too: a phantom where there is next to no speech
    WRITTEN = 2  # people write it under films and do not say it


_WRITTEN = (
    "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目",
    "請不吝點贊 訂閱 轉發 打賞支持明鏡與點點欄目",
    "优优独播剧场 YoYo Television Series Exclusive",
    "ご視聴ありがとうございました",
    "시청해주셔서 감사합니다",
)
# Credits name somebody: what comes after these words is free, but short.
_CREDITS = re.compile(
    r"(?:subtitles?|captions?|subtitled|translated|translation|transcribed|transcription)(?:created|made)?by"
    r"|(?:中文)?字幕(?:由|by|制作|製作|志愿者|志願者|提供|组|組)"
    r"|作[词詞](?:作曲|编曲|編曲)"
)
_CREDIT_LETTERS = 40
_SAID = (
    "谢谢观看",
    "谢谢大家观看",
    "感谢观看",
    "感谢您的观看",
    "谢谢收看",
    "感谢收看",
    "謝謝觀看",
    "感謝觀看",
    "謝謝大家",
    "谢谢大家",
    "谢谢",
    "我们下期再见",
    "下期再见",
    "请订阅我的频道",
    "请点赞订阅",
    "Thanks for watching",
    "Thank you for watching",
    "Thank you so much for watching",
    "Thanks for listening",
    "Please subscribe",
    "Please subscribe to my channel",
    "Please like and subscribe",
    "See you next time",
    "See you in the next video",
    "I'll see you in the next video",
    "Thank you",
    "Thank you very much",
    "Bye bye",
    "Bye",
    "You",
)
_NOTES = re.compile(r"[♪♫♬♩🎵🎶]")
_SOUNDS = re.compile(r"^\W*[\[(（【*][^\])）】*]{1,30}[\])）】*]\W*$")  # [Music], (applause), 【音乐】
_WRITTEN_LETTERS = tuple(letters(phrase) for phrase in _WRITTEN)
_SAID_LETTERS = frozenset(letters(phrase) for phrase in _SAID)


def phantom(text: str) -> Phantom:
    """Return what the whole of a segment's text is known as; a phrase within a sentence is none."""
    plain = letters(text)
    if not plain:
        return Phantom.WRITTEN if _NOTES.search(text) else Phantom.NONE
    if _NOTES.search(text) or _SOUNDS.match(text) or plain in _SAID_LETTERS:
        return Phantom.SAID
    if len(plain) <= _CREDIT_LETTERS and _CREDITS.match(plain):
        return Phantom.WRITTEN
    written = any(_nearly(plain, phrase) for phrase in _WRITTEN_LETTERS)
    return Phantom.WRITTEN if written else Phantom.NONE


def _nearly(one: str, other: str) -> bool:
    """Return whether two strings differ by at most a letter in eight: some are misheard, or traditional."""
    allowed = len(other) // 8
    return abs(len(one) - len(other)) <= allowed and _distance(one, other) <= allowed


def _distance(one: str, other: str) -> int:
    """Return the number of letters to put in, leave out or change (Levenshtein)."""
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, 1):
        before, row[0] = row[0], number
        for index, wanted in enumerate(other, 1):
            changed = before + (letter != wanted)
            before, row[index] = row[index], min(row[index] + 1, row[index - 1] + 1, changed)
    return row[-1]
