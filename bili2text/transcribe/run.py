"""Chunks through an engine, group by group: a batch, what it left unheard, and what is doubtful once more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, islice

from bili2text.audio.chunks import Chunk
from bili2text.audio.waveform import SAMPLE_RATE, Samples
from bili2text.segments import Segment
from bili2text.transcribe.again import FIRST, Manner, second_look
from bili2text.transcribe.engine import ROOM_BEFORE, USUAL, Decoded, DecodeOptions, Effort, Engine, Window
from bili2text.transcribe.language import Detected, LanguageRules, limited, spread_out, vote
from bili2text.transcribe.seek import Look, heard, plausible


@dataclass(frozen=True, slots=True)
class Listening:
    """How to go through a recording."""

    options: DecodeOptions = DecodeOptions()
    language: str | None = None  # None: detect it
    multilingual: bool = False  # detect it again for every chunk
    detection: LanguageRules = LanguageRules()
    batch_size: int = 8  # windows at once; 1 with `sequential`
    sequential: bool = False  # one window after the other, so that each may know the text before it
    second_look: bool = True  # decode again what is doubtful
    marks: Mapping[str, str] = field(default_factory=dict)  # by language: a text that has some

    @property
    def sets_marks(self) -> bool:
        """Whether marks may have to be set."""
        return bool(self.marks if self.language is None else self.marks.get(self.language))


@dataclass(frozen=True, slots=True)
class ChunkHeard:
    """What one chunk said."""

    index: int
    language: str
    segments: tuple[Segment, ...]
    looks: int  # windows decoded; more than one where a window was left before its end
    rung: str = FIRST  # whose text this is: the first pass's, or a second look's
    tried: tuple[str, ...] = ()  # second looks
    doubts: tuple[str, ...] = ()  # what is doubtful about the text that was kept
    dropped: int = 0  # segments left out because nobody speaks there


@dataclass(frozen=True, slots=True)
class GroupHeard:
    """What the chunks of one group said, in order; with the tokens the next group may be told."""

    chunks: tuple[ChunkHeard, ...]
    previous: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """All that was said, in order of time."""

    chunks: tuple[ChunkHeard, ...]
    language: Detected

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The text of all chunks."""
        return tuple(segment for chunk in self.chunks for segment in chunk.segments)

    @property
    def looks(self) -> int:
        """Windows decoded in the first pass."""
        return sum(chunk.looks for chunk in self.chunks)


def listen(
    chunks: Iterator[Chunk], engine: Engine, how: Listening, advance: Callable[[Chunk], None]
) -> Heard:
    """Return what the chunks say, the language voted on the first of them; for sound that is all at hand.

    `advance` is called once for each chunk that is done. Raises what the engine raises.
    """
    opening = list(islice(chunks, how.detection.segments))
    language = detect([chunk.samples for chunk in opening], engine, how)
    found: list[ChunkHeard] = []
    previous: tuple[int, ...] = ()
    rest = (chunk for part in (iter(opening), chunks) for chunk in part)
    while group := tuple(islice(rest, how.batch_size)):
        said = hear(group, engine, how, language.language, previous)
        found += said.chunks
        previous = said.previous
        for chunk in group:
            advance(chunk)
    return Heard(tuple(found), language)


def detect(sounds: Sequence[Samples], engine: Engine, how: Listening) -> Detected:
    """Return the language spoken: the one that was given, or a vote on sounds from all over the recording."""
    if how.language is not None:
        return Detected(how.language, 1.0)
    if not engine.multilingual:
        return Detected("en", 1.0)
    chosen = spread_out(len(sounds), how.detection.segments)
    return vote((engine.languages((sounds[index],))[0] for index in chosen), how.detection)


def hear(
    group: tuple[Chunk, ...], engine: Engine, how: Listening, language: str, previous: tuple[int, ...] = ()
) -> GroupHeard:
    """Return what a group of chunks says.

    What depends on nothing but its arguments: the same group says the same, whatever was heard before.
    Raises what the engine raises.
    """
    listener = _Listener(engine, how, language, previous)
    looks = [Look(chunk) for chunk in group]
    size = 1 if how.sequential else how.batch_size
    while looks:
        # what a chunk leaves unheard comes before the next chunk: a sequential run needs its text in order
        looks = sorted(looks[size:] + listener.take(looks[:size]), key=lambda look: look.start)
    return listener.all(group)


