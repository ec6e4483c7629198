"""What is suspicious about the text of a chunk. Pure.

Each kind of doubt has one measure and one limit. The limits were chosen so that good text is hardly ever
doubted; docs/second_look.md says on what, and how often it still is.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from bili2text.audio.chunks import Span
from bili2text.segments import Segment
from bili2text.transcribe.loops import looped, same_said
from bili2text.transcribe.phantoms import Phantom, phantom
from bili2text.transcribe.seek import RELEASE
from bili2text.transcribe.writing import dense, letters, out_of_place, seconds_needed

REPETITION = "repetition"  # letters that say again what stood before them
REPEATED = "repeated segment"  # segments with the same text
COMPRESSION = "compression"  # how much zlib shrinks the text
UNLIKELY = "unlikely"  # mean log-probability
FAST = "fast"  # seconds of the fastest speaker for a second of speech
SPARSE = "sparse"  # letters a second of speech, too few of them
UNHEARD = "speech without text"  # seconds
UNSPOKEN = "text without speech"  # letters
PHANTOM = "phantom"  # letters of known phrases
TOLD = "told"  # letters in a row that were in the prompt
SCRIPT = "script"  # share of letters in a script the language is not written in

_LOOPED = 25  # letters; in a dense script _DENSE times fewer, as in all limits but those of speed
_DENSE = 2.5
_SAME = 2  # segments
_SAME_LETTERS = 10
_COMPRESSION = 2.2
_COMPRESSION_DENSE = 1.9
_LOG_PROBABILITY = -0.7
_SPARSE = 5.0  # letters a second; clear speech has 10 to 16
_SPARSE_DENSE = 2.8  # clear Chinese has 3.2 to 5.5
_DIGIT = 4  # letters that a digit is worth outside of dense scripts: it is said as a word
_SPARSE_FROM = 3.0  # seconds of speech that say something surely
_UNHEARD = 2.0  # seconds
_UNSPOKEN = 3  # letters
_OVERLAP = 0.2  # share of a segment in which speech must be heard
NO_SPEECH = 0.6  # openai-whisper's no_speech_threshold
_TOLD = 24  # letters
_TOLD_SHARE = 0.8  # of a segment of at least half as many letters
_OUT_OF_PLACE = 0.1


@dataclass(frozen=True, slots=True)
class Text:
    """What was written of a chunk, and what is known of its sound. Times are seconds of the recording."""

    start: float
    end: float
    speech: tuple[Span, ...]
    segments: tuple[Segment, ...]
    language: str  # the one it was decoded in
    expected_language: str | None = None  # the recording's, where it is to have but one
    told: str = ""  # prompt, hotwords and prefix

    @property
    def plain(self) -> str:
        """The letters and digits alone."""
        return letters("".join(segment.text for segment in self.segments))

    @property
    def spoken(self) -> float:
        """Seconds of speech."""
        return sum(span.end - span.start for span in self.speech)


@dataclass(frozen=True, slots=True)
class Doubt:
    """One thing that is suspicious: its measure, and the limit that it passed."""

    kind: str
    value: float
    limit: float


def doubts(text: Text) -> tuple[Doubt, ...]:
    """Return all that is suspicious about the text, in a fixed order; nothing for a text that is fine."""
    plain = text.plain
    upper = (
        (REPETITION, looped(plain), _in_letters(_LOOPED, plain)),
        (REPEATED, same_said(_texts(text), round(_in_letters(_SAME_LETTERS, plain))), _SAME),
        (COMPRESSION, compressed(plain), _COMPRESSION_DENSE if dense(plain) else _COMPRESSION),
        (FAST, seconds_needed(plain) / max(text.spoken + RELEASE, 1.0), 1.0),
        (UNHEARD, unheard(text), _UNHEARD),
        (UNSPOKEN, _letters_of(unspoken(text)), _UNSPOKEN),
        (PHANTOM, _letters_of(phantoms(text)), 0),
        (TOLD, told(text), 0),
        (SCRIPT, out_of_place(plain, text.expected_language or text.language), _OUT_OF_PLACE),
    )
    found = [Doubt(kind, float(value), float(limit)) for kind, value, limit in upper if value > limit]
    return (*found, *_too_little(text, plain))


def _too_little(text: Text, plain: str) -> Iterator[Doubt]:
    """Yield the doubts whose measure is under its limit."""
    likely = log_probability(text)
    if text.segments and likely < _LOG_PROBABILITY:
        yield Doubt(UNLIKELY, likely, _LOG_PROBABILITY)
    found = [stretch for stretch in _stretches(text, plain) if stretch.missing > 0]
    if found:
        thinnest = min(found, key=lambda stretch: stretch.letters / stretch.wanted)
        yield Doubt(SPARSE, thinnest.letters / thinnest.spoken, thinnest.slowest)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Speech, and the letters written of it."""

    spoken: float  # seconds
    letters: int
    slowest: float  # letters a second under which speech was hardly all written down

    @property
    def wanted(self) -> float:
        """Letters that even slow speech would have."""
        return self.spoken * self.slowest

    @property
    def missing(self) -> float:
        return max(0.0, self.wanted - self.letters)


