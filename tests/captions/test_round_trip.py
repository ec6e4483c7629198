"""What is written is what is read again."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bili2text.captions.read import parse
from bili2text.captions.values import Captions, Kind, Line
from bili2text.captions.write import rendered, shape_for
from bili2text.files import clean_text
from bili2text.segments import Segment, Transcript
from bili2text.subtitles.shape import Shape
from bili2text.subtitles.writers import WRITERS, document

TEXTS = st.text(st.characters(), max_size=60) | st.sampled_from(
    [
        "42",
        "",
        "a --> b",
        "<i>x</i>",
        "&amp;",
        "{\\an8}",
        "今天天气不错",
        "« oui » ( no )",
        "e\u0301 ं",
        "WEBVTT",
        "NOTE x",
    ]
)
TIMES = st.integers(0, 400_000_000).map(lambda thousandths: thousandths / 1000)
LINES = st.lists(st.tuples(TIMES, TIMES, TEXTS), max_size=6)
FULL = str.maketrans("＜｛→", "<{>")  # what SubRip cannot say without a tag being read


def bare(text: str) -> str:
    """Return what must be the same: SubRip's twins as what they stand for, wrapping's blanks left out."""
    return text.replace("-->", "→").translate(FULL).replace(" ", "").replace("\u200b", "")


@settings(max_examples=200, deadline=None)
@example([(0.0, 0.0, "1"), (0.0, 0.0, "")], "vtt", "en")  # what is said is no number of the next cue
@given(LINES, st.sampled_from(["srt", "vtt", "json", "tsv"]), st.sampled_from(["en", "zh", "ja"]))
def test_any_lines_come_back_with_their_times(
    lines: list[tuple[float, float, str]], kind: Kind, language: str
) -> None:
    captions = Captions(
        tuple(Line(start, end, clean_text(text)) for start, end, text in lines), "srt", language
    )
    texts = [line.text for line in captions.lines]
    text = rendered(captions, texts, kind, layout="source-only", shape=shape_for(language), target=language)
    found = parse(text, kind, "a")
    assert [(line.start, line.end) for line in found.lines] == [
        (line.start, line.end) for line in captions.lines
    ]
    if kind in ("json", "tsv"):
        assert [line.text for line in found.lines] == texts
    else:
        assert [bare(line.text) for line in found.lines] == [bare(text) for text in texts]


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, max_size=5), st.sampled_from(get_args(Kind)))
def test_the_files_of_a_transcript_are_read_as_its_cues(texts: list[str], kind: Kind) -> None:
    segments = tuple(Segment(place * 3.0, place * 3.0 + 2, text) for place, text in enumerate(texts))
    content = document(Transcript(segments, "en", 1.0, 99.0), Shape(), title="T")
    found = parse(WRITERS[kind](content), kind, "a")
    if kind in ("txt", "tsv"):
        expected = [(one.start, one.end, one.text) for one in content.transcript.segments]
    else:
        expected = [(cue.start, cue.end, " ".join(cue.lines)) for cue in content.cues]
    assert len(found.lines) == len(expected)
    for line, (start, end, text) in zip(found.lines, expected, strict=True):
        near = 0.0051 if kind in ("lrc", "ass") else 1e-6  # these write hundredths
        assert line.start is None or line.start == pytest.approx(start, abs=near)
        assert line.end is None or line.end == pytest.approx(end, abs=near)
        if kind not in ("ass", "lrc"):  # these turn brackets into their full-width twins
            assert bare(line.text) == bare(text)
