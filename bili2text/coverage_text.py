"""A Report as JSON for programs, and as three lines for a person. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict

from bili2text.audio.chunks import Span
from bili2text.coverage import ChunkFact, Loop, Report
from bili2text.files import clean_text
from bili2text.subtitles.writers import Json, plain_json

VERSION = 1  # of the JSON; a change of what a key means is a new one


def as_json(report: Report) -> str:
    """Return the report as JSON, with a line end; docs/report.md tells every key.

    Top level: version, duration, speech, gaps, cues, chunks, damage, steps, run. Times are seconds, shares
    0..1. What is not known, NaN and infinities are null; keys may come, none goes without a new version.
    """
    chunks = report.chunks
    whole: dict[str, Json] = {
        "version": VERSION,
        "duration": report.duration,
        "speech": {
            "seconds": report.speech,
            "covered": report.covered,
            "coverage": math.floor(report.coverage * 10_000) / 10_000,  # never rounded up to a whole
            "end": report.last_speech,
        },
        "gaps": {
            "count": report.gap_count,
            "seconds": report.gap_seconds,
            "longest": [_span(gap) for gap in report.gaps],
        },
        "cues": {
            "end": report.last_cue,
            "before_speech_end": _before(report.last_cue, report.last_speech),
            "before_end": _before(report.last_cue, report.duration),
            "repeated": report.repeated,
            "loops": [_loop(loop) for loop in report.loops],
        },
        "chunks": {
            "heard": chunks.heard,
            "languages": chunks.languages,
            "second_looks": chunks.second_looks,
            "doubtful": chunks.doubtful,
            "doubtful_seconds": chunks.doubtful_seconds,
            "doubts": chunks.doubts,
            "places": None if chunks.places is None else [_place(chunk) for chunk in chunks.places],
            "dropped": chunks.dropped,
        },
        "damage": asdict(report.damage),
        "steps": list(report.steps),
        "run": report.facts,
    }
    return json.dumps(plain_json(whole), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def lines(report: Report) -> tuple[str, str, str]:
    """Return what a person wants to know: what has text, how it ends and repeats, and what did the work."""
    run = ", ".join(_facts(report.facts))
    steps = "; ".join(report.steps)
    third = (run, f"steps: {steps}" if steps else "no steps", report.damage.describe() or "damage: none")
    return (
        clean_text("; ".join(filter(None, (_speech(report), _gaps(report))))),
        clean_text("; ".join((_end(report), _repeated(report), _chunks(report)))),
        clean_text("; ".join(filter(None, third))),
    )


def _speech(report: Report) -> str:
    if not report.speech:
        return f"no speech in {_clock(report.duration)}"
    share = math.floor(report.coverage * 1000) / 10  # never rounded up to a whole
    return f"speech {_clock(report.speech)} of {_clock(report.duration)}, text over {share:.1f} % of it"


def _gaps(report: Report) -> str:
    if not report.gaps:
        return "no gaps" if report.speech else ""
    longest = report.gaps[0]
    return (
        f"{count(report.gap_count, 'gap')}, {report.gap_seconds:.0f} s, "
        f"the longest {longest.end - longest.start:.1f} s at {_clock(longest.start)}"
    )


def _end(report: Report) -> str:
    if report.last_cue is None:
        return "no text"
    apart = _before(report.last_cue, report.last_speech)
    if apart is None:
        return f"last cue ends {_clock(report.last_cue)}"
    if abs(apart) < 0.05:
        return "last cue ends with the last speech"
    return f"last cue ends {abs(apart):.1f} s {'before' if apart > 0 else 'after'} the last speech"


def _repeated(report: Report) -> str:
    text = count(report.repeated, "repeated cue")
    if not report.loops:
        return text
    worst = max(report.loops, key=lambda loop: loop.count)
    return f"{text}, {worst.count} in a row at {_clock(worst.start)}"


def _chunks(report: Report) -> str:
    chunks = report.chunks
    if chunks.doubtful is None:
        return f"{count(chunks.heard, 'chunk')} not looked at twice"
    text = f"{chunks.doubtful} of {count(chunks.heard, 'chunk')} doubtful"
    return f"{text} ({', '.join(chunks.doubts)})" if chunks.doubts else text


def _facts(facts: Mapping[str, Json]) -> Iterator[str]:
    """Yield what is known of a run, in words."""
    for name in ("model", "compute_type"):
        if facts.get(name):
            yield str(facts[name])
    cores = f" {count(number, 'core')}" if isinstance(number := facts.get("cores"), int) else ""
    if facts.get("device") == "cpu":
        yield f"CPU{cores}"
    elif facts.get("device"):
        yield str(facts.get("device_name") or facts["device"])
    for name, words in (("speed", "{:.1f}x realtime"), ("peak_ram_mib", "RAM {:.0f} MiB")):
        yield from _number(facts.get(name), words)
    yield from _number(facts.get("peak_vram_mib"), "VRAM {:.0f} MiB")


def _number(value: Json, words: str) -> Iterator[str]:
    if isinstance(value, (int, float)) and math.isfinite(value):
        yield words.format(value)


def _before(time: float | None, end: float | None) -> float | None:
    """Return the seconds from a time to an end; negative where the time is later."""
    return None if time is None or end is None else round(end - time, 3)


def _span(span: Span) -> Json:
    return {"start": span.start, "end": span.end}


def _loop(loop: Loop) -> Json:
    return {"start": loop.start, "end": loop.end, "count": loop.count, "text": loop.text}


def _place(chunk: ChunkFact) -> Json:
    return {
        "index": chunk.index,
        "start": chunk.start,
        "end": chunk.end,
        "language": chunk.language,
        "rung": chunk.rung,
        "doubts": list(chunk.doubts),
    }


def _clock(seconds: float) -> str:
    """Return "M:SS", or "H:MM:SS" from an hour on."""
    whole = round(seconds)
    minutes = f"{whole // 60 % 60}:{whole % 60:02}"
    return minutes if whole < 3600 else f"{whole // 3600}:{minutes.zfill(5)}"


def count(number: int, noun: str) -> str:
    """Return "1 cue", "2 cues" or "1,000 cues"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
