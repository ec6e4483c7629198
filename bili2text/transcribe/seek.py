"""Where to listen again: what a decoded window leaves unheard of its chunk. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bili2text.audio.chunks import Chunk, Span
from bili2text.segments import Segment
from bili2text.transcribe.engine import Decoded

UNHEARD = 1.0  # seconds of speech after the last timestamp that are worth another look
ATTACK = 0.1  # seconds the detector may hear a voice too late
RELEASE = 0.3  # seconds it may stop hearing it too early
STEP = 0.5  # seconds a further look must move on by, or it would hear the same again


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A chunk, and from where in it the engine is to listen."""

    chunk: Chunk
    offset: float = 0.0  # seconds into the chunk

    @property
    def start(self) -> float:
        """Seconds from the start of the recording."""
        return self.chunk.start + self.offset


def heard(look: Look, decoded: Decoded) -> tuple[tuple[Segment, ...], Look | None]:
    """Return the segments of a look in the recording's time, and the next look its chunk needs, if any."""
    segments = tuple(_placed(segment, look) for segment in decoded.segments)
    if decoded.silent:
        return (), None
    resume = look.start + decoded.resume if decoded.resume is not None else None
    if resume is None:
        after = segments[-1].end if segments else look.start
        resume = _next_speech(look.chunk.speech, after)
        if resume is None:
            return segments, None
    offset = max(resume - look.chunk.start, look.offset + STEP)
    nothing = not segments and decoded.resume is None
    if look.chunk.end - look.chunk.start - offset < STEP or nothing:
        return segments, None
    return segments, replace(look, offset=offset)


def _next_speech(speech: tuple[Span, ...], after: float) -> float | None:
    """Return where speech goes on after a time, or None when less than UNHEARD seconds of it are left."""
    left = [Span(max(span.start, after), span.end) for span in speech if span.end > after]
    if sum(span.end - span.start for span in left) < UNHEARD:
        return None
    return max(after, left[0].start - 0.2)


def _placed(segment: Segment, look: Look) -> Segment:
    """Move a segment from the window's time to the recording's, and its edges out of the silence."""
    start, end = _on_speech(look.start + segment.start, look.start + segment.end, look.chunk)
    words = []
    for word in segment.words:
        begin, stop = _on_speech(look.start + word.start, look.start + word.end, look.chunk)
        words.append(replace(word, start=begin, end=stop))
    return replace(segment, start=start, end=end, words=tuple(words))


def _on_speech(start: float, end: float, chunk: Chunk) -> tuple[float, float]:
    """Return the times within the chunk, and no further into silence than a soft sound may reach.

    Whisper often begins a segment with its window, and ends it with the next one's start.
    """
    start = min(start, chunk.end)
    end = min(max(start, end), chunk.end)
    spoken = [span for span in chunk.speech if span.start < end and span.end > start]
    if not spoken:
        return start, end
    return max(start, spoken[0].start - ATTACK), min(end, spoken[-1].end + RELEASE)


def plausible(
    segments: tuple[Segment, ...], speech: tuple[Span, ...], threshold: float
) -> tuple[Segment, ...]:
    """Leave out segments in which the detector hears nobody for `threshold` seconds around."""
    return tuple(
        segment
        for segment in segments
        if any(
            span.start < segment.end + threshold and span.end > segment.start - threshold for span in speech
        )
    )
