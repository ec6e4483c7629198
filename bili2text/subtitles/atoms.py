"""A segment -> atoms: the pieces of its text that no line break may cut, each with its time."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from bili2text.cells import graphemes, width
from bili2text.segments import Segment

# Kinsoku (JIS X 4051, W3C clreq): what may not begin a line, and what may not end one. The letters are small
# kana, and the vowels Thai and Lao write after (not before) their consonant.
_NOT_FIRST = frozenset(
    "!%),.:;?]}¢°·’”»†‡›℃、。〃々〕〉》」』】〙〗〟﹐﹑﹒﹔﹕﹖﹗！％），．：；？］｝～…‥ー゛゜ヽヾゝゞ〜—–"
    "ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶะาำๆฯຯະາຳ।॥؟،؛۔"
)
_NOT_LAST = frozenset("([{£¥$“‘«‹〈《「『【〔〖〘〝＄（［｛￡￥#@เแโใไເແໂໃໄ")
_EITHER = frozenset("\"'")  # may open or close: stays with both neighbours unless a blank decides
_UNSPACED = (  # scripts that write no blanks between words: a line may end after (almost) any letter
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x312F),  # Han radicals, CJK punctuation, kana, Bopomofo
    (0x31C0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFE30, 0xFE4F),
    (0xFF00, 0xFF0F),  # full-width punctuation; full-width letters and digits make words like any other
    (0xFF1A, 0xFF20),
    (0xFF3B, 0xFF40),
    (0xFF5B, 0xFF9F),
    (0x20000, 0x3FFFF),
)
_SLOWEST_LETTER = 0.5  # seconds; a usual one takes 0.07
_SLOWEST_BASE = 0.5  # seconds, for the shortest words


@dataclass(frozen=True, slots=True)
class Atom:
    """A word, or in scripts without blanks a character, with the punctuation that clings to it."""

    text: str
    start: float  # seconds
    end: float  # seconds
    cells: int  # the width of `text`
    spaced: bool  # a blank stands before it
    inner: bool = False  # it begins inside what Whisper aligned as one word


def atoms(segment: Segment) -> tuple[Atom, ...]:
    """Return the atoms of a tidy `segment` in order; their texts, blanks removed, are the segment's.

    Times come from the words when these spell the text, and are else shared out by how long each character
    takes to say.
    """
    spans = _spans(segment)
    found = []
    at = 0
    for text, spaced in _pieces(segment.text):
        first, at = at, at + len(text.replace(" ", ""))
        start, _, begins_word = spans[first]
        found.append(Atom(text, start, spans[at - 1][1], width(text), spaced, not begins_word))
    return tuple(found)


def unspaced(character: str) -> bool:
    """Return whether `character` belongs to a script that writes no blanks between words."""
    code = ord(character)
    return code >= 0x0E00 and any(first <= code <= last for first, last in _UNSPACED)


def blank_between(before: str, after: str) -> bool:
    """Return whether a blank joins two texts: not where either script writes none."""
    return not (unspaced(before[-1]) or unspaced(after[0]))


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Yield what no break may cut, and whether a blank stands before it."""
    held = ""  # the last piece seen, to which the next may still cling
    held_spaced = clings = False
    for number, token in enumerate(text.split(" ")):
        parts = _split(token)
        # French and careless typists put blanks inside the brackets: « oui » ( no ) stay in one piece.
        if held and (clings or all(part in _NOT_FIRST for part in token)):
            held = f"{held} {parts[0]}"
        else:
            if held:
                yield held, held_spaced
            held, held_spaced = parts[0], number > 0
        for part in parts[1:]:
            yield held, held_spaced
            held, held_spaced = part, False
        clings = token in _NOT_LAST
    if held:
        yield held, held_spaced


def _split(token: str) -> list[str]:
    """Return `token`, which has no blanks, cut wherever a line may end inside it."""
    if token.isascii():
        return [token]
    parts: list[str] = []
    before = ""
    for cluster in graphemes(token):
        if before and _may_part(before, cluster):
            parts.append(cluster)
        elif parts:
            parts[-1] += cluster
        else:
            parts = [cluster]
        before = cluster
    return parts


def _may_part(before: str, after: str) -> bool:
    first, second = before[0], after[0]
    if second in _NOT_FIRST or first in _NOT_LAST or first in _EITHER or second in _EITHER:
        return False
    if _is_katakana(first) and _is_katakana(second):
        return False  # a loan word
    return unspaced(first) or unspaced(second) or _is_picture(before) or _is_picture(after)


def _is_katakana(character: str) -> bool:
    return "ァ" <= character <= "ヿ" or "ｦ" <= character <= "ﾟ"


def _is_picture(cluster: str) -> bool:
    return not cluster.isascii() and unicodedata.category(cluster[0]) == "So" and width(cluster) > 1


def _spans(segment: Segment) -> list[tuple[float, float, bool]]:
    """Return start, end and "begins a word" for each character of the text that is not a blank."""
    letters = segment.text.replace(" ", "")
    words = [(word.text.replace(" ", ""), word.start, word.end) for word in segment.words]
    if "".join(text for text, _, _ in words) == letters:
        return [span for text, start, end in words for span in _share(text, start, end)]
    # Without words nothing is known about where they begin, so every character counts as a beginning.
    return [(start, end, True) for start, end, _ in _share(letters, segment.start, segment.end)]


def _share(text: str, start: float, end: float) -> Iterator[tuple[float, float, bool]]:
    weights = [_weight(character) for character in text]
    # Whisper stretches a segment, or the word before a pause, over silence; nobody talks so slowly.
    end = min(end, start + _SLOWEST_BASE + sum(weights) * _SLOWEST_LETTER)
    per_weight = (end - start) / (sum(weights) or 1)
    said = 0
    for index, weight in enumerate(weights):
        begins = start + said * per_weight
        said += weight
        yield begins, min(end, start + said * per_weight), index == 0


def _weight(character: str) -> int:
    """Return how long `character` takes to say, in letters: a Chinese character or a digit is a syllable."""
    if character.isascii():
        return 3 if character.isdigit() else 2 if character in ".?!" else 1
    if unicodedata.category(character).startswith("M"):
        return 0
    if character in "。！？…":
        return 3  # the breath that is heard there
    return 3 if unicodedata.category(character) == "Lo" and unspaced(character) else 1
