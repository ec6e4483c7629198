"""What a model is asked: a sentence as a prompt, a bad reply with what was wrong, a draft to improve. Pure.

What all prompts of a job share comes first, so that it is computed once; then the terms and the context, and
the sentence last. The sentence needs no closing mark, which it could hold itself: it is one line, and nothing
follows it in its turn. What a tokenizer would read as the end of a turn is broken by a blank.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bili2text.files import clean_text
from bili2text.translate.checks import size
from bili2text.translate.languages import chinese_name, english_name, is_chinese
from bili2text.translate.profiles import RULES
from bili2text.translate.scripts import own
from bili2text.translate.values import Direction, Task
from bili2text.translate.wording import (
    AGAIN,
    HY_MT_CHINESE,
    HY_MT_ENGLISH,
    IMPROVE,
    WRONG,
    Wording,
    wording_of,
)
from bili2text.translators.engine import Message, Prompt
from bili2text.translators.values import Profile

VERSION = 2  # another wording gives other translations: count it up with every change of one
LEAST_TOKENS, MOST_TOKENS = 48, 512
_SHOWN_AGAIN = 400  # characters of a bad reply
_TURN_MARK = re.compile(r"<(?=[|｜/\w])|\[(?=/?[A-Z_]+\])")  # begins what chat templates part turns with


def prompt(task: Task, direction: Direction, profile: Profile) -> Prompt:
    """Return what a model of that profile is asked for a sentence."""
    most = _most_tokens(task.sentence.text, direction.target)
    if profile == "workshop":
        # no chat model: the system's turn is the direction, and the other one the sentence as it is
        turns = (Message("system", way_of(direction)), Message("user", clean_text(task.sentence.text)))
        return Prompt(turns, most)
    if profile == "hy-mt":
        return Prompt((Message("user", _hy_mt(task, direction)),), most)
    wording = wording_of(direction)
    asked = "\n\n".join(_asked(task, wording))
    if RULES[profile].system:
        return Prompt((Message("system", wording.system), Message("user", asked)), most)
    return Prompt((Message("user", f"{wording.system}\n\n{asked}"),), most)


def way_of(direction: Direction) -> str:
    """Return a direction as models of the workshop are told it, whatever script Chinese is in: "zh-en"."""
    return "-".join("zh" if is_chinese(one) else one for one in (direction.source, direction.target))


def feedback(asked: Prompt, reply: str, faults: Sequence[str]) -> Prompt:
    """Return the prompt with the bad reply to it and what was wrong with it, to be tried again.

    `faults` are those of checks.Fault, one at least. The sentence comes last once more: of 24 replies to be
    mended a 0.5B model made four of what it was told was wrong, and none since the sentence follows that.
    """
    told = AGAIN.format(wrong="; ".join(WRONG[one] for one in faults))
    sentence = asked.messages[-1].text.rpartition("\n\n")[2]
    return _after(asked, reply, f"{told}\n\n{sentence}")


def reflect(asked: Prompt, draft: str) -> Prompt:
    """Return the prompt with the draft that was given to it, to be improved."""
    return _after(asked, draft, IMPROVE)


def _after(asked: Prompt, reply: str, told: str) -> Prompt:
    shown = _data(reply)[:_SHOWN_AGAIN] or "…"  # templates may refuse a turn of nothing
    turns = (Message("assistant", shown), Message("user", told))
    return Prompt((*asked.messages, *turns), asked.max_new_tokens)


def _asked(task: Task, wording: Wording) -> Iterator[str]:
    """Yield the parts of the user's turn, the sentence last."""
    terms = [f"{_data(one.source)} = {_data(one.target)}" for one in task.terms if one.target]
    for head, lines in (
        (wording.terms, terms),
        (wording.before, [_data(one) for one in task.before]),
        (wording.after, [_data(one) for one in task.after]),
    ):
        if lines:
            yield "\n- ".join((head, *lines))
    yield f"{wording.ask}\n{_data(task.sentence.text)}"


def _hy_mt(task: Task, direction: Direction) -> str:
    """Return the whole turn as the makers of Hy-MT ask their models: in Chinese where it takes part."""
    chinese = is_chinese(direction.source) or is_chinese(direction.target)
    form = HY_MT_CHINESE if chinese else HY_MT_ENGLISH
    target = chinese_name(direction.target) if chinese else english_name(direction.target)
    terms = "\n".join(
        form.term.format(source=_data(one.source), target=_data(one.target))
        for one in task.terms
        if one.target
    )
    context = "\n".join(map(_data, (*task.before, *task.after)))
    asked = (
        form.background.format(context=context, target=target)
        if context
        else form.plain.format(target=target)
    )
    return f"{form.terms}\n{terms}\n\n" * bool(terms) + asked + _data(task.sentence.text)


def _data(text: str) -> str:
    """Return a text as it stands in a prompt: on one line, without what ends a turn."""
    return _TURN_MARK.sub(lambda found: f"{found[0]} ", clean_text(text))


def _most_tokens(sentence: str, target: str) -> int:
    """Return a bound of the tokens that a translation takes, from the sentence's letters alone.

    Qwen's tokenizer makes 0.3 tokens of a reference translation for each letter of English that its source
    is worth, 0.75 at most, and never more than half of this bound (5,271 references each way). Scripts that
    it cuts finer, as Thai, get twice as much: not measured.
    """
    finely = not own(target) & {"LATIN", "HAN", "HANGUL", "KANA"}
    return max(LEAST_TOKENS, min(MOST_TOKENS, round(32 + (2 if finely else 1) * size(sentence))))
