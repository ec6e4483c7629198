"""What is wrong with a translation, as far as that can be seen without knowing the language. Pure.

A fault costs a repair, so each check would rather miss something than call a good line bad.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Literal

from bili2text.chinese.literals import literals
from bili2text.transcribe.writing import DENSE, letters, script
from bili2text.translate import figures
from bili2text.translate.phrases import refused, remarked, repeats_prompt
from bili2text.translate.scripts import own, stray
from bili2text.translate.values import Direction, Task
from bili2text.translators.engine import Reply

Fault = Literal[
    "empty", "unfinished", "length", "script", "echo", "copied-previous", "repetition", "refusal", "remark",
    "numbers", "gibberish", "terms", "markup",
]  # fmt: skip
# The order of the worst: what is no translation at all, what is not all of it, what has something wrong in it
_WEIGHTS: Mapping[str, float] = {
    "empty": 100.0, "gibberish": 60.0, "echo": 50.0, "refusal": 50.0, "copied-previous": 40.0,
    "repetition": 30.0, "markup": 20.0, "script": 15.0, "length": 12.0, "unfinished": 10.0, "remark": 8.0,
    "numbers": 4.0, "terms": 2.0,
}  # fmt: skip
_PER_DENSE = {"HAN": 3.0, "HANGUL": 2.0, "KANA": 1.5}  # Latin letters that say as much as one of these
_SHORTEST, _LONGEST = 0.33, 2.4  # of a source's size; no real one of 10,500 references is outside
_SLACK_SHORT, _SLACK_LONG = 8.0, 14.0  # Latin letters: a short sentence may be any length
_LOOP, _LOOP_WORDS, _LOOP_DENSE = 3, 4, 7  # times that so many words, or letters, in a row may be said
_RUN = 8  # times that a letter may follow itself
_PACKED = 2.4  # how far a text may be compressed (openai/whisper transcribe.py, compression_ratio_threshold)
_KNOWN_AGAIN = 24.0  # size from which a text does not equal another by chance
_ALIKE = 0.5  # two sources more alike than that may have one translation
_NEARLY = 0.9  # of a translation: as much of it in another text is not there by chance
_BLOCK = 3.0  # size of a part that counts: single letters of any text are in any other
_SAME_SIGN = re.compile(r"([^\w\s])\1{7,}")
_NOT_A_NUMBER = re.compile(r"(?:[+-]?(?:nan|inf)[\s,;]*)+", re.IGNORECASE)
_MARKUP = re.compile(
    r"</?[A-Za-z][^<>]*>|<[|｜][^<>]*[|｜]>|\[/?INST\]|\]\(https?:|```|^#{1,6} |\d\d:\d\d:\d\d[.,]\d{3}"
    r"|^\s*[\[{]\s*[\"'{\[]|[\"']\s*:\s*[\"'{\[]"
)
_LEFT = re.compile(r"(?<![A-Za-z])[a-z]{6,}(?![A-Za-z])")  # a word that is no name, and no "app" or "wifi"
_ASIDE = re.compile(r"[(（“\"「『《`][^()（）“”\"「」『』《》`]*[)）”\"」』》`]")
_INFLECTED = 0.7  # of a term's word: what an inflected form of it keeps


def faults(
    task: Task,
    text: str,
    reply: Reply,
    direction: Direction,
    *,
    neighbours: Sequence[str],
    earlier: Mapping[str, str],
) -> tuple[Fault, ...]:
    """Return what is wrong with a translation, the worst first; () for one that looks good.

    `text` is the reply, cleaned; `neighbours` are other sentences of the job, as their sources say them;
    `earlier` has the translations so far by source.
    """
    source = task.sentence.text
    found: dict[Fault, bool] = {"unfinished": not reply.finished}
    if not letters(text):
        found["gibberish" if _is_noise(text, source) else "empty"] = True
    else:
        found |= {
            "gibberish": _is_noise(text, source),
            "echo": _echoes(text, source, neighbours),
            "refusal": refused(text, source) or repeats_prompt(text, source),
            "copied-previous": is_copy(text, source, earlier, neighbours),
            "repetition": _repeats(text, source),
            "markup": bool(_MARKUP.search(text)) and not _MARKUP.search(source),
            "script": stray(text, task, direction) or _leaves_words(text, task, direction),
            "length": _is_out_of_length(text, source),
            "remark": remarked(text, source),
            "numbers": figures.lost(source, text, direction),
            "terms": _misses_a_term(text, task),
        }
    return tuple(sorted((name for name, wrong in found.items() if wrong), key=lambda one: -_WEIGHTS[one]))


def weight(found: Sequence[str]) -> float:
    """Return how bad a translation with these faults is, to choose the best of several; 0 for none."""
    return sum(_WEIGHTS[one] for one in found)


def size(text: str) -> float:
    """Return how much a text says, in letters of English: a Chinese character says as much as three.

    The ratio is the median of 5,286 reference pairs (HSK 3.0, FLORES 2.9 to 1). For Hangul and Kana not
    measured: from syllables a second, as transcribe.writing has them.
    """
    return sum(_PER_DENSE.get(script(one), 1.0) for one in letters(text))


def _is_out_of_length(text: str, source: str) -> bool:
    said, wanted = size(text), size(source)
    return said < _SHORTEST * wanted - _SLACK_SHORT or said > _LONGEST * wanted + _SLACK_LONG


def _is_noise(text: str, source: str) -> bool:
    if "\ufffd" in text and "\ufffd" not in source:
        return True
    if _SAME_SIGN.search(text) and not _SAME_SIGN.search(source):
        return True
    return bool(_NOT_A_NUMBER.fullmatch(text)) and not _NOT_A_NUMBER.fullmatch(source)


def _echoes(text: str, source: str, neighbours: Sequence[str]) -> bool:
    """Return whether a text is, or holds, a line of the source."""
    said, own = letters(text), letters(source)
    long = size(source) >= _KNOWN_AGAIN
    if said == own:
        # one word, a name: the same in both languages as often as not
        return long or any(script(one) in DENSE for one in own)
    if long and own in said:
        return True
    return any(size(one) >= _KNOWN_AGAIN and letters(one) in said for one in neighbours)


def is_copy(text: str, source: str, others: Mapping[str, str], neighbours: Sequence[str]) -> bool:
    """Return whether a text is the translation of another sentence, which says something else.

    `others` has translations by their source. Nearly all of that of one of the `neighbours`, which are
    sources too, must not be within the text either: they are what a model was told for context.
    """
    if size(text) < _KNOWN_AGAIN:
        return False
    if any(said == text and not _are_alike(other, source) for other, said in others.items()):
        return True
    near = ((other, others[other]) for other in neighbours if other in others)
    return any(_holds_another(text, said) and not _share_words(other, source) for other, said in near)


def _holds_another(text: str, said: str) -> bool:
    """Return whether nearly all of another translation is within a text, in its order."""
    whole, other = size(said), letters(said)
    if whole < _KNOWN_AGAIN:
        return False
    blocks = SequenceMatcher(None, letters(text), other, autojunk=False).get_matching_blocks()
    shared = (size(other[block.b : block.b + block.size]) for block in blocks)
    return sum(one for one in shared if one >= _BLOCK) >= _NEARLY * whole


def _share_words(one: str, other: str) -> bool:
    """Return whether two sources may share a part of their translation: half of the shorter is in both."""
    if _are_alike(one, other):
        return True
    short, long = sorted((letters(one), letters(other)), key=len)
    same = SequenceMatcher(None, long, short, autojunk=False).find_longest_match()
    return same.size >= _ALIKE * len(short)


def _are_alike(one: str, other: str) -> bool:
    return _ratio(letters(one), letters(other)) >= _ALIKE


def _ratio(one: str, other: str) -> float:
    found = SequenceMatcher(None, one, other, autojunk=False)
    return 0.0 if found.real_quick_ratio() < _ALIKE else found.ratio()


def _repeats(text: str, source: str) -> bool:
    said, own = letters(text), letters(source)
    if _loops(text) > max(_LOOP, 2 * _loops(source)) or _longest_run(said) > max(_RUN, 2 * _longest_run(own)):
        return True
    if _is_doubled(said) and not _is_doubled(own):
        return True
    return _packed(text) > _PACKED and _packed(source) < _PACKED / 1.5


def _loops(text: str) -> int:
    """Return how often the most frequent four words in a row are said; seven letters of a dense script."""
    words = re.findall(r"[^\W_]+", text.casefold())
    if not words:
        return 0
    dense = 2 * sum(script(one) in DENSE for one in text if one.isalpha()) > len("".join(words))
    units, count = ("".join(words), _LOOP_DENSE) if dense else (words, _LOOP_WORDS)
    grams = Counter(tuple(units[at : at + count]) for at in range(len(units) - count + 1))
    return max(grams.values(), default=0)


def _longest_run(plain: str) -> int:
    return max((len(match[0]) for match in re.finditer(r"(.)\1*", plain)), default=0)


def _is_doubled(plain: str) -> bool:
    half, odd = divmod(len(plain), 2)
    return not odd and size(plain) >= _KNOWN_AGAIN and plain[:half] == plain[half:]


def _packed(text: str) -> float:
    raw = text.encode("utf-8", "replace")
    return len(raw) / len(zlib.compress(raw))


def _leaves_words(text: str, task: Task, direction: Direction) -> bool:
    """Return whether a dense script has words of the source in it as they were, in small Latin letters.

    Not counted: short ones, as in tech talk, and what stands aside, is a link, or a term. Of 997 references
    of FLORES none is caught; of 200 replies of a 0.5B model to sentences of HSK, seven that were wrong.
    """
    if not own(direction.target) & {"HAN", "KANA", "HANGUL"}:
        return False
    for term in task.terms:
        if term.target:
            text = text.replace(term.target, " ")
    text = _ASIDE.sub(" ", text)
    for start, end in reversed(list(literals(text))):
        text = f"{text[:start]} {text[end:]}"
    return not set(_LEFT.findall(text)).isdisjoint(_LEFT.findall(task.sentence.text))


def _misses_a_term(text: str, task: Task) -> bool:
    said = letters(text)
    return any(not _holds(said, term.target) for term in task.terms if term.target)


def _holds(said: str, target: str) -> bool:
    """Return whether a term is said, its words perhaps inflected."""
    if letters(target) in said:
        return True
    words = [letters(word) for word in target.split()]
    if any(script(word[0]) in DENSE or len(word) < 5 for word in words if word):
        return False
    return all(word[: round(_INFLECTED * len(word))] in said for word in words)
