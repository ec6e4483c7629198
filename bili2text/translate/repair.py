"""What is done about a bad reply, step by step, and which reply is kept when none is good. Pure.

The order is from what changes the reply least to what changes it most: told what is wrong, the model says the
same thing right; kept from a script, it says it in the one that is left; sampled, it says something else. A
model that cannot be told anything is searched with another beam first.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Literal

from bili2text.transcribe.writing import letters, script
from bili2text.translate.checks import weight
from bili2text.translate.manner import Manner
from bili2text.translate.profiles import RULES
from bili2text.translate.prompts import feedback
from bili2text.translate.scripts import own, unwanted
from bili2text.translate.values import Direction, Said, Task
from bili2text.translators.engine import Decoding, Prompt
from bili2text.translators.values import Profile

Repair = Literal["feedback", "beam", "script", "sampling"]
ROUNDS: tuple[Repair, ...] = ("feedback", "script", "sampling", "sampling", "sampling")
_UNTOLD: tuple[Repair, ...] = ("beam", *ROUNDS[1:])  # of a model that cannot be told what was wrong
_BEAMS = 4  # NLLB's own (arXiv 2207.04672, 8.1)
MOST_TOKENS = 1024  # of a reply that is asked for again because it was cut
# What is worse than nothing under a picture: the source, talk about the task, no text
_UNUSABLE = frozenset({"empty", "gibberish", "echo", "refusal"})
_REWORDED = 0.5  # of a draft that is still there when it was made better; our own
_NEVER = frozenset({"OTHER", "GREEK"})  # not told apart; Greek letters name quantities in every language


@dataclass(frozen=True, slots=True)
class Attempt:
    """A reply, and what is wrong with it."""

    text: str  # what of the reply is the translation
    faults: tuple[str, ...]
    reply: str  # as the model said it
    repair: str = ""  # the repair it came of


@dataclass(frozen=True, slots=True)
class Ask:
    """One prompt more, and how to decode it."""

    prompt: Prompt
    decoding: Decoding


def rounds(profile: Profile) -> tuple[Repair, ...]:
    """Return the repairs to try, in order, as many for each family of models."""
    return ROUNDS if RULES[profile].told else _UNTOLD


def again(
    repair: Repair, task: Task, prompt: Prompt, attempts: Sequence[Attempt], manner: Manner
) -> Ask | None:
    """Return how to ask for a sentence again, or None where the repair does not suit what is wrong.

    The seed of a sampled repair is still to be set: all prompts of a batch share one (`seed`).
    """
    last = attempts[-1]
    cut = "unfinished" in last.faults and "repetition" not in last.faults
    if cut:
        prompt = replace(prompt, max_new_tokens=min(2 * prompt.max_new_tokens, MOST_TOKENS))
    scripts = without(task, attempts, manner.direction)
    if repair == "feedback":
        if last.faults != ("unfinished",):  # for a reply that had too little room, more of it says all
            prompt = feedback(prompt, last.reply, last.faults)
        return Ask(prompt, manner.decoding)
    if repair == "beam":
        beams = _BEAMS if manner.decoding.beam_size < _BEAMS else 1
        return Ask(prompt, replace(manner.decoding, beam_size=beams))
    if repair == "script":
        return Ask(prompt, replace(manner.decoding, without=scripts)) if scripts else None
    return Ask(prompt, replace(RULES[manner.profile].sampling, without=scripts))


def without(task: Task, attempts: Sequence[Attempt], direction: Direction) -> tuple[str, ...]:
    """Return the scripts to keep from the next reply, as `Decoding.without` names them; () for none.

    They are all that the target is not written in, once a reply with a "script" or "echo" fault held a letter
    of one. Latin letters, in which names are written everywhere, are among them only where there was nothing
    else. A script that one of the sentence's terms needs is left alone.
    """
    home, found = own(direction.target), set[str]()
    for attempt in attempts:
        if {"script", "echo"} & set(attempt.faults):
            found |= _scripts(attempt.text)
    needed = {one for term in task.terms for one in _scripts(term.target or "")}
    strange = found - home - needed - _NEVER
    if not strange or (strange == {"LATIN"} and found & home):
        return ()
    latin = ("latin",) if strange == {"LATIN"} else ()
    return tuple(one for one in (*unwanted(direction), *latin) if one.upper() not in needed)


def seed(number: int, turn: int) -> int:
    """Return the seed of a sampled batch, 0..2**31-1: of its first sentence's number and of the turn."""
    return zlib.crc32(b"%d %d" % (number, turn)) & 0x7FFFFFFF


def outcome(task: Task, attempts: Sequence[Attempt]) -> Said:
    """Return the translation to keep: the first good reply, else the one least wrong, with its faults.

    A reply that is the source, a refusal or nothing is not kept as a text.
    """
    tried = tuple(dict.fromkeys(one.repair for one in attempts if one.repair))
    usable = [one for one in attempts if one.text and not _UNUSABLE & set(one.faults)]
    best = min(usable or attempts, key=lambda one: weight(one.faults))
    if not usable:
        return Said(task.sentence.number, "", best.faults, tried=tried)
    return Said(task.sentence.number, best.text, best.faults, best.repair, tried)


def better(one: Said, other: Said) -> Said:
    """Return the better of two translations of a sentence; of equals, `one`."""
    return min(one, other, key=lambda said: (bool(said.faults), not said.text, weight(said.faults)))


def is_still(draft: str, text: str) -> bool:
    """Return whether a text is a draft reworded: half of its letters, in their order, are the draft's."""
    return SequenceMatcher(None, letters(draft), letters(text), autojunk=False).ratio() >= _REWORDED


def _scripts(text: str) -> set[str]:
    return {script(letter) for letter in text if letter.isalpha()}