def _stretches(text: Text, plain: str) -> Iterator[_Stretch]:
    """Yield the chunk and its segments, where each has enough speech to tell.

    Told a prompt, Whisper may pass over a sentence and stretch the segment before it: the chunk has letters
    enough, that segment has not.
    """
    said = [(_spoken_in(segment, text.speech), letters(segment.text)) for segment in text.segments]
    for spoken, of_it in ((text.spoken, plain), *said):
        if spoken >= _SPARSE_FROM:
            yield _Stretch(spoken, _said(of_it), _slowest_speech(of_it or plain))


def missing(text: Text) -> float:
    """Return the share (0..1) of the letters that even slow speech would have, and the text has not."""
    whole, *segments = [stretch.missing for stretch in _stretches(text, text.plain)] or [0.0]
    wanted = text.spoken * _slowest_speech(text.plain)
    return min(1.0, max(whole, sum(segments)) / wanted) if wanted else 0.0


def _slowest_speech(plain: str) -> float:
    """Return the letters a second under which speech was hardly all written down."""
    return _SPARSE_DENSE if dense(plain) else _SPARSE


def _said(plain: str) -> int:
    """Return how many letters were said: 555 is three words, and in Chinese three syllables."""
    return len(plain) if dense(plain) else len(plain) + (_DIGIT - 1) * sum(map(str.isdigit, plain))


def compressed(plain: str) -> float:
    """Return how much zlib shrinks the letters; higher the more they repeat, about 1 for a short text."""
    raw = plain.encode("utf-8")
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0


def log_probability(text: Text) -> float:
    """Return the mean log-probability of the text, each segment weighed by its letters; 0.0 for none."""
    sizes = [len(letters(segment.text)) or 1 for segment in text.segments]
    weighed = sum(size * one.avg_logprob for size, one in zip(sizes, text.segments, strict=True))
    return weighed / sum(sizes) if sizes else 0.0


def unheard(text: Text) -> float:
    """Return the seconds of speech over which no segment stands."""
    covered = sum(
        max(0.0, min(span.end, end) - max(span.start, start))
        for span in text.speech
        for start, end in _joined(text.segments)
    )
    return max(0.0, text.spoken - covered)


def unspoken(text: Text) -> tuple[Segment, ...]:
    """Return the segments in which next to no speech is heard."""
    return tuple(segment for segment in text.segments if _heard(segment, text.speech) < _OVERLAP)


def phantoms(text: Text) -> tuple[Segment, ...]:
    """Return the segments that are known phrases of nobody.

    One that people say too counts only where no speech is heard, or the model itself doubts there is any.
    """
    found = []
    for segment in text.segments:
        kind = phantom(segment.text)
        silent = _heard(segment, text.speech) < _OVERLAP or segment.no_speech_prob > NO_SPEECH
        if kind is Phantom.WRITTEN or (kind is Phantom.SAID and silent):
            found.append(segment)
    return tuple(found)


def told(text: Text) -> int:
    """Return the letters of the longest piece of the prompt in the text; 0 where it is as short as a name.

    A shorter one counts where it is nearly the whole of a segment: the prompt said instead of the speech.
    """
    prompt = letters(text.told)
    longest = 0
    for segment in text.segments if prompt else ():
        plain = letters(segment.text)
        size = SequenceMatcher(None, prompt, plain, autojunk=False).find_longest_match().size
        limit = _in_letters(_TOLD, plain)
        if size > limit or (2 * size > limit and size >= _TOLD_SHARE * len(plain)):
            longest = max(longest, size)
    return longest


def _heard(segment: Segment, speech: tuple[Span, ...]) -> float:
    """Return the share (0..1) of a segment in which speech is heard; 1 for one without length in speech."""
    if segment.end <= segment.start:
        return float(any(span.start <= segment.start <= span.end for span in speech))
    return _spoken_in(segment, speech) / (segment.end - segment.start)


def _spoken_in(segment: Segment, speech: tuple[Span, ...]) -> float:
    """Return the seconds of speech within a segment."""
    return sum(max(0.0, min(span.end, segment.end) - max(span.start, segment.start)) for span in speech)


def _joined(segments: tuple[Segment, ...]) -> list[tuple[float, float]]:
    """Return when there is text, in order, nothing twice."""
    found: list[tuple[float, float]] = []
    for start, end in sorted((segment.start, segment.end) for segment in segments):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _in_letters(limit: float, plain: str) -> float:
    """Return a limit in letters for the script of a text."""
    return limit / _DENSE if dense(plain) else limit


def _texts(text: Text) -> list[str]:
    return [letters(segment.text) for segment in text.segments]


def _letters_of(segments: tuple[Segment, ...]) -> int:
    """Return the letters of segments; at least one for each, so that notes alone count."""
    return sum(max(1, len(letters(segment.text))) for segment in segments)
