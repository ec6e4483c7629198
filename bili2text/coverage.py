"""Whether all that was said is written: what is known of a finished recording -> Report. Pure.

Text counts as heard only over speech of the chunk in which it begins, and only for as long as somebody
could take to say it: one word that lingers over a minute of speech does not cover the minute.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from bili2text.audio.chunks import Span
from bili2text.audio.damage import Damage
from bili2text.intervals import Interval, common, joined, total, without
from bili2text.segments import Segment
from bili2text.subtitles.shape import Cue
from bili2text.subtitles.writers import Json
from bili2text.transcribe.writing import letters, script

GAP = 1.0  # seconds of speech without text that are worth telling
_LISTED = 50  # gaps and doubtful chunks named one by one
_LOOP = 3  # cues in a row; two are often a speaker's own
# Seconds of speech a text can stand for: at half the speed at which texts are read (6.2 syllables a second in
# English, 5.2 in Mandarin: Pellegrino et al., Language 87, 2011), and some more for a hesitation.
_EDGE = 1.0
_SPELLED = 0.14  # a letter, where about three of them are a syllable
_SYLLABLE = 0.4  # any other letter, and a digit
_ALPHABETS = frozenset({"LATIN", "GREEK", "CYRILLIC"})  # which write their vowels with letters


@dataclass(frozen=True, slots=True)
class ChunkFact:
    """What came of one chunk. Times are seconds of the recording."""

    index: int
    start: float
    end: float
    language: str
    rung: str = ""  # whose text it is (transcribe/again.py); empty: no second look was needed
    doubts: tuple[str, ...] = ()  # kinds of what stays suspicious
    dropped: int = 0  # segments taken out, because nobody speaks there


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known when a recording is done."""

    speech: tuple[Span, ...]
    segments: tuple[Segment, ...]
    duration: float  # seconds of the recording
    cues: tuple[Cue, ...] = ()  # without any, the segments stand for them
    chunks: tuple[ChunkFact, ...] = ()  # without any, the recording counts as one
    judged: bool = True  # False where no chunk's text was looked at for doubts
    damage: Damage = field(default_factory=Damage)
    steps: tuple[str, ...] = ()  # from one plan to the next, a line each
    facts: Mapping[str, Json] = field(default_factory=dict)  # of the run: model, device, speed, ...


@dataclass(frozen=True, slots=True)
class Loop:
    """Cues in a row that say the same."""

    start: float  # seconds
    end: float  # seconds
    count: int
    text: str  # of the first


@dataclass(frozen=True, slots=True)
class ChunkSummary:
    """What came of the chunks."""

    heard: int
    languages: Mapping[str, int]  # chunks by language
    second_looks: Mapping[str, int]  # chunks looked at again, by the rung whose text was kept
    # None, all four, where nobody judged the texts
    doubtful: int | None
    doubtful_seconds: float | None
    doubts: Mapping[str, int] | None  # doubtful chunks by kind; one chunk may have several
    places: tuple[ChunkFact, ...] | None  # the doubtful ones in order, at most 50
    dropped: int  # segments


@dataclass(frozen=True, slots=True)
class Report:
    """How complete a transcript is. Times are seconds, to the millisecond."""

    duration: float
    speech: float  # seconds in which the detector hears speech
    covered: float  # seconds of it that have text
    gaps: tuple[Span, ...]  # speech of a second or more without text: the longest first, at most 50
    gap_count: int  # of all such gaps
    gap_seconds: float  # of all such gaps
    last_speech: float | None  # where the last speech ends; None without any
    last_cue: float | None  # where the last cue ends; None without any
    repeated: int  # cues that say what the one before says
    loops: tuple[Loop, ...]  # three or more of them in a row
    chunks: ChunkSummary
    damage: Damage
    steps: tuple[str, ...]
    facts: Mapping[str, Json]

    @property
    def coverage(self) -> float:
        """The share (0..1) of speech that has text; 1.0 without speech."""
        return self.covered / self.speech if self.speech else 1.0


def is_complete(report: Report, min_coverage: float) -> bool:
    """Return whether at least this share (0..1) of the speech has text."""
    return report.coverage >= min_coverage


