"""Every format is well-formed whatever was said; each is read back by a strict little parser."""

import json
import math
import re
import unicodedata
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bili2text.segments import Segment, Transcript, Word
from bili2text.subtitles.shape import Cue, Shape
from bili2text.subtitles.writers import WRITERS, Document, document

HOSTILE = [
    "00:00:01,000 --> 00:00:02,000",
    "a --> b ---> c -\u200d-> d",
    "\x1b[31mred\x1b]0;title\x07",
    "\x9b31m \x85 \x00nul\x00",
    "\u202ereversed\u2066 \u200f\ufeff",
    "one\u2028two\u2029three\r\n\r\n4\n\n",
    "lone \ud800 surrogate \udfff",
    "<script>alert(1)</script> <i>x</i> </b> <!-- x --> <?php",
    "NOTE this\n\nSTYLE\n::cue{}",
    "WEBVTT",
    "42",
    "{\\an8}{\\p1}m 0 0{y:i}",
    "[00:01.00][ti:stolen] <00:02.00>x [Music]",
    "tab\tand\ttab",
    "[Events]\nDialogue: 0,0:00:00.00,9:00:00.00,Default,,0,0,0,,x\\N\\h",
    '"quoted", \\ & &lt; &amp; a < b > c',
    "x" * 10_000,
    "👩\u200d👩\u200d👧 क\u094d\u200dष می\u200cخواهم",
    "   ",
    "",
]


def of(texts: list[str], **more: object) -> Document:
    segments = tuple(Segment(index * 2.0, index * 2.0 + 1.5, text) for index, text in enumerate(texts))
    return document(Transcript(segments, "en", 0.98, 100.0), Shape(), **more)


def blocks(text: str) -> list[list[str]]:
    assert text == "" or text.endswith("\n")
    return [block.split("\n") for block in text.strip("\n").split("\n\n")] if text.strip("\n") else []


def seconds(text: str) -> float:
    found = re.fullmatch(r"(?:(\d+):)?(\d\d+):(\d\d)[.,](\d{2,3})", text)
    assert found, text
    return int(found[1] or 0) * 3600 + int(found[2]) * 60 + int(found[3]) + float(f"0.{found[4]}")


def check_timing(line: str, cue: Cue, separator: str) -> None:
    start, end = line.split(" --> ")
    assert separator in start
    assert (seconds(start), seconds(end)) == pytest.approx((cue.start, cue.end), abs=1e-6)


def check_srt(text: str, content: Document) -> None:
    read = blocks(text)
    assert len(read) == len(content.cues)
    for number, (block, cue) in enumerate(zip(read, content.cues, strict=True), 1):
        assert block[0] == str(number)
        check_timing(block[1], cue, ",")
        assert len(block) == 2 + len(cue.lines)
        assert not any(re.search(r"<[A-Za-z/!?]|\{\\|-->", line) for line in block[2:])


def check_vtt(text: str, content: Document) -> None:
    header, *read = blocks(text)
    assert header == ["WEBVTT"]
    assert len(read) == len(content.cues)
    for block, cue in zip(read, content.cues, strict=True):
        check_timing(block[0], cue, ".")
        unescaped = [
            line.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for line in block[1:]
        ]
        assert unescaped == list(cue.lines)
        assert not any(set(line) & set("<>") for line in block[1:])


def check_txt(text: str, content: Document) -> None:
    assert text.split("\n") == [*(segment.text for segment in content.transcript.segments), ""]


def check_tsv(text: str, content: Document) -> None:
    header, *rows = text.split("\n")[:-1]
    assert header == "start\tend\ttext"
    assert [row.split("\t") for row in rows] == [
        [str(round(segment.start * 1000)), str(round(segment.end * 1000)), segment.text]
        for segment in content.transcript.segments
    ]


def check_lrc(text: str, content: Document) -> None:
    rows = text.split("\n")[:-1]
    if content.title:
        assert re.fullmatch(r"\[ti:[^\]]*\]", rows.pop(0))
    assert len(rows) == len(content.cues)
    for row, cue in zip(rows, content.cues, strict=True):
        tag, rest = re.fullmatch(r"\[([\d:.]+)\](.*)", row).groups()
        assert seconds(tag) == pytest.approx(cue.start, abs=0.0051)
        assert not re.search(r"\[[^\]\[]*:|<\s*\d", rest)


def check_ass(text: str, content: Document) -> None:
    sections = re.findall(r"^\[.*\]$", text, flags=re.MULTILINE)
    assert sections == ["[Script Info]", "[V4+ Styles]", "[Events]"]
    rows = [line for line in text.split("\n") if line.startswith("Dialogue:")]
    assert len(rows) == len(content.cues)
    for row, cue in zip(rows, content.cues, strict=True):
        fields = row.removeprefix("Dialogue: ").split(",", 9)
        assert len(fields) == 10
        assert seconds(fields[1]) == pytest.approx(cue.start, abs=0.0051)
        assert seconds(fields[1]) < seconds(fields[2])
        assert len(fields[9].split("\\N")) == len(cue.lines)
        assert not set(fields[9].replace("\\N", "")) & set("{}\\")


