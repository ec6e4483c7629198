"""A translation has the cues of its source, whatever was translated, in every format and layout."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import get_args

import av
import pytest

from bili2text.captions.read import parse
from bili2text.captions.values import Captions, Kind, Layout, Line
from bili2text.captions.write import rendered, shape_for
from bili2text.errors import UsageError

TIMED = ("srt", "vtt", "tsv", "lrc", "ass")
SOURCE = Captions((Line(1.0, 2.5, "Hello there."), Line(2.0, 3.004, ""), Line(0.5, 9.0, "Bye.")), "srt", "en")
TARGET = ("你好。", "", "")


def write(
    kind: Kind, layout: Layout = "target-only", captions: Captions = SOURCE, texts=TARGET, **more
) -> str:
    return rendered(captions, texts, kind, layout=layout, shape=shape_for("zh"), target="zh", **more)


def test_srt_keeps_a_cue_that_has_nothing_to_say() -> None:
    assert write("srt") == (
        "1\n00:00:01,000 --> 00:00:02,500\n你好。\n\n"
        "2\n00:00:02,000 --> 00:00:03,004\n\u200b\n\n"
        "3\n00:00:00,500 --> 00:00:09,000\n\u200b\n\n"
    )


def test_vtt_keeps_a_cue_that_has_nothing_to_say() -> None:
    assert write("vtt", "source-above") == (
        "WEBVTT\n\n00:00:01.000 --> 00:00:02.500\nHello there.\n你好。\n\n"
        "00:00:02.000 --> 00:00:03.004\n\n"
        "00:00:00.500 --> 00:00:09.000\nBye.\n\n"
    )


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ("target-only", "start\tend\ttext\n1000\t2500\t你好。\n2000\t3004\t\n500\t9000\t\n"),
        ("source-only", "start\tend\ttext\n1000\t2500\tHello there.\n2000\t3004\t\n500\t9000\tBye.\n"),
        (
            "target-above",
            "start\tend\ttarget\tsource\n1000\t2500\t你好。\tHello there.\n2000\t3004\t\t\n500\t9000\t\tBye.\n",
        ),
    ],
)
def test_tsv_has_a_column_for_each_language(layout: Layout, expected: str) -> None:
    assert write("tsv", layout) == expected


def test_txt_has_a_row_for_each_line_and_pairs_apart() -> None:
    assert write("txt") == "你好。\n\n\n"
    assert write("txt", "source-above") == "Hello there.\n你好。\n\n\n\nBye.\n\n"


def test_lrc_gives_a_lyric_and_its_translation_one_stamp() -> None:
    assert write("lrc", "source-above", title="T") == (
        "[ti:T]\n[00:01.00]Hello there.\n[00:01.00]你好。\n[00:02.00]\n[00:00.50]Bye.\n"
    )


def test_json_holds_both_languages_and_what_to_review() -> None:
    text = write("json", title="T\x1b", details={"model": "m"}, review={2: ("empty",)})
    assert json.loads(text) == {
        "version": 1,
        "kind": "translation",
        "title": "T",
        "source_language": "en",
        "target_language": "zh",
        "lines": [
            {"id": 0, "start": 1.0, "end": 2.5, "source": "Hello there.", "target": "你好。", "review": []},
            {"id": 1, "start": 2.0, "end": 3.004, "source": "", "target": "", "review": []},
            {"id": 2, "start": 0.5, "end": 9.0, "source": "Bye.", "target": "", "review": ["empty"]},
        ],
        "run": {"model": "m"},
    }


STYLED = (
    "[Script Info]\nTitle: T\n\n[V4+ Styles]\nStyle: Sign,Arial,64\n\n[Events]\n"
    "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    "Comment: 0,0:00:00.00,0:00:01.00,Sign,,0,0,0,,a note\n"
    "Dialogue: 3,0:00:01.00,0:00:02.50,Sign,Ann,10,20,30,Banner;1,{\\pos(9,9)}{\\k20}Hel{\\k30}lo\\Nthere\n"
    "Dialogue: 0,0:00:01.00,0:00:02.50,Sign,,0,0,0,,{\\p1}m 0 0 l 9 9{\\p0}\n"
    "\n[Fonts]\nfontname: a.ttf\n!!!\n"
)


def test_ass_keeps_styles_signs_notes_drawings_and_fonts() -> None:
    captions = parse(STYLED, "ass", "a.ass")
    assert write("ass", captions=captions, texts=["你{\\b1}好\\N。"]) == (
        "[Script Info]\nTitle: T\n\n[V4+ Styles]\nStyle: Sign,Arial,64\n\n[Fonts]\nfontname: a.ttf\n!!!\n\n[Events]\n"
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Comment: 0,0:00:00.00,0:00:01.00,Sign,,0,0,0,,a note\n"
        "Dialogue: 0,0:00:01.00,0:00:02.50,Sign,,0,0,0,,{\\p1}m 0 0 l 9 9{\\p0}\n"
        "Dialogue: 3,0:00:01.00,0:00:02.50,Sign,Ann,10,20,30,Banner;1,{\\pos(9,9)}你｛＼b1｝好＼N。\n"
    )


def test_ass_from_another_kind_has_a_plain_style() -> None:
    rows = [row for row in write("ass", "target-above").split("\n") if row.startswith("Dialogue")]
    assert rows == [
        "Dialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,你好。\\NHello there.",
        "Dialogue: 0,0:00:02.00,0:00:03.00,Default,,0,0,0,,",
        "Dialogue: 0,0:00:00.50,0:00:09.00,Default,,0,0,0,,Bye.",
    ]


@pytest.mark.parametrize("kind", TIMED)
def test_text_without_times_is_not_written_with_times(kind: Kind) -> None:
    captions = parse("one\n\ntwo\n", "txt", "a.txt")
    with pytest.raises(UsageError, match=f"no times to write {kind} with"):
        write(kind, captions=captions, texts=["一", "", "二"])
    assert write("txt", captions=captions, texts=["一", "", "二"]) == "一\n\n二\n"
    first = json.loads(write("json", captions=captions, texts=["一", "", "二"]))["lines"][0]
    assert (first["start"], first["end"], first["target"]) == (None, None, "一")


def test_a_lyric_lasts_until_the_next_one_that_begins_later_or_seven_seconds() -> None:
    captions = parse("[00:01.00]a\n[00:01.00]b\n[00:03.50]c\n[01:00.00]d\n[00:02.00]e\n", "lrc", "a.lrc")
    rows = write("tsv", captions=captions, texts=list("abcde")).split("\n")[1:-1]
    assert rows == ["1000\t2000\ta", "1000\t2000\tb", "3500\t10500\tc", "60000\t67000\td", "2000\t3500\te"]


LONG = "我们今天要讲的是怎样在一张很小的显卡上运行一个很大的语言模型，而且不丢掉任何一个字。"
ENGLISH = "Today we are going to talk about how to run a very large language model on a very small card."


@pytest.mark.parametrize(
    ("target", "text", "width"), [("zh", LONG, 32), ("zh-Hant", LONG, 32), ("en", ENGLISH, 42)]
)
def test_rows_are_shaped_for_the_target_language_and_lose_nothing(target: str, text: str, width: int) -> None:
    captions = Captions((Line(0.0, 5.0, ENGLISH if target != "en" else LONG),), "srt", "")
    srt = rendered(captions, [text], "srt", layout="target-only", shape=shape_for(target), target=target)
    rows = srt.strip().split("\n")[2:]
    assert len(rows) == 3
    assert all(sum(2 if letter > "ÿ" else 1 for letter in row) <= width for row in rows)
    assert (" " if target == "en" else "").join(rows) == text


@pytest.mark.parametrize("text", ["字" * 20_000, "word " * 5_000, "x" * 20_000])
def test_a_line_that_never_ends_loses_nothing(text: str) -> None:
    """Weighing all its breaks at once would take its length squared."""
    captions = Captions((Line(0.0, 5.0, "x"),), "srt", "en")
    srt = rendered(captions, [text], "srt", layout="target-only", shape=shape_for("en"), target="en")
    assert "".join(srt.split("\n")[2:]).replace(" ", "") == text.replace(" ", "")


def test_two_languages_have_rows_of_their_own() -> None:
    captions = Captions((Line(0.0, 5.0, ENGLISH),), "srt", "en")
    rows = write("srt", "source-above", captions, [LONG[:20]]).strip().split("\n")[2:]
    split = next(at for at, row in enumerate(rows) if not row.isascii())
    assert " ".join(rows[:split]) == ENGLISH
    assert "".join(rows[split:]) == LONG[:20]


@pytest.mark.parametrize(
    ("target", "text", "expected"),
    [
        ("zh", "你好,世界!你是谁?", "你好，世界！你是谁？"),
        ("zh", "版本是 3.5,很好", "版本是 3.5，很好"),
        ("zh", "没有句号", "没有句号"),
        ("zh", "见 https://a.b/c?d=1,2", "见 https://a.b/c?d=1,2"),
        ("zh-Hant", '他說"你好"', "他說「你好」"),
        ("en", "Hello, 世界, you", "Hello, 世界, you"),
    ],
)
def test_chinese_has_chinese_marks_and_other_languages_their_own(
    target: str, text: str, expected: str
) -> None:
    captions = Captions((Line(0.0, 5.0, "x"),), "srt", "en")
    found = rendered(captions, [text], "txt", layout="target-only", shape=shape_for(target), target=target)
    assert found == f"{expected}\n"


HOSTILE = [
    "00:00:01,000 --> 00:00:02,000",
    "</v><script>&lt;",
    "{\\p1}\\N",
    "[00:01.00]x",
    "a\tb\n\n3\n\x1b[0m",
    "7",
    "\ud800",
]


@pytest.mark.parametrize(("kind", "layout"), list(product(get_args(Kind), get_args(Layout))))
def test_whatever_a_model_says_the_file_has_its_lines_and_times(kind: Kind, layout: Layout) -> None:
    lines = tuple(Line(float(place), place + 0.5, text) for place, text in enumerate(HOSTILE))
    text = write(kind, layout, Captions(lines, "srt", "en"), HOSTILE[::-1])
    text.encode("utf-8")
    found = parse(text, kind, "a")
    if kind == "txt":
        return
    starts = [line.start for line in found.lines]
    assert sorted(set(starts)) == [line.start for line in lines]
    assert len(starts) == len(lines) * (2 if kind == "lrc" and layout.endswith("above") else 1)
    if kind in ("srt", "vtt", "tsv", "json", "ass"):
        assert [line.end for line in found.lines] == [line.end for line in lines]


@pytest.mark.parametrize("kind", ["srt", "vtt", "ass", "lrc"])
def test_ffmpeg_reads_the_cues_that_say_nothing_too(kind: Kind, tmp_path: Path) -> None:
    lines = (Line(1.0, 2.5, "a"), Line(3.0, 4.0, "b"), Line(5.0, 9.0, "c"))
    path = tmp_path / f"a.{kind}"
    path.write_text(write(kind, captions=Captions(lines, "srt", "en"), texts=["甲", "", "丙"]), "utf-8")
    with av.open(str(path)) as file:
        starts = [float(one.pts * one.time_base) for one in file.demux() if one.pts is not None]
    assert starts == [1.0, 3.0, 5.0]


def test_as_many_translations_as_lines_are_asked_for() -> None:
    with pytest.raises(ValueError, match="2 translations of 3 lines"):
        write("srt", texts=["a", "b"])


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("{\\i1}Good morning{\\i0}, everyone.", ""),
        ("{\\pos(9,9)\\i1\\c&HFF&}Sta{\\i0}tion", "{\\pos(9,9)\\c&HFF&}"),
        ("{\\1c&HFF&}red{\\c} and not", ""),
        ("{\\fnArial\\b1}one{\\r} and another", ""),
        ("{\\i1}one{\\b1}{\\i0} and another", ""),
        ("{\\i1}all of it{\\i0}", "{\\i1}"),
        ("{\\i1}all of it{\\i0}.\\N", "{\\i1}"),
        ("{\\i1}all{\\b1} of it", "{\\i1}"),
        ("{\\fs30\\bord2}small{\\fscx90\\i1} and thin", "{\\fs30\\bord2}"),
        ("{\\t(0,100,\\fs30)\\an8}grows{\\fs20\\an2} here", "{\\t(0,100,\\fs30)\\an8}"),
    ],
)
def test_a_look_that_ends_within_a_line_is_not_kept_for_all_of_it(text: str, kept: str) -> None:
    before, _, _ = STYLED.rpartition("Dialogue: 3")
    captions = parse(f"{before}Dialogue: 0,0:00:01.00,0:00:02.50,Sign,,0,0,0,,{text}\n", "ass", "a.ass")
    assert captions.styles[-1].rpartition(",,")[2] == kept
