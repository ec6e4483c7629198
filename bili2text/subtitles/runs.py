"""Segments -> runs: stretches of atoms between which a cue always ends, and within which it may."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from bili2text.segments import Segment
from bili2text.subtitles.atoms import Atom, atoms, blank_between
from bili2text.subtitles.breaks import ends_clause, ends_sentence
from bili2text.subtitles.shape import Shape

_TOGETHER_SECONDS = 0.3  # segments further apart than this are not one sentence


@dataclass(frozen=True, slots=True)
class Run:
    """Atoms that may share cues."""

    pieces: tuple[Atom, ...]
    edges: frozenset[int]  # indexes of the atoms that end a segment


def runs(segments: Iterable[Segment], shape: Shape) -> Iterator[Run]:
    """Yield the runs of tidy `segments`: all their atoms, in order."""
    pieces: list[Atom] = []
    edges: set[int] = set()
    brief = False  # whether the segment before is too short to be read alone
    for segment in segments:
        was_brief, brief = brief, segment.end - segment.start < shape.min_seconds
        for number, found in enumerate(atoms(segment)):
            atom = found
            if pieces and number == 0:
                edges.add(len(pieces) - 1)
                atom = _leading(pieces[-1], found)
                apart = not _goes_on(pieces[-1], atom, brief=brief or was_brief)
            else:
                apart = False
            if pieces and (apart or _parted(pieces[-1], atom, shape)):
                yield Run(tuple(pieces), frozenset(edges))
                pieces, edges = [], set()
            pieces.append(atom)
    if pieces:
        yield Run(tuple(pieces), frozenset(edges))


def _leading(before: Atom, after: Atom) -> Atom:
    """Return the first atom of a segment, with the blank before it that joins it to the last one."""
    return replace(after, spaced=blank_between(before.text, after.text), inner=False)


def _goes_on(before: Atom, after: Atom, *, brief: bool) -> bool:
    """Return whether two segments may share a cue: only one sentence, or the need to read, joins them."""
    if after.start - before.end > _TOGETHER_SECONDS:
        return False
    if brief:
        return True
    return not ends_sentence(before, after) and (ends_clause(before) or after.text[0].islower())


def _parted(before: Atom, after: Atom, shape: Shape) -> bool:
    return after.start - before.end >= shape.pause_seconds or (
        shape.sentence and ends_sentence(before, after)
    )
