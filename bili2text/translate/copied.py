"""Which lines hold nothing to translate, and stay as they are. Pure."""

from __future__ import annotations

import re
from typing import Literal

from bili2text.chinese.literals import literals
from bili2text.files import clean_text

Content = Literal["words", "number", "nothing"]

_MARK = re.compile(r"[\W_]*[\[(（【*〔［]([^\[\](){}（）【】*〔〕［］]{1,40})[\])）】*〕］][\W_]*")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What captioners write for sounds. Anything else in brackets may be speech: "(I know.)", "[in French]".
_SOUNDS = _words(
    "music musik musique música musica applause laughter laugh laughs laughing chuckles chuckling giggles "
    "cheering cheers cheer clapping claps sighs sigh sighing gasps gasp gasping silence pause inaudible "
    "unintelligible indistinct crosstalk coughs coughing cough sobs sobbing crying cries screaming screams "
    "groans groaning grunts whistling whistles humming noise static beep beeping bell ringing rings "
    "footsteps thunder singing booing sniffles snoring yawns barking honking gunshots explosion applaus "
    "lachen gelächter applaudissements rires aplausos risas applausi risate музыка аплодисменты смех"
)
_WITH_SOUNDS = _words(
    "a the and in of playing plays continues continuing stops fades starts ends background soft loud upbeat "
    "dramatic gentle tense light theme audience crowd phone door dog intro outro heavily softly loudly"
)
_SOUNDS_DENSE = re.compile(
    r"(?:背景|片头|片頭|片尾|全场|全場|现场|現場|观众|觀眾|热烈的?|熱烈的?)?"
    r"(?:音乐|音樂|掌声|掌聲|鼓掌|大?笑|[笑哭歌枪槍雷铃鈴]声|[笑哭歌枪槍雷铃鈴]聲|欢呼声?|歡呼聲?|尖叫声?|尖叫聲?"
    r"|叹气|嘆氣|叹息|嘆息|咳嗽|噪音|杂音|雜音|静音|靜音|沉默|停顿|停頓|电话铃声|電話鈴聲|脚步声|腳步聲|听不清|聽不清"
    r"|无声|無聲|音楽|拍手|歓声|笑い声?|BGM|음악|박수|웃음)"
    r"(?:响?起|響起|停|中)?"
)
_LITERAL_SIGNS = ("://", "www.", "@", "`")
_LONGEST_LITERAL = 500  # characters; the search for one takes the square of a text's length at worst
_WORD = re.compile(r"[^\W\d_]+")


def content(text: str) -> Content:
    """Return what a line holds: words; a number, a time or a date in digits; or nothing to translate.

    Nothing is: blanks, invisible characters, symbols, a sound mark ("[Music]", "（掌声）"), a bare link or
    address. A song's words between notes are words; brackets around other words do not make them a sound.
    """
    shown = clean_text(text)
    if not any(character.isalnum() for character in shown):
        return "nothing"
    if not has_letters(shown):
        return "number"
    return "nothing" if _is_sound(shown) or _is_literal(shown) else "words"


def has_letters(text: str) -> bool:
    """Return whether a text has a letter of any script; digits and symbols are none."""
    return any(character.isalpha() for character in text)


def _is_sound(text: str) -> bool:
    mark = _MARK.fullmatch(text)
    if mark is None:
        return False
    words = set(_WORD.findall(mark[1].casefold()))
    sounds = bool(words & _SOUNDS) and words <= _SOUNDS | _WITH_SOUNDS
    return sounds or _SOUNDS_DENSE.fullmatch(mark[1].strip()) is not None


def _is_literal(text: str) -> bool:
    if len(text) > _LONGEST_LITERAL or not any(sign in text for sign in _LITERAL_SIGNS):
        return False
    rest, at = [], 0
    for start, end in literals(text):
        rest.append(text[at:start])
        at = end
    return at > 0 and not any(character.isalnum() for character in "".join((*rest, text[at:])))
