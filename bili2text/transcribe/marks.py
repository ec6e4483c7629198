"""Marks for a text that was decoded without: where they may stand, and which is likeliest there. Pure.

Whisper learned Chinese from subtitles, which have next to no marks. A prompt that has some makes it set them,
and makes a small model pass over whole sentences (docs/chinese.md). So the text is decoded without; then the
model is asked, told a sentence with marks, how likely each is where the speaker paused: where it set a
timestamp, or wrote a blank between two Chinese characters. Words and times stay as they are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bili2text.transcribe.writing import dense, letters

# Each is one token of Whisper's; the comma and the question mark that Chinese prints take three
STOP, COMMA, QUESTION = "。", ",", "?"
_MARKS = frozenset("。，,？?！!、；;：:．.…")
_LEAST = 0.05  # probability
_CLEAR = 0.3  # a mark this likely is not weighed against a comma
# A question has one of these, or a verb twice (去不去); only there it is asked for
_ASKING = re.compile(r"[吗嗎呢吧么麼嘛谁誰哪几幾怎何啥]|多少|是否|有[没沒]有|(\w)[不没沒]\1")
_CLOSING = "%％℃°》」』”’）)"  # may stand between the last letter and a mark
_CHARACTER = 4  # tokens that surely have a whole character in them
Tokens = tuple[int, ...]
# Given the tokens of a text: of each the probability that it follows those before it
Probabilities = Callable[[Tokens], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What has to be known of a tokenizer."""

    first_timestamp: int  # the token of <|0.00|>
    marks: Mapping[str, Tokens]
    decode: Callable[[list[int]], str]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mark may stand: before the token of that number."""

    at: int
    said: str  # since the place before


def marked(tokens: Tokens, vocabulary: Vocabulary, probabilities: Probabilities, room: int) -> Tokens:
    """Return a window's tokens, timestamps among them, with the likeliest mark wherever one is likely.

    A text that has no room for its marks in so many tokens stays as it is: a loop, with a place after each.

    Marks are asked for at all places at once, where there is none to ask for the likeliest so far is there: a
    mark makes the next one likelier, as in a text that has them. Raises what `probabilities` raises.
    """
    found = places(tokens, vocabulary)
    longest = max(map(len, vocabulary.marks.values()))
    if sum(one < vocabulary.first_timestamp for one in tokens) + len(found) * longest > room:
        return tokens
    likely: dict[int, dict[str, float]] = {place.at: {} for place in found}
    while asked := {place.at: mark for place in found if (mark := _next(place, likely[place.at]))}:
        text, begin = _text(tokens, _best(likely) | asked, vocabulary)
        given = probabilities(text)
        for at, mark in asked.items():
            spelt = given[begin[at] : begin[at] + len(vocabulary.marks[mark])]
            likely[at][mark] = math.prod(spelt)
    best = _best(likely)
    return tuple(one for part in _parts(tokens, best, vocabulary) for one in part)


def places(tokens: Tokens, vocabulary: Vocabulary) -> tuple[Place, ...]:
    """Return where marks may stand in a window's tokens: at pauses, after a letter and before none."""
    return tuple(_places(tokens, vocabulary))


def _places(tokens: Tokens, vocabulary: Vocabulary) -> Iterator[Place]:
    first, decode = vocabulary.first_timestamp, vocabulary.decode
    since: list[int] = []
    for at in range(len(tokens) + 1):
        stamp = at == len(tokens) or tokens[at] >= first
        if since and (stamp or decode([tokens[at]]).startswith(" ")):
            said = decode(since)
            after = decode([one for one in tokens[at : at + 2 * _CHARACTER] if one < first]).lstrip()[:1]
            pause = stamp or (dense(letters(said[-1:])) and dense(letters(after)))
            last = (said.rstrip(_CLOSING) if stamp else said)[-1:]
            if pause and last.isalnum() and after not in _MARKS:
                yield Place(at, said)
                since = []
        if not stamp:
            since.append(tokens[at])


def _next(place: Place, likely: Mapping[str, float]) -> str | None:
    """Return the mark to ask for next at a place: a stop, a question mark after a question, else a comma."""
    if STOP not in likely:
        return STOP
    if QUESTION not in likely and _ASKING.search(place.said):
        return QUESTION
    return COMMA if COMMA not in likely and max(likely.values()) < _CLEAR else None


def _best(likely: Mapping[int, Mapping[str, float]]) -> dict[int, str]:
    """Return the likeliest mark of each place that has a likely one."""
    best = {at: max(of, key=of.__getitem__) for at, of in likely.items() if of}
    return {at: mark for at, mark in best.items() if likely[at][mark] >= _LEAST}


def _text(tokens: Tokens, marks: Mapping[int, str], vocabulary: Vocabulary) -> tuple[Tokens, dict[int, int]]:
    """Return the text with marks and without timestamps, and at which of its tokens each mark begins."""
    text: list[int] = []
    begin: dict[int, int] = {}
    for at, part in enumerate(_parts(tokens, marks, vocabulary)):
        if at in marks:
            begin[at] = len(text)
        text += [one for one in part if one < vocabulary.first_timestamp]
    return tuple(text), begin


def _parts(tokens: Tokens, marks: Mapping[int, str], vocabulary: Vocabulary) -> Iterator[Tokens]:
    """Yield for each token, and for the end, the mark before it and itself."""
    for at in range(len(tokens) + 1):
        mark = vocabulary.marks[marks[at]] if at in marks else ()
        yield (*mark, *tokens[at : at + 1])
