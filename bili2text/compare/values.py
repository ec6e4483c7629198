"""What is compared: two translators, and what each said of the same sentences. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bili2text.files import clean_text
from bili2text.jobs.key import KEY_LENGTH
from bili2text.jobs.lines import canonical
from bili2text.translate.values import Direction, Said, Sentence

if TYPE_CHECKING:
    from bili2text.subtitles.writers import Json

_FORMAT = 1  # of keys and of how a ballot is shuffled: votes cast under another one are not these


@dataclass(frozen=True, slots=True)
class Side:
    """One translator, and what it said."""

    name: str
    engine: str
    precision: str
    device: str
    said: tuple[Said, ...]  # one for each sentence of the contest, in their order
    seconds: float  # of work, without loading; 0: not measured, all of it was there already
    tokens: int  # generated in those seconds
    peak_mib: int | None  # memory at its peak; None: not measured
    asked: int | None = None  # sentences that were translated in those seconds; None: all


@dataclass(frozen=True, slots=True)
class Contest:
    """Two translators on one transcript. Raises ValueError where a side has not said one thing of each."""

    key: str  # lowercase hexadecimal, from `key_of`
    title: str
    direction: Direction
    sentences: tuple[Sentence, ...]  # those not copied
    sides: tuple[Side, Side]

    def __post_init__(self) -> None:
        numbers = [one.number for one in self.sentences]
        if len(set(numbers)) != len(numbers):
            raise ValueError("a sentence is compared twice")
        for side in self.sides:
            if [one.number for one in side.said] != numbers:
                raise ValueError(f"{side.name}: not one translation for each sentence")

    @property
    def names(self) -> tuple[str, str]:
        """What the sides are called, on one line; one model twice is told apart by how it runs."""
        first, second = (clean_text(side.name) for side in self.sides)
        if first == second:
            first, second = (
                clean_text(f"{side.name} ({side.engine}, {side.precision}, {side.device})")
                for side in self.sides
            )
        return (first, second) if first != second else (f"A: {first}", f"B: {second}")


def key_of(direction: Direction, sentences: Sequence[Sentence], sides: tuple[Side, Side]) -> str:
    """Return the key of a contest, 32 hex digits: of its sentences, who translates, and what they said.

    The same models that say the same give the same key, so that votes of later sessions add up. How long
    they took is not in it.
    """
    whole: dict[str, Json] = {
        "compare": _FORMAT,
        "direction": [direction.source, direction.target],
        "sentences": [[one.number, one.text] for one in sentences],
        "sides": [
            [side.name, side.engine, side.precision, [one.text for one in side.said]] for side in sides
        ],
    }
    return hashlib.sha256(canonical(whole).encode("ascii")).hexdigest()[:KEY_LENGTH]
