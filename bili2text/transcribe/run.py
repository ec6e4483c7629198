"""Chunks through an engine: batches, further looks at what was left unheard, and the order of time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby, islice

from bili2text.audio.chunks import Chunk
from bili2text.audio.waveform import SAMPLE_RATE
from bili2text.segments import Segment
from bili2text.transcribe.engine import Decoded, DecodeOptions, Engine, Window
from bili2text.transcribe.language import Detected, LanguageRules, vote
from bili2text.transcribe.seek import Look, heard, plausible

_CONTEXT = 223  # tokens of the text before that a prompt has room for


@dataclass(frozen=True, slots=True)
class Listening:
    """How to go through a recording."""

    options: DecodeOptions = DecodeOptions()
    language: str | None = None  # None: detect it
    multilingual: bool = False  # detect it again for every chunk
    detection: LanguageRules = LanguageRules()
    batch_size: int = 8  # windows at once; 1 with `sequential`
    sequential: bool = False  # one window after the other, so that each may know the text before it


@dataclass(frozen=True, slots=True)
class Heard:
    """All that was said, in order of time."""

    segments: tuple[Segment, ...]
    language: Detected
    chunks: int
    speech: float  # seconds in which the detector heard speech
    looks: int  # windows decoded; more than chunks where a window was left before its end


def listen(
    chunks: Iterator[Chunk], engine: Engine, how: Listening, advance: Callable[[Chunk], None]
) -> Heard:
    """Return what the chunks say. `advance` is called once for each chunk that is done.

    Raises what the engine raises; holds at most a batch of chunks at a time.
    """
    opening = list(islice(chunks, how.detection.segments if _must_detect(engine, how) else 0))
    language = _language(opening, engine, how)
    listener = _Listener(engine, how, language.language, advance)
    queue: deque[Look] = deque(Look(chunk) for chunk in opening)
    size = 1 if how.sequential else how.batch_size
    while True:
        queue.extend(Look(chunk) for chunk in islice(chunks, max(0, size - len(queue))))
        if not queue:
            break
        batch = [queue.popleft() for _ in range(min(size, len(queue)))]
        # what a chunk leaves unheard comes before the next chunk: text in order, and little held
        queue.extendleft(reversed(listener.take(batch)))
    return listener.all(language)


def _must_detect(engine: Engine, how: Listening) -> bool:
    return how.language is None and engine.multilingual


def _language(opening: list[Chunk], engine: Engine, how: Listening) -> Detected:
    if how.language is not None:
        return Detected(how.language, 1.0)
    if not engine.multilingual:
        return Detected("en", 1.0)
    return vote((engine.languages((chunk.samples,))[0] for chunk in opening), how.detection)


class _Listener:
    """Keeps what each chunk said, and the text a sequential run is conditioned on."""

    def __init__(
        self, engine: Engine, how: Listening, language: str, advance: Callable[[Chunk], None]
    ) -> None:
        self._engine = engine
        self._how = how
        self._language = language
        self._advance = advance
        self._said: dict[int, list[Segment]] = {}
        self._previous: tuple[int, ...] = ()
        self._speech = 0.0
        self._looks = 0

    def take(self, batch: list[Look]) -> list[Look]:
        """Decode a batch and return the further looks it needs."""
        again = []
        languages = self._languages(batch)
        order = sorted(range(len(batch)), key=lambda index: languages[index])
        for language, group in groupby(order, key=lambda index: languages[index]):
            looks = [batch[index] for index in group]
            decoded = self._engine.decode(tuple(self._window(look, language) for look in looks))
            again += [
                more for look, one in zip(looks, decoded, strict=True) if (more := self._keep(look, one))
            ]
        return sorted(again, key=lambda look: look.start)

    def all(self, language: Detected) -> Heard:
        """Return everything kept, in order."""
        segments = tuple(segment for index in sorted(self._said) for segment in self._said[index])
        return Heard(segments, language, len(self._said), self._speech, self._looks)

    def _languages(self, batch: list[Look]) -> list[str]:
        if not (self._how.multilingual and self._engine.multilingual and self._how.language is None):
            return [self._language] * len(batch)
        found = self._engine.languages(tuple(_sound(look).samples for look in batch))
        return [max(one, key=lambda name: one[name]) for one in found]

    def _window(self, look: Look, language: str) -> Window:
        window = replace(_sound(look), language=language, first=look.chunk.index == 0 and look.offset == 0)
        if self._how.sequential and self._how.options.condition_on_previous_text:
            return replace(window, previous=self._previous)
        return window

    def _keep(self, look: Look, decoded: Decoded) -> Look | None:
        options = self._how.options
        segments, more = heard(look, decoded)
        if options.hallucination_silence_threshold is not None:
            segments = plausible(segments, look.chunk.speech, options.hallucination_silence_threshold)
        self._said.setdefault(look.chunk.index, []).extend(segments)
        self._looks += 1
        reset = decoded.temperature > options.prompt_reset_on_temperature
        self._previous = () if reset else (*self._previous, *decoded.tokens)[-_CONTEXT:]
        if more is None:
            self._speech += sum(span.end - span.start for span in look.chunk.speech)
            self._advance(look.chunk)
        return more


def _sound(look: Look) -> Window:
    return Window(look.chunk.samples[round(look.offset * SAMPLE_RATE) :], language="en")
