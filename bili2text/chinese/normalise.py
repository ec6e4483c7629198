"""Segments in Chinese as Whisper wrote them -> as they should be written. Pure but for OpenCC's tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Literal

from bili2text.chinese import digits, script, spoken, typography
from bili2text.chinese.edits import Edit, Rule, changed
from bili2text.chinese.literals import outside
from bili2text.segments import Segment

_TOUCHING = 0.3  # seconds between segments that may be parts of one phrase
_PASSES = 4  # one rule's work can be another's; two are usual
_ENDS = "，。！？；：、…,.!?;:"


@dataclass(frozen=True, slots=True)
class ChineseRules:
    """How Chinese is to be written."""

    script: Literal["auto", "simplified", "traditional", "keep"] = "auto"
    numbers: Literal["spoken", "digits", "keep"] = "keep"

    def script_of(self, language: str) -> Literal["simplified", "traditional", "keep"]:
        """Return the script for "zh" or "yue": what "auto" means for it, or what was asked for."""
        if self.script != "auto":
            return self.script
        return "keep" if language == "yue" else "simplified"


def normalised(
    segments: tuple[Segment, ...], rules: ChineseRules = ChineseRules(), language: str = "zh"
) -> tuple[Segment, ...]:
    """Return a chunk's segments with their script, marks, blanks and numbers as the rules say.

    `language` is that of the chunk, "zh" or "yue".
    The words' texts still join to the segment's where they did before; no time changes but that of words
    which one number now takes the place of. Doing it twice is doing it once.
    """
    wanted = rules.script_of(language)
    for _ in range(_PASSES):
        before = segments
        if wanted != "keep":
            segments = _in_script(segments, wanted)
        for rule in _rules(rules):
            segments = tuple(changed(segment, rule) for segment in segments)
        if segments == before:
            break
    return segments


def _rules(rules: ChineseRules) -> tuple[Rule, ...]:
    numbers: dict[str, tuple[Rule, ...]] = {
        "keep": (),
        "digits": (digits.written,),
        "spoken": (spoken.spoken,),
    }
    return (*typography.rules(corners=rules.script == "traditional"), *numbers[rules.numbers])


def _in_script(segments: tuple[Segment, ...], wanted: script.Script) -> tuple[Segment, ...]:
    """Return the segments in a script; a phrase that two touching segments share is converted as one."""
    gaps = ["" if _touch(one, other) else "\n" for one, other in pairwise(segments)]
    ended = [segment.text + gap for segment, gap in zip(segments, [*gaps, ""], strict=False)]
    converted = script.written_in("".join(ended), wanted)
    found, at = [], 0
    for segment, part in zip(segments, ended, strict=True):
        after = converted[at : at + len(segment.text)]
        found.append(changed(segment, partial(_replaced, segment.text, after, wanted)))
        at += len(part)
    return tuple(found)


def _touch(one: Segment, other: Segment) -> bool:
    return other.start - one.end < _TOUCHING and not one.text.endswith(tuple(_ENDS))


def _replaced(whole: str, converted: str, wanted: script.Script, text: str) -> Iterator[Edit]:
    """Yield an edit for each character that differs, outside of what is spelled letter by letter."""
    after = converted if text == whole else script.written_in(text, wanted)
    pairs = enumerate(zip(text, after, strict=True))
    return outside((Edit(at, at + 1, new) for at, (old, new) in pairs if old != new), text)
