"""Files as they are found, whole and broken: what is read of each, and what is refused and why."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bili2text.captions import read as reading
from bili2text.captions.read import kind_of, of_document, parse, read
from bili2text.captions.values import Captions, Kind
from bili2text.errors import SourceError
from bili2text.segments import Segment, Transcript
from bili2text.subtitles.shape import Shape
from bili2text.subtitles.writers import document

Shown = list[tuple[float | None, float | None, str]]
ASS = "[Script Info]\nTitle: T\n\n[V4+ Styles]\nStyle: S,Arial,64\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
D = "Dialogue: 0,0:00:01.00,0:00:02.50,S,,0,0,0,,"


def shown(captions: Captions) -> Shown:
    return [(line.start, line.end, line.text) for line in captions.lines]


SRT: list[tuple[str, str, Shown]] = [
    ("plain", "1\n00:00:01,000 --> 00:00:02,500\nHi\n\n2\n00:00:03,000 --> 00:00:04,000\nyou\n", [(1, 2.5, "Hi"), (3, 4, "you")]),
    ("nothing at all", "", []),
    ("blank rows alone", "\n\n \n", []),
    ("a mark at the start", "\ufeff1\n00:00:01,000 --> 00:00:02,500\nHi", [(1, 2.5, "Hi")]),
    ("CRLF", "1\r\n00:00:01,000 --> 00:00:02,500\r\nHi\r\nyou\r\n\r\n", [(1, 2.5, "Hi you")]),
    ("CRLF converted twice", "1\r\r\n00:00:01,000 --> 00:00:02,500\r\r\nHi\r\r\n", [(1, 2.5, "Hi")]),
    ("line ends of old Macs", "1\r00:00:01,000 --> 00:00:02,500\rHi\r", [(1, 2.5, "Hi")]),
    ("no blank row between", "1\n00:00:01,000 --> 00:00:02,500\nHi\n2\n00:00:03,000 --> 00:00:04,000\nyou", [(1, 2.5, "Hi"), (3, 4, "you")]),
    ("no numbers", "00:00:01,000 --> 00:00:02,500\nHi\n\n00:00:03,000 --> 00:00:04,000\nyou", [(1, 2.5, "Hi"), (3, 4, "you")]),
    ("no numbers, no blank rows, a cue that is a number", "00:00:01,000 --> 00:00:02,500\n42\n00:00:03,000 --> 00:00:04,000\nyou", [(1, 2.5, "42"), (3, 4, "you")]),
    ("a cue that is a number", "1\n00:00:01,000 --> 00:00:02,500\n42\n\n2\n00:00:03,000 --> 00:00:04,000\nyou", [(1, 2.5, "42"), (3, 4, "you")]),
    ("a cue that is a number, no blank row", "1\n00:00:01,000 --> 00:00:02,500\n42\n2\n00:00:03,000 --> 00:00:04,000\n7\n8", [(1, 2.5, "42"), (3, 4, "7 8")]),
    ("the first number missing", "00:00:01,000 --> 00:00:02,500\nHi\n\n2\n00:00:03,000 --> 00:00:04,000\nyou", [(1, 2.5, "Hi"), (3, 4, "you")]),
    ("all rows apart", "1\n\n00:00:01,000 --> 00:00:02,500\n\nHi\n\n2\n\n00:00:03,000 --> 00:00:04,000\n\nyou\n", [(1, 2.5, "Hi"), (3, 4, "you")]),
    ("a blank row in a cue", "1\n00:00:01,000 --> 00:00:02,500\nHi\n\nyou\n\n2\n00:00:03,000 --> 00:00:04,000\nx", [(1, 2.5, "Hi you"), (3, 4, "x")]),
    ("cues without text", "1\n00:00:01,000 --> 00:00:02,500\n\n2\n00:00:03,000 --> 00:00:04,000\n", [(1, 2.5, ""), (3, 4, "")]),
    ("numbers out of order", "7\n00:00:01,000 --> 00:00:02,500\na\n\n7\n00:00:03,000 --> 00:00:04,000\nb", [(1, 2.5, "a"), (3, 4, "b")]),
    ("times that go back and overlap", "1\n00:00:05,000 --> 00:00:09,000\na\n\n2\n00:00:01,000 --> 00:00:06,000\nb", [(5, 9, "a"), (1, 6, "b")]),
    ("an end before its start", "1\n00:00:05,000 --> 00:00:02,000\na", [(5, 2, "a")]),
    ("points", "1\n00:00:01.000 --> 00:00:02.500\nHi", [(1, 2.5, "Hi")]),
    ("a colon before the thousandths", "1\n00:00:01:000 --> 00:00:02:500\nHi", [(1, 2.5, "Hi")]),
    ("no hours", "1\n00:01,000 --> 00:02,500\nHi", [(1, 2.5, "Hi")]),
    ("no hours and a colon", "1\n00:01:250 --> 00:02:500\nHi", [(1.25, 2.5, "Hi")]),
    ("no thousandths", "1\n00:00:01 --> 00:00:02\nHi", [(1, 2, "Hi")]),
    ("one decimal", "1\n0:0:1,5 --> 0:0:2,25\nHi", [(1.5, 2.25, "Hi")]),
    ("microseconds", "1\n00:00:01,000400 --> 00:00:02,500600\nHi", [(1, 2.501, "Hi")]),
    ("a hundred hours", "1\n100:00:01,000 --> 100:00:02,000\nHi", [(360001, 360002, "Hi")]),
    ("more than 60 minutes", "1\n00:75:00,000 --> 00:75:01,000\nHi", [(4500, 4501, "Hi")]),
    ("a time before zero", "1\n-00:00:01,000 --> 00:00:01,000\nHi", [(0, 1, "Hi")]),
    ("blanks of OCR", "1\n00:00: 01, 000 --> 00:00 :02,500 \nHi", [(1, 2.5, "Hi")]),
    ("full-width times", "1\n00：00：01，000 --> 00：00：02，500\nHi", [(1, 2.5, "Hi")]),
    ("short arrow", "1\n00:00:01,000->00:00:02,500\nHi", [(1, 2.5, "Hi")]),
    ("a dash made by a word processor", "1\n00:00:01,000 –> 00:00:02,500\nHi", [(1, 2.5, "Hi")]),
    ("places on the picture", "1\n00:00:01,000 --> 00:00:02,500 X1:100 X2:200 Y1:1 Y2:2\nHi", [(1, 2.5, "Hi")]),
    ("text behind the times", "1\n00:00:01,000 --> 00:00:02,500 Hi\nyou", [(1, 2.5, "Hi you")]),
    ("tags", '1\n00:00:01,000 --> 00:00:02,500\n<font color="#fff"><i>Hi</i></font> <B>you</B>', [(1, 2.5, "Hi you")]),
    ("no tags", "1\n00:00:01,000 --> 00:00:02,500\na < b, <3 and <stage left> & &amp;", [(1, 2.5, "a < b, <3 and <stage left> & &amp;")]),
    ("overrides of other formats", "1\n00:00:01,000 --> 00:00:02,500\n{\\an8}{y:i}Hi {you}", [(1, 2.5, "Hi {you}")]),
    ("a break as a tag", "1\n00:00:01,000 --> 00:00:02,500\nHi<br>you<br />there", [(1, 2.5, "Hi you there")]),
    ("Chinese rows", "1\n00:00:01,000 --> 00:00:02,500\n今天\n天气", [(1, 2.5, "今天天气")]),
    ("an arrow in the text", "1\n00:00:01,000 --> 00:00:02,500\na --> b", [(1, 2.5, "a --> b")]),
    ("control and bidi", "1\n00:00:01,000 --> 00:00:02,500\n\x1b[31mred\u202e \x00x\u2028y", [(1, 2.5, "[31mred x y")]),
    ("words before the first cue", "by me\n\n1\n00:00:01,000 --> 00:00:02,500\nHi", [(1, 2.5, "Hi")]),
]  # fmt: skip

VTT: list[tuple[str, str, Shown]] = [
    ("silence", "WEBVTT\n", []),
    ("without hours", "WEBVTT\n\n00:01.000 --> 00:02.500\nHi", [(1, 2.5, "Hi")]),
    ("names, settings, notes, styles, regions", "WEBVTT - a talk\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nREGION\nid:a\nwidth:40%\n\nNOTE one\ntwo\n\nintro\n00:01.000 --> 00:02.500 align:start position:0%\nHi\nyou\n\nNOTE\nx\n\n2\n00:03.000 --> 00:04.000 line:0\nthere", [(1, 2.5, "Hi you"), (3, 4, "there")]),
    ("tags and entities", "WEBVTT\n\n00:01.000 --> 00:02.500\n<v.loud Mary>Hi <c.yellow>you</c><00:00:01.500> &amp; &lt;b&gt;&nbsp;me&#33; R&D", [(1, 2.5, "Hi you & <b> me! R&D")]),
    ("readings above words", "WEBVTT\n\n00:01.000 --> 00:02.500\n<ruby>漢<rt>かん</rt>字<rt>じ</rt></ruby>", [(1, 2.5, "漢字")]),
    ("an unclosed tag of a voice", "WEBVTT\n\n00:01.000 --> 00:02.500\n<v Mary>Hi\n- <i>you", [(1, 2.5, "Hi - you")]),
    ("no blank row between", "WEBVTT\n00:01.000 --> 00:02.500\nHi\n00:03.000 --> 00:04.000\nyou", [(1, 2.5, "Hi"), (3, 4, "you")]),
    ("SubRip by another name", "1\n00:00:01,000 --> 00:00:02,500\nHi", [(1, 2.5, "Hi")]),
    ("a cue without text", "WEBVTT\n\n00:01.000 --> 00:02.500\n\n00:03.000 --> 00:04.000\nx", [(1, 2.5, ""), (3, 4, "x")]),
]  # fmt: skip

ASS_CASES: list[tuple[str, str, Shown]] = [
    ("silence", ASS, []),
    ("overrides and breaks", ASS + D + "{\\an8\\i1}Hi{\\i0}\\Nyou,\\hhow\\nare\n", [(1, 2.5, "Hi you, how are")]),
    ("commas in the text", ASS + D + "a, b, c", [(1, 2.5, "a, b, c")]),
    ("comments and drawings", ASS + "Comment: 0,0:00:00.00,0:00:01.00,S,,0,0,0,,no\n" + D + "{\\p1}m 0 0 l 1 1{\\p0}\n" + D + "Hi\n", [(1, 2.5, "Hi")]),
    ("a drawing beside text", ASS + D + "{\\p1}m 0 0{\\p0}Hi {\\pos(1,2)}you", [(1, 2.5, "Hi you")]),
    ("a dialogue without text", ASS + D + "\n" + D + "{\\an8}", [(1, 2.5, ""), (1, 2.5, "")]),
    ("a brace that never closes", ASS + D + "Hi {\\an8 you", [(1, 2.5, "Hi {\\an8 you")]),
    ("SSA", "[Script Info]\n[V4 Styles]\n[Events]\nFormat: Marked, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\nDialogue: Marked=0,0:00:01.00,0:00:02.50,S,,0,0,0,,Hi", [(1, 2.5, "Hi")]),
    ("no format", "[Events]\n" + D + "Hi", [(1, 2.5, "Hi")]),
    ("fewer fields", "[Events]\nFormat: Start, End, Text\nDialogue: 0:00:01.00,0:00:02.50,Hi, you", [(1, 2.5, "Hi, you")]),
]  # fmt: skip

LRC: list[tuple[str, str, Shown]] = [
    ("tags alone", "[ti:T]\n[ar:A]\n", []),
    ("plain", "[ti:T]\n[00:01.00]Hi\n[00:02.5] you\n[01:00]\n", [(1, None, "Hi"), (2.5, None, "you"), (60, None, "")]),
    ("several stamps, in order of time", "[00:01.00][00:30.00]la\n[00:10.00]b\n", [(1, None, "la"), (10, None, "b"), (30, None, "la")]),
    ("an offset makes words come sooner", "[offset:+500]\n[00:01.00]Hi\n[00:00.20]x\n", [(0.5, None, "Hi"), (0, None, "x")]),
    ("an offset the other way", "[00:01.00]Hi\n[offset: -250]\n", [(1.25, None, "Hi")]),
    ("thousandths, colons, hours", "[00:01.234]a\n[00:02:50]b\n[01:00:03.00]c", [(1.234, None, "a"), (2.5, None, "b"), (3603, None, "c")]),
    ("stamps of words", "[00:01.00]<00:01.00>Hi <00:01.50>you", [(1, None, "Hi you")]),
    ("a row that goes on", "by me\n[00:01.00]Hi\n你好\n", [(1, None, "Hi你好")]),
]  # fmt: skip

TSV: list[tuple[str, str, Shown]] = [
    ("plain", "start\tend\ttext\n1000\t2500\tHi\n3000\t4000\t\n", [(1, 2.5, "Hi"), (3, 4, "")]),
    ("no names", "1000\t2500\tHi", [(1, 2.5, "Hi")]),
    ("tabs in the text", "start\tend\ttext\n1000\t2500\ta\tb", [(1, 2.5, "a b")]),
    ("two languages", "start\tend\ttarget\tsource\n1000\t2500\t你\tHi", [(1, 2.5, "Hi")]),
]

TXT: list[tuple[str, str, Shown]] = [
    ("nothing", "", []),
    (
        "blank rows stay",
        "a\n\n b \nc",
        [(None, None, "a"), (None, None, ""), (None, None, "b"), (None, None, "c")],
    ),
    ("a blank row at the end stays", "a\n\n", [(None, None, "a"), (None, None, "")]),
]

JSON: list[tuple[str, str, Shown]] = [
    ("ours", '{"version": 1, "cues": [{"start": 1, "end": 2.5, "lines": ["Hi", "you"]}], "segments": []}', [(1, 2.5, "Hi you")]),
    ("our translation", '{"version": 1, "lines": [{"start": null, "end": null, "source": "Hi", "target": "x"}]}', [(None, None, "Hi")]),
    ("Whisper's", '{"text": "", "segments": [{"id": 0, "start": 1.0, "end": 2.5, "text": " Hi\\nyou"}]}', [(1, 2.5, "Hi you")]),
    ("a segment without an end", '{"segments": [{"start": 1.0, "text": "Hi"}]}', [(1, None, "Hi")]),
    ("Bilibili's", '{"font_size": 0.4, "body": [{"from": 1, "to": 2.5, "location": 2, "content": "你\\n好"}]}', [(1, 2.5, "你好")]),
    ("a time before zero", '{"segments": [{"start": -1.0, "end": 2.5, "text": "Hi"}]}', [(0, 2.5, "Hi")]),
]  # fmt: skip

READ = [
    pytest.param(kind, text, expected, id=f"{kind}: {name}")
    for kind, cases in (
        ("srt", SRT),
        ("vtt", VTT),
        ("ass", ASS_CASES),
        ("lrc", LRC),
        ("tsv", TSV),
        ("txt", TXT),
        ("json", JSON),
    )
    for name, text, expected in cases
]


@pytest.mark.parametrize(("kind", "text", "expected"), READ)
def test_what_is_read_of_a_file(kind: Kind, text: str, expected: Shown) -> None:
    assert shown(parse(text, kind, "a")) == expected


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        ("srt", "just words\n", "a.x holds no subtitles"),
        (
            "srt",
            "1\n00:00:01,000 --> 00:00:02,000\nHi\n\n2\n00:00:0A,000 --> 00:00:02,000\n",
            "line 6 of a.x",
        ),
        ("srt", "1\nO0:00:01,000 --> 00:00:02,000\nHi", "line 2 of a.x"),
        ("srt", "1\n99999:00:01,000 --> 99999:00:02,000\nHi", "line 2 of a.x"),
        ("vtt", "words", "a.x holds no subtitles"),
        ("vtt", "WEBVTT\n\n00:01.000 --> \nHi", "line 3 of a.x"),
        ("ass", "words", "a.x holds no subtitles"),
        ("ass", ASS + "Dialogue: 0,0:00:01.00\n", "line 9 of a.x"),
        ("ass", ASS + D.replace("0:00:02.50", "late") + "Hi", "line 9 of a.x"),
        ("ass", "[Events]\nFormat: Start, Text, End\n", "line 2 of a.x"),
        ("lrc", "words", "a.x holds no lyrics"),
        ("lrc", "[00:01.00]a\n[999999:99999999.00]b\n[999999999:00]", ""),
        ("tsv", "start\tend\ttext\nsoon\t2\tHi", "line 2 of a.x"),
        ("tsv", "1000\t2000", "line 1 of a.x"),
        ("tsv", "1000\t999999999999\tHi", "line 1 of a.x"),
        ("json", '{"segments": [', "line 1 of a.x is no JSON"),
        ("json", "[1, 2]", "a.x holds no subtitles"),
        ("json", '{"text": "x"}', "a.x holds no subtitles"),
        ("json", '{"version": 2, "cues": []}', "a.x is of version 2"),
        ("json", '{"segments": [7]}', r"segments\[0\] of a.x"),
        ("json", '{"segments": [{"start": NaN, "text": "x"}]}', r'segments\[0\] of a.x: no time in "start"'),
        ("json", '{"segments": [{"start": true, "text": "x"}]}', 'no time in "start"'),
        ("json", '{"segments": [{"start": 1, "end": 1e99, "text": "x"}]}', 'no time in "end"'),
        ("json", '{"segments": [{"start": 1, "end": 2, "text": ["x", 3]}]}', 'no text in "text"'),
        ("json", '{"segments": [{"start": 1, "end": 2}]}', 'no text in "text"'),
        ("json", "[" * 100_000, "a.x is no JSON"),
        ("json", f'{{"segments": [{{"start": {"9" * 5000}, "text": "x"}}]}}', "a.x is no JSON"),
    ],
)
def test_what_is_no_subtitle_file_is_refused_with_its_line(kind: Kind, text: str, says: str) -> None:
    if not says:
        assert len(parse(text, kind, "a.x").lines) == 1  # what is no stamp goes on with the row above
        return
    with pytest.raises(SourceError, match=says) as caught:
        parse(text, kind, "a.x")
    assert caught.value.hint
    assert "\n" not in caught.value.message


WORDS = "1\n00:00:01,000 --> 00:00:02,500\n你好，世界。\n"


@pytest.mark.parametrize(
    ("raw", "warns"),
    [
        (WORDS.encode(), ""),
        (WORDS.encode("utf-8-sig"), ""),
        (WORDS.encode("utf-16"), ""),
        (b"\xfe\xff" + WORDS.encode("utf-16-be"), ""),
        (WORDS.encode("utf-32"), ""),
        (WORDS.encode("gb18030"), "a.srt is not UTF-8: read as GB18030"),
        (WORDS.strip().encode() + "！".encode()[:2], "a.srt ends inside a character"),
    ],
)
def test_a_file_in_any_usual_encoding_is_the_same(tmp_path: Path, raw: bytes, warns: str) -> None:
    (tmp_path / "a.srt").write_bytes(raw)
    found = read(tmp_path / "a.srt")
    assert shown(found) == [(1, 2.5, "你好，世界。")]
    assert found.warning.startswith(warns)
    assert bool(found.warning) == bool(warns)


@pytest.mark.parametrize("raw", [b"\x89PNG\r\n\x1a\n\xff\xff", b"\xff\xfea", "a b".encode("utf-16-le")])
def test_bytes_that_are_no_text_are_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(raw)
    with pytest.raises(SourceError, match=r"a\.txt is no text"):
        read(tmp_path / "a.txt")


def test_a_suffix_says_the_kind_and_an_unknown_one_is_refused() -> None:
    assert [kind_of(Path(f"a.{end}")) for end in ("SRT", "ssa", "webm.json")] == ["srt", "ass", "json"]
    with pytest.raises(SourceError, match=r"not a subtitle file: a\.mp4"):
        kind_of(Path("x/a.mp4"))


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError, match=r"cannot read a\.srt: No such file"):
        read(tmp_path / "a.srt")
    (tmp_path / "b.srt").mkdir()
    with pytest.raises(SourceError, match=r"not a plain file: b\.srt"):
        read(tmp_path / "b.srt")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "c.srt")
        with pytest.raises(SourceError, match=r"not a plain file: c\.srt"):
            read(tmp_path / "c.srt")
    (tmp_path / "d.srt").write_text("12345")
    monkeypatch.setattr(reading, "MOST_BYTES", 4)
    with pytest.raises(SourceError, match=r"d\.srt is larger"):
        read(tmp_path / "d.srt")


def test_too_many_lines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_LINES", 3)
    assert len(parse("a\nb\nc\n", "txt", "a").lines) == 3
    many = json.dumps({"segments": [{"start": 0, "end": 1, "text": "x"}] * 4})
    for kind, text in (("txt", "a\nb\nc\nd\n"), ("srt", "\n" * 100), ("json", many)):
        with pytest.raises(SourceError, match="more than 3 lines"):
            parse(text, kind, "a")


def test_what_a_file_says_of_itself_is_kept() -> None:
    ours = {"version": 1, "language": "zh", "title": "T\x1b", "cues": []}
    found = parse(json.dumps(ours), "json", "a")
    assert (found.language, found.title) == ("zh", "T")
    assert parse("WEBVTT\nKind: captions\nLanguage: en-GB\n\n", "vtt", "a").language == "en"
    assert parse("[ti:T]\n[00:01.00]x", "lrc", "a").title == "T"
    assert parse(ASS, "ass", "a").title == "T"


def test_the_cues_of_a_document_are_lines() -> None:
    content = document(
        Transcript(
            (Segment(0, 4, "今天天气不错我们出去走走吧。"), Segment(5, 6, "Hi there.")), "zh", 1.0, 6.0
        ),
        Shape(max_width=16),
        title="T",
    )
    found = of_document(content)
    assert (found.kind, found.language, found.title) == ("json", "zh", "T")
    assert shown(found) == [(cue.start, cue.end, "".join(cue.lines)) for cue in content.cues]


@pytest.mark.parametrize("bit", ["{", "<", "{\\", "<v", "[", "&#", "{\\p1", "<rt>", "-->", "1:", "\r"])
@pytest.mark.parametrize("kind", ["srt", "vtt", "ass", "lrc", "txt"])
def test_rows_of_nothing_but_brackets_are_read_like_others(kind: Kind, bit: str) -> None:
    """Takes minutes where a pattern looks again from each of them to the end of the row."""
    starts = {"ass": ASS + D, "lrc": "[00:01.00]", "txt": ""}
    text = starts.get(kind, "1\n00:00:01,000 --> 00:00:02,500\n") + bit * 50_000
    assert len(parse(text, kind, "a").lines) >= 1
