"""Lines -> stretches: lines that may share sentences, and between them what ends every sentence. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from bili2text.captions.values import Line
from bili2text.segments import Segment
from bili2text.subtitles import breaks
from bili2text.subtitles.atoms import Atom, atoms, blank_between, unspaced
from bili2text.subtitles.breaks import CLINGING, break_cost, ends_clause, ends_sentence
from bili2text.translate.copied import content, has_letters
from bili2text.translate.speakers import labels, new_speaker, turns

PAUSE_SECONDS = 1.0  # a longer silence ends a sentence
CARRIED_SECONDS = 3.0  # ... and this one even after a comma, or before a small letter
UNMARKED_SECONDS = 0.5  # ... and this one in a text without marks, which has nothing else to tell by
_NEAR = 10  # lines on both sides that tell whether a line's text has marks: Whisper stops writing them midway
_MARKED = 0.2  # of these lines, at least, have one

_CLOSE_ONLY = ")]}»›”」』）】》〉〕〗］｝"  # never open, whatever stands after them
_CLOSERS = _CLOSE_ONLY + "\"'’"
_OPENERS = "\"'“‘([«„¿¡"
_TIGHT = _CLOSE_ONLY + ",.;:!?%…"  # no blank before these, though a line began with them
_MARK = re.compile(r"[，。！？；：、…]|[,.!?;:]\W*(?:\s|$)")
_NO = re.compile(r"[\"'“‘(\[]*[Nn]o\.[\"'’”)\]]*")  # an answer, or the sign of a number
_ACRONYM = re.compile(
    r"[\"'“‘(\[]*(?:[^\W\d_]\.){2,}"
)  # "U.S.": more often inside a sentence than at its end


@dataclass(frozen=True, slots=True)
class _Part:
    """A line's words, or those of one of the speakers in it."""

    line: int
    pieces: tuple[Atom, ...]
    timed: bool  # the line has a start and an end
    marked: bool  # commas and full stops are written here
    turn: bool  # somebody else begins to speak
    speaker: str  # as the file names them


@dataclass(frozen=True, slots=True)
class Stretch:
    """Atoms that may share sentences, or the one line that is copied, which has none."""

    pieces: tuple[Atom, ...]
    owners: tuple[int, ...]  # the line of each atom; of a copied line, its place alone
    marked: tuple[bool, ...] = ()  # for each atom, whether commas and full stops are written around it


def stretches(lines: Sequence[Line], language: str) -> Iterator[Stretch]:
    """Yield the stretches of `lines`, in order; their atoms are all the lines hold, blanks aside.

    A stretch ends at a pause, where somebody else begins to speak, where the file says that another speaker
    or a sign begins, and at a line that is copied. Lines
    without times are taken for whole ones, unless a comma before or a small letter after a line's end tells
    that the text was wrapped: a list, a poem or a transcript with a segment a line is commoner than
    hard-wrapped prose.
    """
    known = labels(line.text.strip() for line in lines)
    marked = _marked(lines)
    held: list[_Part] = []
    for number, line in enumerate(lines):
        parts = _parts(number, line, known, marked=marked[number])
        if not parts or _is_copied(line, held, parts[0]):
            if held:
                yield _joined(held, language)
            yield Stretch((), (number,))
            held = []
            continue
        for part in parts:
            if held and _apart(held[-1], part):
                yield _joined(held, language)
                held = []
            held.append(part)
    if held:
        yield _joined(held, language)


def span(line: Line) -> tuple[float, float] | None:
    """Return when a line begins and ends, in seconds; None where either is not known."""
    if line.start is None or line.end is None or not math.isfinite(line.start + line.end):
        return None
    return line.start, max(line.start, line.end)


def text_of(pieces: Sequence[Atom]) -> str:
    """Return what atoms spell, with the blanks between them; none before the first."""
    return "".join(f" {atom.text}" if atom.spaced else atom.text for atom in pieces).lstrip(" ")