def report(evidence: Evidence) -> Report:
    """Return how complete a transcript is. Times that are no times count nowhere."""
    speech = joined((span.start, span.end) for span in evidence.speech)
    covered = _covered(speech, evidence)
    gaps = [gap for gap in without(speech, covered) if gap[1] - gap[0] >= GAP * 1000]
    longest = sorted(gaps, key=lambda gap: gap[0] - gap[1])[:_LISTED]
    cues = tuple(_cues(evidence))
    loops = tuple(_loops(cues))
    return Report(
        duration=evidence.duration if _is_time(evidence.duration) else 0.0,
        speech=total(speech) / 1000,
        covered=total(covered) / 1000,
        gaps=tuple(Span(start / 1000, end / 1000) for start, end in longest),
        gap_count=len(gaps),
        gap_seconds=total(gaps) / 1000,
        last_speech=speech[-1][1] / 1000 if speech else None,
        last_cue=max((round(end, 3) for _, end, _ in cues), default=None),
        repeated=sum(loop.count - 1 for loop in loops),
        loops=tuple(loop for loop in loops if loop.count >= _LOOP),
        chunks=_summary(evidence.chunks, judged=evidence.judged),
        damage=evidence.damage,
        steps=evidence.steps,
        facts=evidence.facts,
    )


def _covered(speech: tuple[Interval, ...], evidence: Evidence) -> tuple[Interval, ...]:
    """Return the speech that has text."""
    ends = sorted(chunk.end for chunk in evidence.chunks if _is_time(chunk.end))
    starts = [start for start, _ in speech]
    found: list[tuple[float, float]] = []
    for segment in evidence.segments:
        for start, end in joined([(segment.start, _last(segment, ends))]):
            first = max(bisect_right(starts, start) - 1, 0)
            after = bisect_right(starts, end)
            over = common([(start, end)], speech[first:after])
            found += [(begin / 1000, stop / 1000) for begin, stop in _within(over, _sayable(segment.text))]
    return joined(found)


def _last(segment: Segment, ends: list[float]) -> float:
    """Return where a segment ends: at the latest with the chunk it begins in; `ends` are those of all."""
    if not ends or not _is_time(segment.start):
        return segment.end
    chunk = bisect_right(ends, segment.start)
    return min(segment.end, ends[chunk]) if chunk < len(ends) else segment.start


def _sayable(text: str) -> int:
    """Return the milliseconds of speech that a text can stand for; 0 for one without a letter."""
    plain = letters(text)
    spelled = sum(script(one) in _ALPHABETS for one in plain)
    needed = spelled * _SPELLED + (len(plain) - spelled) * _SYLLABLE
    return round(1000 * (_EDGE + needed)) if plain else 0


def _within(intervals: Iterable[Interval], room: int) -> Iterator[Interval]:
    """Yield the first `room` milliseconds of a set."""
    for start, end in intervals:
        if room <= 0:
            break
        yield start, min(end, start + room)
        room -= end - start


def _cues(evidence: Evidence) -> Iterator[tuple[float, float, str]]:
    """Yield (start, end, text) of what is on the screen, as far as it is at some time."""
    shown = [(cue.start, cue.end, " ".join(cue.lines)) for cue in evidence.cues]
    for start, end, text in shown or [(one.start, one.end, one.text) for one in evidence.segments]:
        if _is_time(start) and _is_time(end):
            yield start, end, text


def _loops(cues: Iterable[tuple[float, float, str]]) -> Iterator[Loop]:
    """Yield the cues in a row that say the same, one alone included."""
    for _, group in groupby(cues, key=lambda cue: letters(cue[2]) or cue[2]):
        same = list(group)
        last = max(end for _, end, _ in same)
        yield Loop(round(same[0][0], 3), round(last, 3), len(same), same[0][2])


def _summary(chunks: tuple[ChunkFact, ...], *, judged: bool) -> ChunkSummary:
    doubtful = [chunk for chunk in chunks if chunk.doubts]
    return ChunkSummary(
        heard=len(chunks),
        languages=_counted(chunk.language for chunk in chunks),
        second_looks=_counted(chunk.rung for chunk in chunks if chunk.rung),
        doubtful=len(doubtful) if judged else None,
        doubtful_seconds=_seconds(doubtful) if judged else None,
        doubts=_counted(kind for chunk in doubtful for kind in set(chunk.doubts)) if judged else None,
        places=tuple(doubtful[:_LISTED]) if judged else None,
        dropped=sum(chunk.dropped for chunk in chunks),
    )


def _seconds(chunks: Iterable[ChunkFact]) -> float:
    return sum(total(joined([(chunk.start, chunk.end)])) for chunk in chunks) / 1000


def _counted(names: Iterable[str]) -> dict[str, int]:
    """Return how often each name comes, the commonest first, equals by name."""
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def _is_time(seconds: float) -> bool:
    return math.isfinite(seconds) and seconds >= 0
