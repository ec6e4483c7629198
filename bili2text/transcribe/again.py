"""A second look at a chunk whose text is suspicious: other ways to decode it, and the best text."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from bili2text.audio.chunks import Chunk
from bili2text.audio.waveform import SAMPLE_RATE
from bili2text.segments import Segment
from bili2text.transcribe import doubt
from bili2text.transcribe.better import choose
from bili2text.transcribe.doubt import Doubt, Text, doubts
from bili2text.transcribe.engine import DecodeOptions, Effort, Engine, Window
from bili2text.transcribe.phantoms import Phantom, phantom
from bili2text.transcribe.pieces import pieces
from bili2text.transcribe.seek import Look, heard, plausible

FIRST = "first"  # the rung of a text that stays
_CUT = "cut"
_PIECE = 12.0  # seconds
_NGRAM = 3  # tokens
_WINDOWS = 10  # decoded at most for one chunk; a window at rising temperatures counts once
_LITTLE_SPEECH = 1.0  # seconds of a chunk under which text may be nobody's
_ALIKE = 0.8  # share of the letters that two texts of one chunk have in common
_LOOPS = frozenset({doubt.REPETITION, doubt.REPEATED, doubt.COMPRESSION})


@dataclass(frozen=True, slots=True)
class Manner:
    """What a second look needs to know of the first."""

    options: DecodeOptions = DecodeOptions()
    expected_language: str | None = None  # of the recording, where it is to have but one
    batch_size: int = 1  # windows the device has room for
    marks: str | None = None  # a text with marks, where they are to be set

    @property
    def told(self) -> str:
        """All the model was told in words."""
        options = self.options
        return " ".join(part for part in (options.initial_prompt, options.hotwords, options.prefix) if part)


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of a second look."""

    segments: tuple[Segment, ...]
    doubts_before: tuple[Doubt, ...]
    doubts_after: tuple[Doubt, ...]
    rung: str = FIRST  # whose text this is
    tried: tuple[str, ...] = ()  # rungs, in order
    dropped: tuple[Segment, ...] = ()  # text where nobody speaks, taken out

    @property
    def doubtful(self) -> bool:
        """Whether the text is still suspicious."""
        return bool(self.doubts_after)


@dataclass(frozen=True, slots=True)
class _Rung:
    """One way to decode a chunk again."""

    name: str
    effort: Effort
    longest: float | None = None  # seconds of a piece; None: the chunk whole
    if_told: bool = False  # helps only where the model was told something
    if_looping: bool = False


def _rungs(options: DecodeOptions) -> tuple[_Rung, ...]:
    """Return the rungs in order; none is hotter than the options allow."""
    first, warmer = options.temperatures[:1], options.temperatures[1:]
    same = options.no_repeat_ngram_size or _NGRAM
    rungs = (
        _Rung("bare", Effort(first, bare=True), if_told=True),
        _Rung(_CUT, Effort(first, bare=True), longest=_PIECE),
        _Rung("no repeat", Effort(first, bare=True, no_repeat_ngram_size=same), if_looping=True),
        _Rung("warm", Effort(warmer, bare=True)),
    )
    return rungs if warmer else rungs[:-1]


def second_look(
    chunk: Chunk, first: tuple[Segment, ...], language: str, engine: Engine, how: Manner
) -> Looked:
    """Return the best text of a chunk, and what was done for it; the first where nothing is suspicious.

    Each rung is tried while the best text so far is doubtful, within a bound of windows. Raises what the
    engine raises.
    """
    text = Text(chunk.start, chunk.end, chunk.speech, first, language, how.expected_language, how.told)
    before = doubts(text)
    ear = _Ear(chunk, language, engine, how)
    texts, best, tried = [(FIRST, text)], (FIRST, text), []
    for rung in _rungs(how.options):
        if not doubts(best[1]) or not ear.left or _settled(texts):
            break
        if not _may_help(rung, best[1]):
            continue
        tried.append(rung.name)
        other = replace(text, segments=ear.hear(rung))
        if not (rung.if_looping and _loops(other)):
            texts.append((rung.name, other))
        best = texts[choose(text, [one for _, one in texts[1:]])]
    kept, dropped = _without_nobody(best[1])
    return Looked(kept.segments, before, doubts(kept), best[0], tuple(tried), dropped)


class _Ear:
    """Hears one chunk in several ways, and counts."""

    def __init__(self, chunk: Chunk, language: str, engine: Engine, how: Manner) -> None:
        self._chunk = chunk
        self._language = language
        self._engine = engine
        self._how = how
        self.left = _WINDOWS

    def hear(self, rung: _Rung) -> tuple[Segment, ...]:
        """Return what the chunk says on a rung, further looks at what was left unheard included."""
        parts = pieces(self._chunk, rung.longest) if rung.longest else (self._chunk,)
        looks = deque(Look(part) for part in parts)
        said: list[Segment] = []
        while looks and self.left:
            size = min(len(looks), self._how.batch_size, self.left)
            self.left -= size
            batch = [looks.popleft() for _ in range(size)]
            windows = tuple(
                Window(
                    look.chunk.samples[round(look.offset * SAMPLE_RATE) :],
                    self._language,
                    marks=self._how.marks,
                )
                for look in batch
            )
            for look, decoded in zip(batch, self._engine.decode(windows, rung.effort), strict=True):
                segments, more = heard(look, decoded)
                said += self._plausible(segments)
                looks += [more] if more else []
        return tuple(sorted(said, key=lambda segment: segment.start))

    def _plausible(self, segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
        threshold = self._how.options.hallucination_silence_threshold
        return segments if threshold is None else plausible(segments, self._chunk.speech, threshold)


def _may_help(rung: _Rung, best: Text) -> bool:
    """Return whether a rung may say anything that was not said already, of what is doubted."""
    if rung.if_told:
        return bool(best.told)
    if rung.if_looping:
        return _loops(best)
    return rung.longest is None or best.end - best.start > rung.longest


def _settled(texts: list[tuple[str, Text]]) -> bool:
    """Return whether the chunk says in pieces what it said whole: a loop, too, may be what is said.

    Not where the model itself doubts that anybody speaks: on silence, too, it may say the same twice.
    """
    first = texts[0][1]
    silent = any(segment.no_speech_prob > doubt.NO_SPEECH for segment in first.segments)
    return not silent and any(name == _CUT and _alike(first.plain, text.plain) for name, text in texts)


def _loops(text: Text) -> bool:
    return any(one.kind in _LOOPS for one in doubts(text))


def _alike(one: str, other: str) -> bool:
    return SequenceMatcher(None, one, other, autojunk=False).ratio() > _ALIKE


def _without_nobody(text: Text) -> tuple[Text, tuple[Segment, ...]]:
    """Return the text without what nobody says, and what that was: only where next to nobody speaks.

    The detector misses who speaks softly: what it does not hear goes only if it is a known phrase, or if the
    text as a whole is a loop or unlikely. A farewell that people do say stays where any speech is heard.
    """
    if text.spoken >= _LITTLE_SPEECH:
        return text, ()
    unspoken, phantoms = doubt.unspoken(text), doubt.phantoms(text)
    if _loops(text) or any(one.kind == doubt.UNLIKELY for one in doubts(text)):
        nobody = set(unspoken)
    else:
        nobody = {one for one in phantoms if one in unspoken or phantom(one.text) is Phantom.WRITTEN}
    kept = tuple(segment for segment in text.segments if segment not in nobody)
    return replace(text, segments=kept), tuple(one for one in text.segments if one in nobody)