def ends(pieces: Sequence[Atom], index: int) -> bool:
    """Return whether a sentence ends with an atom.

    Stricter than ends_sentence, which cuts cues: before a small letter ("Yahoo! and", "Really?" he asked)
    and in Chinese after an ellipsis it may go on; an acronym and a mark whose bracket closes only later end
    none. Freer in one: after a pause a small letter may begin a sentence, as it does in Whisper's windows.
    """
    before, after = pieces[index], pieces[index + 1] if index + 1 < len(pieces) else None
    if index and not before.text.strip(_CLOSERS):
        before = replace(before, text=pieces[index - 1].text + before.text)  # the bracket that closes later
    if after is None:
        return ends_sentence(before, after)
    if after.start - before.end >= breaks.PAUSE_SECONDS:
        after = replace(after, text=after.text.capitalize())
    if after.text[0] in _CLOSE_ONLY or after.text[0].islower():
        return False
    answer = _NO.fullmatch(before.text) and not after.text[0].isdigit()
    if not answer and not ends_sentence(before, after):
        return False
    mark = before.text.rstrip(_CLOSERS)
    if mark.endswith(("...", "…")) and unspaced(after.text[0]):
        return False  # no capital tells whether it goes on
    return _ACRONYM.fullmatch(mark) is None


def _marked(lines: Sequence[Line]) -> list[bool]:
    """Return whether the text is punctuated around each line; lines without words do not count."""
    worded = [has_letters(line.text) for line in lines]
    upto = [0, *accumulate(worded)]
    found = (has and _MARK.search(line.text) is not None for line, has in zip(lines, worded, strict=True))
    marks = [0, *accumulate(found)]
    near = [(max(0, at - _NEAR), min(len(lines), at + _NEAR + 1)) for at in range(len(lines))]
    return [marks[end] - marks[first] >= _MARKED * (upto[end] - upto[first]) for first, end in near]


def _parts(number: int, line: Line, known: frozenset[str], *, marked: bool) -> list[_Part]:
    text = " ".join(line.text.split())
    if not text:
        return []
    times = span(line)
    start, end = times or (0.0, 0.0)
    said = turns(text)
    shares = [upto / len(text) for upto in accumulate(map(len, said))]
    begins = (start + (end - start) * share for share in (0.0, *shares))
    finishes = (start + (end - start) * share for share in (*shares[:-1], 1.0))
    return [
        _Part(
            number,
            atoms(Segment(begin, finish, one)),
            timed=times is not None,
            marked=marked,
            turn=new_speaker(one, known),
            speaker=line.speaker,
        )
        for one, begin, finish in zip(said, begins, finishes, strict=False)
    ]


def _is_copied(line: Line, held: Sequence[_Part], part: _Part) -> bool:
    kind = content(line.text)
    if kind != "number":
        return kind == "nothing"
    if not held or _apart(held[-1], part):
        return True
    before, after = held[-1].pieces, replace(part.pieces[0], spaced=True)
    return ends((*before, after), len(before) - 1)  # digits may go on with it: "It was in", "1984"


def _apart(before: _Part, after: _Part) -> bool:
    """Return whether no sentence goes on from one to the other, whatever mark is between."""
    last, first = before.pieces[-1], after.pieces[0]
    if after.turn or after.speaker != before.speaker:
        return True
    small = first.text.lstrip(_OPENERS)[:1].islower()
    if not (before.timed and after.timed):
        return not (small or ends_clause(last))
    if first.start < before.pieces[0].start:
        return True  # two streams in one file: signs and speech
    carried = ends_clause(last) or (small and after.marked)
    longest = CARRIED_SECONDS if carried else PAUSE_SECONDS if after.marked else UNMARKED_SECONDS
    return first.start - last.end > longest


def _joined(parts: Sequence[_Part], language: str) -> Stretch:
    """Return parts as one stretch, the first atom of each with the blank that joins it to the last.

    Where Chinese has no marks at all, a line ends with a clause: there goes the blank Whisper would write.
    """
    pieces: list[Atom] = []
    for part in parts:
        first = part.pieces[0]
        if pieces:
            last = pieces[-1]
            spaced = first.text[0] not in _TIGHT and blank_between(last.text, first.text)
            if not part.marked and unspaced(last.text[-1]) and unspaced(first.text[0]):
                spaced = break_cost((last, *part.pieces[:2]), 0, language) < CLINGING
            first = replace(first, spaced=spaced, inner=False)
        pieces.extend((first, *part.pieces[1:]))
    owners = tuple(part.line for part in parts for _ in part.pieces)
    marked = tuple(part.marked for part in parts for _ in part.pieces)
    return Stretch(tuple(pieces), owners, marked)
