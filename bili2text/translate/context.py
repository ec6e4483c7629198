"""What a translator is told with a sentence: what is said around it, the terms in it. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from bili2text.captions.values import Line
from bili2text.subtitles.atoms import unspaced
from bili2text.terms import Term, glossary
from bili2text.transcribe.writing import DENSE, script
from bili2text.translate.stretches import span
from bili2text.translate.values import Sentence, Task

MOST_TERMS = 20  # with one sentence; more would outweigh it in the prompt
SCENE_SECONDS = 30.0  # what was said longer ago is about something else


def tasks(
    sentences: Sequence[Sentence],
    terms: Sequence[Term],
    *,
    before: int = 2,
    after: int = 0,
    lines: Sequence[Line] = (),
) -> tuple[Task, ...]:
    """Return a task for each of the `sentences` that is not copied, in order.

    Its context is up to `before` and `after` source texts next to it, never copied ones, and with the times
    of `lines` none from beyond a silence of SCENE_SECONDS. Its terms are those with a target that occur in
    it: whole words, or any part of a text in a script without blanks; whatever the case; the longest first;
    those that occur only within longer ones left out.
    """
    worded = [sentence for sentence in sentences if not sentence.copied]
    index = _Index(terms)
    scenes = _scenes(worded, lines)
    return tuple(
        Task(
            sentence,
            before=_texts(worded, scenes, place, range(max(0, place - before), place)),
            after=_texts(worded, scenes, place, range(place + 1, min(len(worded), place + 1 + after))),
            terms=index.occurring(sentence.text),
        )
        for place, sentence in enumerate(worded)
    )


def _texts(sentences: Sequence[Sentence], scenes: Sequence[int], place: int, near: range) -> tuple[str, ...]:
    return tuple(sentences[other].text for other in near if scenes[other] == scenes[place])


def _scenes(sentences: Sequence[Sentence], lines: Sequence[Line]) -> list[int]:
    """Return the number of each sentence's scene; one for all without times."""
    scenes: list[int] = []
    scene, until = 0, None
    for sentence in sentences:
        times = [span(lines[piece.line]) for piece in sentence.pieces] if lines else [None]
        first, last = times[0], times[-1]
        if first and until is not None and first[0] - until > SCENE_SECONDS:
            scene += 1
        until = last[1] if last else None
        scenes.append(scene)
    return scenes


class _Index:
    """Terms by how they begin, so that a long glossary costs a sentence little."""

    def __init__(self, terms: Sequence[Term]) -> None:
        # Of two that differ in their case alone the later counts.
        self._terms = {_folded(source): Term(source, target) for source, target in glossary(terms).items()}
        self._starting: dict[str, list[str]] = {}
        for source in self._terms:
            self._starting.setdefault(source[:2], []).append(source)

    def occurring(self, text: str) -> tuple[Term, ...]:
        """Return the terms of a sentence."""
        folded = _folded(text)
        taken = bytearray(len(folded))
        found: dict[str, Term] = {}
        for start, source in sorted(self._hits(folded), key=lambda hit: (-len(hit[1]), hit[0])):
            end = start + len(source)
            if not any(taken[start:end]):
                taken[start:end] = b"\1" * len(source)
                found[source] = self._terms[source]
        return tuple(found.values())[:MOST_TERMS]

    def _hits(self, folded: str) -> Iterator[tuple[int, str]]:
        for start in range(len(folded)):
            for key in {folded[start : start + 2], folded[start]}:
                for source in self._starting.get(key, ()):
                    if folded.startswith(source, start) and _is_whole(folded, start, start + len(source)):
                        yield start, source


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _is_whole(text: str, start: int, end: int) -> bool:
    return not (_within_word(text[max(0, start - 1) : start + 1]) or _within_word(text[end - 1 : end + 1]))


def _within_word(pair: str) -> bool:
    """Return whether two letters that stand side by side belong to one word, as far as blanks tell."""
    return len(pair) == 2 and all(
        one.isalnum() and script(one) not in DENSE and not unspaced(one) for one in pair
    )