def check_json(text: str, content: Document) -> None:
    read = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert read["version"] == 1
    assert [row["text"] for row in read["segments"]] == [one.text for one in content.transcript.segments]
    assert [tuple(row["lines"]) for row in read["cues"]] == [cue.lines for cue in content.cues]


CHECKS = {
    "srt": check_srt,
    "vtt": check_vtt,
    "txt": check_txt,
    "tsv": check_tsv,
    "lrc": check_lrc,
    "ass": check_ass,
    "json": check_json,
}


def check(name: str, content: Document) -> None:
    text = WRITERS[name](content)
    assert text.encode("utf-8").decode("utf-8") == text  # no lone surrogate
    strange = {letter for letter in text if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert strange <= set("\n\t\u200c\u200d")
    CHECKS[name](text, content)


def test_every_format_has_a_parser_here() -> None:
    assert set(CHECKS) == set(WRITERS)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_speech_breaks_no_file(name: str, text: str) -> None:
    check(
        name, of([text, "and on it goes.", text], title=text, source=text, details={text: [text, math.nan]})
    )


@pytest.mark.parametrize("name", ["srt", "vtt", "ass", "lrc"])
def test_ffmpeg_reads_as_many_cues_as_were_written(name: str, tmp_path: Path) -> None:
    content = of([text for text in HOSTILE for _ in range(2)], title="[x]")
    path = tmp_path / f"a.{name}"
    path.write_text(WRITERS[name](content), "utf-8")
    with av.open(str(path)) as read:
        starts = [float(packet.pts * packet.time_base) for packet in read.demux() if packet.size]
    assert starts == pytest.approx([cue.start for cue in content.cues], abs=0.0051)


@pytest.mark.parametrize("name", WRITERS)
def test_silence_is_a_whole_file_too(name: str) -> None:
    check(name, of([]))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(st.characters(), max_size=12) | st.sampled_from(HOSTILE[:16]), max_size=4))
def test_any_speech_breaks_no_file(texts: list[str]) -> None:
    content = of(texts, title="".join(texts))
    for name in WRITERS:
        check(name, content)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=4))
def test_any_times_break_no_file(times: list[tuple[float, float]]) -> None:
    segments = tuple(Segment(start, end, "some words here.", avg_logprob=start) for start, end in times)
    content = document(Transcript(segments, "en", math.nan, math.inf), Shape())
    for name in WRITERS:
        check(name, content)


def test_the_files_of_one_recording() -> None:
    content = of(["Hello <there>, friend.", "你好，世界。"], title="A talk")
    assert WRITERS["srt"](content) == (
        "1\n00:00:00,000 --> 00:00:01,500\nHello ＜there>, friend.\n\n"
        "2\n00:00:02,000 --> 00:00:03,500\n你好，世界。\n\n"
    )
    assert WRITERS["vtt"](content) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHello &lt;there&gt;, friend.\n\n"
        "00:00:02.000 --> 00:00:03.500\n你好，世界。\n\n"
    )
    assert WRITERS["txt"](content) == "Hello <there>, friend.\n你好，世界。\n"
    assert (
        WRITERS["tsv"](content)
        == "start\tend\ttext\n0\t1500\tHello <there>, friend.\n2000\t3500\t你好，世界。\n"
    )
    assert (
        WRITERS["lrc"](content) == "[ti:A talk]\n[00:00.00]Hello <there>, friend.\n[00:02.00]你好，世界。\n"
    )
    assert WRITERS["ass"](content).endswith(
        "Dialogue: 0,0:00:00.00,0:00:01.50,Default,,0,0,0,,Hello <there>, friend.\n"
        "Dialogue: 0,0:00:02.00,0:00:03.50,Default,,0,0,0,,你好，世界。\n"
    )


def test_json_holds_everything_under_stable_names() -> None:
    word = Word(0.0, 0.5, " Hello", 0.75)
    segment = Segment(0.0, 0.5, "Hello", (word,), avg_logprob=-0.5, no_speech_prob=0.1)
    content = document(
        Transcript((segment,), "en", 0.98, 1.0),
        Shape(),
        title="T",
        source="S",
        details={"model": "base", "bad": "\x9b"},
    )
    text = WRITERS["json"](content)
    assert "\x9b" not in text
    assert json.loads(text) == {
        "version": 1,
        "title": "T",
        "source": "S",
        "language": "en",
        "language_probability": 0.98,
        "duration": 1.0,
        "text": "Hello",
        "segments": [
            {
                "id": 0,
                "start": 0.0,
                "end": 0.5,
                "text": "Hello",
                "confidence": 0.6065,
                "avg_logprob": -0.5,
                "no_speech_prob": 0.1,
                "compression_ratio": 0.0,
                "temperature": 0.0,
                "words": [{"start": 0.0, "end": 0.5, "word": " Hello", "probability": 0.75}],
            }
        ],
        "cues": [{"start": 0.0, "end": 0.9, "lines": ["Hello"]}],
        "run": {"model": "base", "bad": "\x9b"},
    }


def test_lines_of_chinese_are_one_lyric_without_a_blank() -> None:
    content = of(["这是一段足够长的中文句子用来测试歌词的写法是不是正确的而且没有空格"])
    assert " " not in WRITERS["lrc"](content)
