"""What is translated: sentences that know the lines they came from, and what was said of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bili2text.terms import Term


@dataclass(frozen=True, slots=True)
class Direction:
    """From which language into which; Whisper's codes, or "zh-Hant" for traditional Chinese as the target."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Piece:
    """The part of a sentence that one line shows."""

    line: int  # the line's place in its captions
    text: str
    weight: float  # the share of the sentence's time (or width, without times) that this piece takes; 0..1


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is translated at once. Its text is that of its pieces, joined as the language joins words."""

    number: int  # from 0, in order
    text: str
    pieces: tuple[Piece, ...]  # one at least, in order of their lines
    copied: bool = False  # nothing to translate: blank, music, symbols, a number


@dataclass(frozen=True, slots=True)
class Task:
    """A sentence and what a translator is told with it."""

    sentence: Sentence
    before: tuple[str, ...] = ()  # sentences before it, the nearest last; context alone
    after: tuple[str, ...] = ()
    terms: tuple[Term, ...] = ()  # of the glossary, those that occur in it and have a target


@dataclass(frozen=True, slots=True)
class Said:
    """The translation of one sentence. Every sentence of a job has one."""

    number: int  # of the sentence
    text: str  # "" only for a sentence that no translation could be had of at all
    faults: tuple[
        str, ...
    ] = ()  # what is wrong with it still: it needs a person's review; () when it is good
    repair: str = ""  # which repair gave it: "", "feedback", "beam", "script", "sampling"
    tried: tuple[str, ...] = ()  # repairs that were tried

    @property
    def needs_review(self) -> bool:
        """Whether a person should look at it."""
        return bool(self.faults)
