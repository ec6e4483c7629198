"""From what was heard to what is written: nothing of it may depend on when it was heard."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from bili2text.audio.chunks import Span
from bili2text.audio.cuts import Cut
from bili2text.audio.damage import Damage
from bili2text.chinese.normalise import ChineseRules
from bili2text.coverage_text import lines
from bili2text.jobs.records import Group, Pin, Step, Survey, entry_of, record
from bili2text.progress import Silent
from bili2text.recording import Listened
from bili2text.request import Request
from bili2text.results import document, remark, report, report_json
from bili2text.segments import Segment, Word
from bili2text.source.media import Media
from bili2text.subtitles.writers import as_json, txt
from bili2text.transcribe.language import Detected
from bili2text.transcribe.run import ChunkHeard, GroupHeard, Listening

PIN = Pin("base", "ab" * 32, "int8", 8, 5, 4, "cpu", "CPU, 4 cores")
CUTS = tuple(
    Cut(index, index * 480_000, 400_000, (Span(index * 30.0, index * 30.0 + 24.1),)) for index in range(3)
)
SURVEY = Survey(90.0, Damage(gaps=1, lost_seconds=0.1), CUTS, 2, Detected("zh", 0.9, 0.8, 3), PIN, ("why",))
MEDIA = Media(Path("talk.mp3"), "talk", None, "file", None, 90.0)


def heard(index: int, text: str, language: str = "zh") -> ChunkHeard:
    segment = Segment(
        index * 30.0, index * 30.0 + 0.1 + 0.2, text, (Word(1 / 3, 2 / 3, text, 0.1 + 0.2),), -0.3
    )
    return ChunkHeard(index, language, (segment,), 1, doubts=("fast",) if index == 1 else ())


def test_an_entry_of_the_journal_comes_back_to_the_last_bit() -> None:
    for entry in (SURVEY, Group(1, GroupHeard((heard(1, "你好"),), (1, 2))), Step(1, "no room", PIN)):
        assert entry_of(json.loads(json.dumps(record(entry)))) == entry


def test_groups_are_the_cuts_in_order() -> None:
    assert SURVEY.groups == 2
    assert [cut.index for cut in (*SURVEY.group(0), *SURVEY.group(1))] == [0, 1, 2]


def test_chinese_is_normalised_and_other_languages_are_left_alone() -> None:
    chunks = (heard(0, "我們 去 看 電影,好嗎?"), heard(1, "see you, 电影?", "en"))
    text = txt(document(Request(()), MEDIA, chunks, SURVEY, ()))
    assert text == "我们去看电影，好吗？\nsee you, 电影?\n"
    kept = document(Request((), chinese=ChineseRules("traditional")), MEDIA, chunks, SURVEY, ())
    assert txt(kept).startswith("我們去看電影，好嗎？")


def test_cantonese_keeps_its_script_unless_one_is_named_whatever_is_done_to_its_numbers() -> None:
    chunks = (heard(0, "我們有二十五個", "yue"), heard(1, "我們有二十五個", "zh"))

    def written(rules: ChineseRules) -> list[str]:
        return txt(document(Request((), chinese=rules), MEDIA, chunks, SURVEY, ())).split()

    assert written(ChineseRules()) == ["我們有二十五個", "我们有二十五个"]
    assert written(ChineseRules(numbers="digits")) == ["我們有25個", "我们有25个"]
    assert written(ChineseRules("simplified")) == ["我们有二十五个"] * 2
    assert written(ChineseRules("keep")) == ["我們有二十五個"] * 2


def test_nothing_is_said_of_doubts_where_nobody_looked_for_them() -> None:
    chunks = tuple(replace(heard(index, "一"), doubts=()) for index in range(3))
    listened = Listened("key", SURVEY, chunks, (), None, 0, 1.0, 90.0)
    told = []
    for looking in (True, False):
        request = Request((), listening=Listening(second_look=looking))
        content = document(request, MEDIA, chunks, SURVEY, ())
        found = report(content, listened)
        parts = json.loads(report_json(found))["chunks"]
        told.append((content.details["doubtful"], parts["doubtful"], parts["places"], lines(found)[1][-30:]))
    assert told[0][:3] == ([], 0, [])
    assert told[0][3].endswith("0 of 3 chunks doubtful")
    assert told[1][:3] == (None, None, None)
    assert told[1][3].endswith("3 chunks not looked at twice")


class Said(Silent):
    """A Progress that remembers what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.warnings: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def test_clips_beyond_the_end_are_not_taken_for_a_recording_without_speech() -> None:
    survey = replace(SURVEY, cuts=(), damage=Damage(), language=Detected("zh", 0.9, 0.8, 1))
    for heard_seconds, words in ((0.0, "--clip-timestamps lies within the recording"), (90.0, "no speech")):
        listened = Listened("key", survey, (), (), None, 0, 1.0, heard_seconds)
        said = Said()
        remark(said, report(document(Request(()), MEDIA, (), survey, ()), listened), listened)
        (warning,) = said.warnings
        assert words in warning
        assert said.notes[0].endswith("in 1 window)")


def test_what_is_doubtful_and_every_step_stand_in_the_json() -> None:
    steps = (Step(1, "the GPU has no room left", replace(PIN, compute_type="int8_float16")),)
    found = json.loads(as_json(document(Request(()), MEDIA, (heard(0, "一"), heard(1, "二")), SURVEY, steps)))
    assert found["run"]["doubtful"] == [{"start": 30.0, "end": 55.0, "doubts": ["fast"], "text_of": "first"}]
    assert found["run"]["steps"] == [{"chunk": 2, "why": "the GPU has no room left"}]
    assert "work_seconds" not in found["run"]
