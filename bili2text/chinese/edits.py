"""Changes to a segment's text that its words go along with. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from bili2text.segments import Segment, Word


@dataclass(frozen=True, slots=True)
class Edit:
    """Put `text` where the characters [start, end) stand."""

    start: int
    end: int
    text: str


Rule = Callable[[str], Iterable[Edit]]  # edits in order, none overlapping another


def swapped(start: int, end: int, text: str) -> Iterator[Edit]:
    """Yield the smallest edits that put a text in place of another: words beside each other stay apart."""
    if len(text) > end - start:
        yield Edit(start, end, text)
        return
    for at, character in enumerate(text, start):
        yield Edit(at, at + 1, character)
    for at in range(start + len(text), end):
        yield Edit(at, at + 1, "")


def changed(segment: Segment, rule: Rule) -> Segment:
    """Return the segment as the rule writes it; times stay.

    Where one edit takes the place of several words, these become one word, from the start of the first to
    the end of the last, as probable as the least. A word of which nothing is left is dropped. Words that do
    not spell the segment's text are changed each by itself.
    """
    text = segment.text
    spelled = "".join(word.text for word in segment.words)
    if segment.words and spelled != text:
        if spelled.strip() != text.strip():
            alone = (replace(word, text=applied(word.text, rule(word.text))) for word in segment.words)
            kept = tuple(word for word in alone if word.text)
            return replace(segment, text=applied(text, rule(text)), words=kept)
        text = spelled
    edits = tuple(rule(text))
    if not edits:
        return replace(segment, text=text)
    return replace(segment, text=applied(text, edits), words=_words(segment.words, edits))


def applied(text: str, edits: Iterable[Edit]) -> str:
    """Return the text after the edits."""
    parts, at = [], 0
    for edit in edits:
        parts += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join((*parts, text[at:]))


def _words(words: tuple[Word, ...], edits: tuple[Edit, ...]) -> tuple[Word, ...]:
    """Return the words after edits to the text they spell."""
    found: list[Word] = []
    at = done = 0
    for word in _whole(words, edits):
        end = at + len(word.text)
        until = next((n for n in range(done, len(edits)) if edits[n].end > end), len(edits))
        mine = (Edit(edit.start - at, edit.end - at, edit.text) for edit in edits[done:until])
        text = applied(word.text, mine)
        if text:
            found.append(replace(word, text=text))
        at, done = end, until
    return tuple(found)


def _whole(words: tuple[Word, ...], edits: tuple[Edit, ...]) -> Iterator[Word]:
    """Yield the words, those that one edit reaches across as one."""
    inside = {place for edit in edits for place in range(edit.start + 1, edit.end)}
    held: Word | None = None
    end = 0
    for word in words:
        if held is not None and end not in inside:
            yield held
            held = None
        held = word if held is None else _joined(held, word)
        end += len(word.text)
    if held is not None:
        yield held


def _joined(first: Word, second: Word) -> Word:
    chance = min(first.probability, second.probability)
    return Word(first.start, second.end, first.text + second.text, chance)
