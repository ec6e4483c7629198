"""A reference translation, laid beside what is compared. Pure, but for reading its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bili2text.captions.read import read
from bili2text.compare.values import Contest
from bili2text.errors import UsageError
from bili2text.files import clean_text
from bili2text.translate.languages import is_chinese

# languages beside Chinese that write no blanks between words, by Whisper's codes
DENSE = frozenset({"ja", "th", "lo", "km", "my"})


@dataclass(frozen=True, slots=True)
class Unit:
    """A stretch of the transcript with its reference, and what both sides said of it."""

    reference: str
    said: tuple[str, str]


def references(path: Path, contest: Contest, lines: int) -> tuple[Unit, ...]:
    """Return the units of a contest that a file of any kind of captions has a reference for.

    `lines` is how many the transcript has. Raises SourceError for a file that cannot be read, UsageError for
    one with neither as many lines as the transcript nor as many as there are sentences to translate.
    """
    texts = [clean_text(line.text) for line in read(path).lines]
    return aligned(texts, contest, lines, clean_text(path.name))


def aligned(texts: Sequence[str], contest: Contest, lines: int, name: str) -> tuple[Unit, ...]:
    """Return the units for the lines of a reference, the translation of a line each, or of a sentence each.

    Sentences that share a line are one unit, so that line and sentence need not end together. What the
    reference leaves blank is left out. Raises UsageError where the counts differ or nothing is left.
    """
    sentences = contest.sentences
    places = [{piece.line for piece in one.pieces} for one in sentences]
    if len(texts) == len(sentences) and len(texts) != lines:
        places = [{place} for place in range(len(sentences))]
    elif len(texts) != lines:
        raise UsageError(
            f"the reference {name} has {len(texts)} lines; the transcript has {lines} lines, "
            f"{len(sentences)} sentences of them translated",
            hint="give the reference a line for each line of the transcript, or for each such sentence",
        )
    blank = "" if is_chinese(contest.direction.target) or contest.direction.target in DENSE else " "
    said = tuple(zip(*([one.text for one in side.said] for side in contest.sides), strict=True))
    units = []
    for members, shown in _stretches(places):
        reference = blank.join(texts[place] for place in shown if texts[place])
        first, second = (blank.join(filter(None, (said[at][side] for at in members))) for side in (0, 1))
        if reference:
            units.append(Unit(reference, (clean_text(first), clean_text(second))))
    if not units:
        raise UsageError(f"the reference {name} is blank", hint="name a file with the translation")
    return tuple(units)


def _stretches(places: Sequence[set[int]]) -> list[tuple[list[int], list[int]]]:
    """Return, for sentences with their lines, which ones belong together, and the lines of those."""
    found: list[tuple[list[int], set[int]]] = []
    for at, shown in enumerate(places):
        if found and found[-1][1] & shown:
            found[-1][0].append(at)
            found[-1][1].update(shown)
        else:
            found.append(([at], set(shown)))
    return [(members, sorted(shown)) for members, shown in found]
