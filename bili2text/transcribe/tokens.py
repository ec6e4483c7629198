"""Cut a window's tokens at Whisper's timestamps. Pure; the rules are openai-whisper's `transcribe`."""

from __future__ import annotations

from dataclasses import dataclass

TICK = 0.02  # seconds a timestamp token counts


@dataclass(frozen=True, slots=True)
class Piece:
    """The tokens of one segment; times are seconds from the start of the window."""

    start: float
    end: float
    tokens: tuple[int, ...]


def pieces(tokens: tuple[int, ...], first: int, duration: float) -> tuple[tuple[Piece, ...], float | None]:
    """Return the segments in `tokens`, and where to go on listening (None: nothing was left unsaid).

    `first` is the token of <|0.00|>, `duration` the seconds of sound in the window. Text after the last
    pair of timestamps is unfinished: it is left out, to be heard again from there.
    """
    stamps = [token >= first for token in tokens]
    closed = len(tokens) >= 2 and stamps[-1] and not stamps[-2]
    cuts = [i for i in range(1, len(tokens)) if stamps[i] and stamps[i - 1]]
    if not cuts:
        return _one(tokens, first, duration)
    if closed:
        cuts.append(len(tokens))
    found = []
    begin = 0
    for cut in cuts:
        part = tokens[begin:cut]
        start, end = ((token - first) * TICK for token in (part[0], part[-1]))
        found.append(_bounded(start, end, part, duration))
        begin = cut
    unfinished = any(not stamp for stamp in stamps[begin:])
    if closed or not unfinished:
        return tuple(found), None
    return tuple(found), (tokens[begin - 1] - first) * TICK


def _one(tokens: tuple[int, ...], first: int, duration: float) -> tuple[tuple[Piece, ...], None]:
    said = [token for token in tokens if token < first]
    if not said:
        return (), None
    stamps = [token - first for token in tokens if token >= first]
    start = stamps[0] * TICK if stamps and tokens[0] >= first else 0.0
    end = stamps[-1] * TICK if stamps and stamps[-1] * TICK > start else duration
    return (_bounded(start, end, tokens, duration),), None


def _bounded(start: float, end: float, tokens: tuple[int, ...], duration: float) -> Piece:
    """Keep a piece within its window: Whisper may place a timestamp in the padding."""
    start = min(max(0.0, start), duration)
    return Piece(start, min(max(start, end), duration), tokens)
