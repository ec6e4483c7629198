"""What was said of sentences -> the text of each line. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise

from bili2text.captions.values import Line
from bili2text.segments import Segment
from bili2text.subtitles.atoms import Atom, atoms, blank_between
from bili2text.subtitles.breaks import break_cost
from bili2text.translate.stretches import text_of
from bili2text.translate.values import Sentence

# On the scale of breaks.py: for a comma (3) instead of no break (9), a part may be half its length off.
_OFF = 20.0


def lay(
    sentences: Sequence[Sentence], said: Mapping[int, str], lines: Sequence[Line], target: str
) -> tuple[str, ...]:
    """Return the text of each of `lines`, in order: what was `said` of each sentence, by its number.

    A translation is cut where it reads well, near where the sentence's lines are, and not within an atom, so
    that no word is cut and no line begins with a comma. The parts of one, joined, are the translation. One
    with fewer atoms than it has lines to fill is shown whole in each: a cue that is empty while somebody
    speaks looks like a fault, a text that stays does not. What is copied is as it was; a sentence of which
    nothing was said leaves its part of the lines empty.
    """
    shown: list[list[str]] = [[] for _ in lines]
    translations = [_translation(sentence, said) for sentence in sentences]
    anchors = _anchors(sentences, translations)
    for sentence, text in zip(sentences, translations, strict=True):
        if sentence.copied:
            parts = [piece.text for piece in sentence.pieces]
        else:
            needed = [anchors.get(piece.line) == sentence.number for piece in sentence.pieces]
            parts = _parts(text, [piece.weight for piece in sentence.pieces], needed, target)
        for piece, part in zip(sentence.pieces, parts, strict=True):
            shown[piece.line].append(part)
    return tuple(_joined(parts) for parts in shown)


def _translation(sentence: Sentence, said: Mapping[int, str]) -> str:
    return sentence.text if sentence.copied else " ".join(said.get(sentence.number, "").split())


def _anchors(sentences: Sequence[Sentence], translations: Sequence[str]) -> Mapping[int, int]:
    """Return the sentence that must show something in each line: of several, the one with the most there."""
    widest: dict[int, tuple[int, int]] = {}
    for sentence, text in zip(sentences, translations, strict=True):
        for piece in sentence.pieces if text.strip() else ():
            length = len(piece.text)
            if length > widest.get(piece.line, (-1, 0))[0]:
                widest[piece.line] = (length, sentence.number)
    return {line: number for line, (_, number) in widest.items()}


def _parts(text: str, weights: Sequence[float], needed: Sequence[bool], target: str) -> list[str]:
    """Return a text cut for its pieces; those not needed may be left empty, where a word more is no gain."""
    if len(weights) == 1 or not text:
        return [text] * len(weights)
    pieces = atoms(Segment(0.0, 0.0, text))
    if len(pieces) < sum(needed):
        return [text if need else "" for need in needed]
    ends = _cuts(pieces, weights, needed, target)
    return [text_of(pieces[first:end]) for first, end in pairwise((0, *ends))]


def _cuts(pieces: Sequence[Atom], weights: Sequence[float], needed: Sequence[bool], target: str) -> list[int]:
    """Return where each part ends, such that all breaks and all deviations together cost least.

    What a part costs depends on its end alone, so each further part takes one pass over the atoms.
    """
    total = len(pieces)
    costs = [0.0, *(break_cost(pieces, index, target) for index in range(total - 1)), 0.0]
    upto = [0, *accumulate(atom.cells for atom in pieces)]
    wide = upto[-1] or 1
    wanted = list(accumulate(weights))
    whole = wanted[-1] or 1.0
    best = [0.0] + [math.inf] * total
    came_from: list[list[int]] = []
    for part, is_needed in enumerate(needed):
        row, origins = [math.inf] * (total + 1), [0] * (total + 1)
        nearest, origin = math.inf, 0  # the best way to end the parts before, earlier than here
        for end in range(total + 1):
            off = (upto[end] / wide - wanted[part] / whole) * len(weights)
            cut, stay = nearest + costs[end], math.inf if is_needed else best[end]
            row[end] = min(cut, stay) + _OFF * off * off
            origins[end] = origin if cut <= stay else end
            if best[end] < nearest:
                nearest, origin = best[end], end
        best = row
        came_from.append(origins)
    ends = [total]
    for origins in reversed(came_from[1:]):
        ends.append(origins[ends[-1]])
    return ends[::-1]


def _joined(parts: Sequence[str]) -> str:
    """Return parts of several sentences as one line; where no mark ends one, a blank does."""
    text = ""
    for part in parts:
        if text and part and (text[-1].isalnum() or blank_between(text, part)):
            text += " "
        text += part
    return text
