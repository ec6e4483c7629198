"""How complete a transcript is, and that no text can make it look better than it is."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bili2text.audio.chunks import Span
from bili2text.audio.damage import Damage
from bili2text.coverage import ChunkFact, Evidence, Loop, is_complete, report
from bili2text.coverage_text import as_json, lines
from bili2text.intervals import common, joined, total, without
from bili2text.segments import Segment
from bili2text.subtitles.shape import Cue
from bili2text.subtitles.writers import Json

LONG = "these are the words that a speaker needs about that long for, and a few more of them"


def said(*times: tuple[float, float], text: str = LONG) -> tuple[Segment, ...]:
    """Segments that say something else each."""
    return tuple(Segment(start, end, f"{n}. {text}") for n, (start, end) in enumerate(times))


def test_speech_without_text_is_counted_and_named_longest_first() -> None:
    found = report(
        Evidence((Span(0, 10), Span(12, 20), Span(30, 36)), said((0, 9.5), (12, 17)), duration=40.0)
    )
    assert found.speech == 24.0
    assert found.covered == 14.5
    assert found.gaps == (Span(30, 36), Span(17, 20))
    assert (found.gap_count, found.gap_seconds) == (2, 9.0)
    assert found.coverage == pytest.approx(14.5 / 24)
    assert is_complete(found, 0.6)
    assert not is_complete(found, 0.61)


def test_text_that_lingers_covers_its_own_chunk_at_most() -> None:
    chunks = (ChunkFact(0, 0, 10, "en"), ChunkFact(1, 10, 20, "en"))
    speech = (Span(0, 10), Span(10, 20))
    lingering = report(Evidence(speech, said((0, 20), text=LONG * 2), 20.0, chunks=chunks))
    assert lingering.covered == 10.0
    honest = report(Evidence(speech, said((0, 10), (10, 20)), 20.0, chunks=chunks))
    assert honest.covered == 20.0


def test_one_word_does_not_cover_a_minute_of_speech() -> None:
    speech = (Span(0, 60),)
    assert report(Evidence(speech, said((0, 60), text="Yes."), 60.0)).covered < 5
    assert report(Evidence(speech, said((0, 60), text="谢谢"), 60.0)).covered < 6
    assert report(Evidence(speech, (Segment(0, 60, "♪♪♪"),), 60.0)).covered == 0
    assert report(Evidence(speech, (Segment(0, 60, ""),), 60.0)).covered == 0


def test_sentences_left_out_within_one_long_segment_show() -> None:
    # what base wrote of six sentences of Mandarin, names in its prompt that nobody says; four are gone
    text = "那很不明智现在这个部门还在研究月球探测器和自动驾驶汽车"
    times = (
        (27.94, 29.12),
        (30.75, 34.78),
        (36.22, 40.8),
        (42.24, 43.9),
        (44.29, 44.86),
        (45.15, 45.92),
        (47.2, 48.48),
    )
    speech = tuple(Span(start, end) for start, end in times)
    found = report(Evidence(speech, (Segment(27.84, 48.67, text),), 50.0))
    assert found.gaps
    assert found.coverage < 0.9


def test_a_text_is_measured_against_speech_and_not_against_pauses() -> None:
    speech = tuple(Span(start, start + 1) for start in range(0, 30, 10))
    assert report(Evidence(speech, said((0, 30), text="one two three four"), 30.0)).coverage == 1.0


def test_silence_is_complete() -> None:
    found = report(Evidence((), (), 10.0))
    assert found.coverage == 1.0
    assert is_complete(found, 1.0)
    assert lines(found)[0] == "no speech in 0:10"


def test_cues_that_repeat_are_counted_and_loops_are_named() -> None:
    texts = ["Yes.", "yes", "No.", "again", "Again!", "again", "end", "♪", "♪", "♪"]
    cues = tuple(Cue(n, n + 0.9, (text,)) for n, text in enumerate(texts))
    found = report(Evidence((Span(0, 9),), (), 12.0, cues=cues))
    assert found.repeated == 5
    assert found.loops == (Loop(3, 5.9, 3, "again"), Loop(7, 9.9, 3, "♪"))
    assert found.last_cue == 9.9


CHUNKS = (
    ChunkFact(0, 0, 25, "zh"),
    ChunkFact(1, 25, 50, "zh", rung="cut"),
    ChunkFact(2, 50, 70, "en", rung="first", doubts=("repetition", "fast"), dropped=2),
    ChunkFact(3, 70, 90, "zh", rung="cut", doubts=("fast",)),
)
FACTS: dict[str, Json] = {
    "model": "base", "compute_type": "int8", "device": "cpu", "cores": 4, "speed": 12.31,
    "peak_ram_mib": 612, "peak_vram_mib": None, "odd": math.nan,
}  # fmt: skip


def test_three_lines_tell_a_person_how_it_went() -> None:
    segments = said(
        *((n, n + 10) for n in range(0, 1860, 10)),
        *((n, n + 10) for n in range(1873, 3413, 10)),
        (3415, 3422.6),
    )
    evidence = Evidence((Span(0, 1860), Span(1867, 3423)), segments, 3610.0, facts=FACTS)
    assert lines(report(evidence)) == (
        "speech 56:56 of 1:00:10, text over 99.7 % of it; 2 gaps, 8 s, the longest 6.0 s at 31:07",
        "last cue ends 0.4 s before the last speech; 0 repeated cues; 0 of 0 chunks doubtful",
        "base, int8, CPU 4 cores, 12.3x realtime, RAM 612 MiB; no steps; damage: none",
    )


def test_a_report_of_trouble_says_all_of_it_calmly() -> None:
    evidence = Evidence(
        (Span(0, 30), Span(40, 80)),
        said((0, 30), text="round " * 20),
        90.0,
        cues=(Cue(0, 1, ("a",)), Cue(1, 2, ("a",)), Cue(2, 81.5, ("a",))),
        chunks=CHUNKS,
        damage=Damage(bad_packets=1),
        steps=("large-v3 float16 -> large-v3 int8",),
        facts={
            "model": "large-v3",
            "device": "cuda",
            "device_name": "A\x1b[2J card",
            "peak_vram_mib": 3012.4,
        },
    )
    assert lines(report(evidence)) == (
        "speech 1:10 of 1:30, text over 22.0 % of it; 2 gaps, 55 s, the longest 40.0 s at 0:40",
        "last cue ends 1.5 s after the last speech; 2 repeated cues, 3 in a row at 0:00; 2 of 4 chunks doubtful (fast, repetition)",
        "large-v3, A[2J card, VRAM 3012 MiB; steps: large-v3 float16 -> large-v3 int8; damaged: 1 unreadable packet",
    )


def test_the_json_has_every_key_and_null_for_what_is_not_known() -> None:
    evidence = Evidence(
        (Span(0, 90),), said((0, 10)), 90.0, chunks=CHUNKS, facts={**FACTS, "\ud800": ["\ud800"]}
    )
    told = json.loads(as_json(report(evidence)))
    assert list(told) == ["version", "duration", "speech", "gaps", "cues", "chunks", "damage", "steps", "run"]
    assert told["version"] == 1
    assert told["speech"] == {"seconds": 90.0, "covered": 10.0, "coverage": 0.1111, "end": 90.0}
    assert told["gaps"] == {"count": 1, "seconds": 80.0, "longest": [{"start": 10.0, "end": 90.0}]}
    assert told["cues"]["before_speech_end"] == told["cues"]["before_end"] == 80.0
    assert told["chunks"]["second_looks"] == {"cut": 2, "first": 1}
    assert told["chunks"]["doubts"] == {"fast": 2, "repetition": 1}
    assert told["chunks"]["languages"] == {"zh": 3, "en": 1}
    assert (told["chunks"]["doubtful"], told["chunks"]["doubtful_seconds"], told["chunks"]["dropped"]) == (
        2,
        40.0,
        2,
    )
    assert [place["index"] for place in told["chunks"]["places"]] == [2, 3]
    assert told["run"]["odd"] is None
    assert told["run"]["?"] == ["?"]
    assert _keys(json.loads(as_json(report(Evidence((), (), math.nan))))) == _keys(told)


def _keys(value: Mapping[str, Any], before: str = "") -> set[str]:
    """Return the paths of all keys but those of mappings whose keys are data."""
    found = set()
    for key, item in value.items():
        found.add(f"{before}.{key}")
        if isinstance(item, dict) and key not in ("run", "languages", "second_looks", "doubts"):
            found |= _keys(item, f"{before}.{key}")
    return found


ANY_TIME = st.one_of(st.floats(), st.floats(-5, 120))
SPANS = st.lists(st.builds(Span, ANY_TIME, ANY_TIME), max_size=6).map(tuple)
SEGMENTS = st.lists(
    st.builds(Segment, ANY_TIME, ANY_TIME, st.sampled_from(["", "a", "谢谢", LONG, "\ud800\x00"])), max_size=6
).map(tuple)
FACT_OF_CHUNK = st.builds(
    ChunkFact, st.integers(), ANY_TIME, ANY_TIME, st.text(max_size=2), st.text(max_size=2),
    st.lists(st.sampled_from(["fast", "told"]), max_size=2).map(tuple), st.integers(0, 3),
)  # fmt: skip
EVIDENCE = st.builds(
    Evidence,
    SPANS,
    SEGMENTS,
    ANY_TIME,
    cues=st.lists(st.builds(Cue, ANY_TIME, ANY_TIME, st.tuples(st.text(max_size=3))), max_size=5).map(tuple),
    chunks=st.lists(FACT_OF_CHUNK, max_size=4).map(tuple),
    steps=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    facts=st.dictionaries(
        st.sampled_from([*FACTS, "device_name"]), st.one_of(st.text(max_size=3), st.floats(), st.none())
    ),
)


@settings(max_examples=200, deadline=None)
@given(EVIDENCE)
def test_any_evidence_gives_a_report_that_can_be_shown_and_read(evidence: Evidence) -> None:
    found = report(evidence)
    assert 0.0 <= found.coverage <= 1.0
    assert found.covered <= found.speech
    assert found.gap_seconds <= found.speech - found.covered + 1e-6
    assert len(found.gaps) <= found.gap_count
    assert json.loads(as_json(found))["version"] == 1
    assert all(line and "\n" not in line for line in lines(found))


@settings(max_examples=200, deadline=None)
@given(EVIDENCE, SEGMENTS)
def test_more_text_never_covers_less(evidence: Evidence, more: tuple[Segment, ...]) -> None:
    longer = replace(evidence, segments=(*evidence.segments, *more))
    assert report(longer).covered >= report(evidence).covered


@given(SPANS, SPANS)
def test_what_is_in_both_and_what_is_in_one_alone_are_the_whole(
    one: tuple[Span, ...], other: tuple[Span, ...]
) -> None:
    left, right = (joined((span.start, span.end) for span in spans) for spans in (one, other))
    both, alone = common(left, right), without(left, right)
    assert total(both) + total(alone) == total(left)
    assert not common(alone, right)
    assert joined((start / 1000, end / 1000) for start, end in (*both, *alone)) == left