class _Listener:
    """Keeps what each chunk said, and the text a sequential run is conditioned on."""

    def __init__(self, engine: Engine, how: Listening, language: str, previous: tuple[int, ...]) -> None:
        self._engine = engine
        self._how = how
        self._language = language
        self._previous = previous
        self._languages: dict[int, str] = {}
        self._said: dict[int, list[Segment]] = {}
        self._looks: dict[int, int] = {}
        # where doubtful chunks get a second look, higher temperatures wait for it
        later = how.second_look and not how.sequential
        self._effort = Effort(temperatures=how.options.temperatures[:1]) if later else USUAL

    def take(self, batch: list[Look]) -> list[Look]:
        """Decode a batch and return the further looks it needs."""
        self._detect([look for look in batch if look.chunk.index not in self._languages])
        again = []
        order = sorted(batch, key=lambda look: self._languages[look.chunk.index])
        for language, group in groupby(order, key=lambda look: self._languages[look.chunk.index]):
            looks = list(group)
            windows = tuple(self._window(look, language) for look in looks)
            decoded = self._engine.decode(windows, self._effort)
            again += [
                more for look, one in zip(looks, decoded, strict=True) if (more := self._keep(look, one))
            ]
        return again

    def all(self, group: tuple[Chunk, ...]) -> GroupHeard:
        """Return everything kept, in order, after a second look at what is doubtful."""
        return GroupHeard(tuple(self._judged(chunk) for chunk in group), self._previous)

    def _judged(self, chunk: Chunk) -> ChunkHeard:
        index = chunk.index
        first = tuple(self._said[index])
        language = self._languages[index]
        if not self._how.second_look:
            return ChunkHeard(index, language, first, self._looks[index])
        expected = None if self._how.multilingual else language
        manner = Manner(self._how.options, expected, self._how.batch_size, self._how.marks.get(language))
        looked = second_look(chunk, first, language, self._engine, manner)
        return ChunkHeard(
            index,
            language,
            looked.segments,
            self._looks[index],
            looked.rung,
            looked.tried,
            tuple(doubt.kind for doubt in looked.doubts_after),
            len(looked.dropped),
        )

    def _detect(self, looks: list[Look]) -> None:
        """Note the language of chunks not heard yet: the recording's, or their own."""
        how = self._how
        if not (how.multilingual and self._engine.multilingual and how.language is None) or not looks:
            self._languages |= dict.fromkeys((look.chunk.index for look in looks), self._language)
            return
        found = self._engine.languages(tuple(_sound(look).samples for look in looks))
        for look, one in zip(looks, found, strict=True):
            among = limited(one, how.detection.among)
            self._languages[look.chunk.index] = max(among, key=lambda name: among[name])

    def _window(self, look: Look, language: str) -> Window:
        options = self._how.options
        window = replace(
            _sound(look),
            language=language,
            first=look.chunk.index == 0 and look.offset == 0,
            prompt=options.initial_prompt,
            hotwords=options.hotwords,
            marks=self._how.marks.get(language),
        )
        if self._how.sequential and self._how.options.condition_on_previous_text:
            return replace(window, previous=self._previous)
        return window

    def _keep(self, look: Look, decoded: Decoded) -> Look | None:
        options = self._how.options
        segments, more = heard(look, decoded)
        if options.hallucination_silence_threshold is not None:
            segments = plausible(segments, look.chunk.speech, options.hallucination_silence_threshold)
        index = look.chunk.index
        self._said.setdefault(index, []).extend(segments)
        self._looks[index] = self._looks.get(index, 0) + 1
        reset = decoded.temperature > options.prompt_reset_on_temperature
        if self._how.sequential and options.condition_on_previous_text:
            self._previous = () if reset else (*self._previous, *decoded.tokens)[-ROOM_BEFORE:]
        return more


def _sound(look: Look) -> Window:
    return Window(look.chunk.samples[round(look.offset * SAMPLE_RATE) :], language="en")
