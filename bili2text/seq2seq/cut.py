"""A text that is too long for a model, cut where it reads best. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from bili2text.cells import graphemes

# Where a text may be cut, best first: after what ends a sentence, after what parts one, at a blank
_PLACES = (
    re.compile(r"(?<=[。！？!?…])(?![。！？!?…”’」』）)\"'])|(?<=[.])(?=\s)|(?<=[。！？!?.…][”’」』）)\"'])"),
    re.compile(r"(?<=[；：;])|(?<=[:])(?=\s)"),
    re.compile(r"(?<=[，、—])|(?<=[,–])(?=\s)"),
    re.compile(r"(?<=\s)(?=\S)"),
)

Fits = Callable[[str], bool]


def cut(text: str, fits: Fits) -> tuple[str, ...]:
    """Return a text in pieces that go in order and fit, cut where it reads best; () for a blank one.

    Whole sentences are pieces of their own, for models learn from such. The pieces hold all of the text but
    the blanks at their ends. A single character that does not fit is a piece of its own.
    """
    return tuple(piece.strip() for piece in _cut(text, fits, 0) if piece.strip())


def _cut(text: str, fits: Fits, level: int) -> list[str]:
    if fits(text.strip()):
        return [text]
    if level == len(_PLACES):
        return _packed(graphemes(text), fits)
    found: list[str] = []
    whole: list[str] = []  # neighbours that fit by themselves, and perhaps together
    for part in _PLACES[level].split(text):
        if fits(part.strip()):
            whole.append(part)
            continue
        found += [*_joined(whole, fits, level), *_cut(part, fits, level + 1)]
        whole = []
    return found + _joined(whole, fits, level)


def _joined(parts: Sequence[str], fits: Fits, level: int) -> list[str]:
    return list(parts) if level == 0 else _packed(parts, fits)


def _packed(parts: Sequence[str], fits: Fits) -> list[str]:
    """Return neighbours joined as long as they fit."""
    found = list(parts[:1])
    for part in parts[1:]:
        if fits((found[-1] + part).strip()):
            found[-1] += part
        else:
            found.append(part)
    return found
