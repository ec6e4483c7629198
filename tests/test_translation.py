"""The files of translations: whose they are, what they are called, and what is asked of whom."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from words_model import Model, running

from bili2text import translation
from bili2text.errors import StorageError, UsageError
from bili2text.jobs.lock import let_go, try_hold
from bili2text.jobs.store import About, Jobs
from bili2text.progress import Silent
from bili2text.translate.values import Direction
from bili2text.translating import Translating
from bili2text.translation_contest import contest
from bili2text.translation_direction import SameLanguage
from bili2text.translation_outputs import without_code
from bili2text.translation_request import (
    Endpoint,
    Translated,
    Translation,
    TranslationOutput,
    TranslationRequest,
    Untranslated,
)

WORDS = ("今天天气很好。", "我们去公园散步。", "晚上一起吃饭吧。")


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody pulls the plug here."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@dataclass
class Notes(Silent):
    """A Progress that remembers what was said."""

    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@dataclass
class Here:
    """A folder with a cache, a server in the model's place, and how often that was asked."""

    folder: Path
    environ: Mapping[str, str]
    server: Endpoint
    asked: list[str]
    progress: Notes = field(default_factory=Notes)

    def request(self, **more: object) -> TranslationRequest:
        return replace(TranslationRequest("en", endpoint=self.server), **more)  # type: ignore[arg-type]

    def run(self, *paths: Path, **more: object) -> list[Translated]:
        """One run of the program."""
        self.progress = Notes()
        self.asked.clear()
        translating = Translating(self.request(**more), self.progress, self.environ)
        try:
            return [translating.file(path) for path in paths]
        finally:
            translating.close()

    def refused(self, path: Path, **more: object) -> str:
        """Run; return why nothing was translated. No model was asked."""
        (found,) = self.run(path, **more)
        assert isinstance(found, Untranslated), found
        assert isinstance(found.why, StorageError)
        assert not self.asked
        return f"{found.why.message}: {found.why.hint}"

    def srt(self, name: str, words: tuple[str, ...] = WORDS, at: int = 0) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        cues = (f"{n}\n00:00:{at + n:02},000 --> 00:00:{at + n:02},900\n{t}\n" for n, t in enumerate(words))
        path.write_text("\n".join(cues), encoding="utf-8")
        return path

    def abouts(self) -> tuple[About, ...]:
        return Jobs(self.folder / "cache").all()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    asked: list[str] = []
    answer = Model.do_POST
    monkeypatch.setattr(Model, "do_POST", lambda self: (asked.append(self.path), answer(self))[1])
    with running() as address:
        environ = {"BILI2TEXT_CACHE_DIR": str(tmp_path / "cache")}
        yield Here(tmp_path, environ, Endpoint(f"{address}/v1"), asked)


def out(folder: Path, **more: object) -> TranslationOutput:
    return TranslationOutput(str(folder), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("more", [{}, {"retry_failed": True}, {"fresh": True}])
def test_a_translation_corrected_by_hand_is_refused_before_anything_is_asked(
    here: Here, more: dict[str, object]
) -> None:
    talk, made = here.srt("talk.srt"), here.folder / "talk.en.srt"
    (found,) = here.run(talk)
    assert isinstance(found, Translation)
    made.write_text("mine", encoding="utf-8")
    said = here.refused(talk, **more)
    assert "changed since it was written" in said
    assert "--overwrite" in said
    assert "--skip" in said
    assert made.read_text(encoding="utf-8") == "mine"
    (found,) = here.run(talk, output=TranslationOutput(overwrite=True), **more)
    assert isinstance(found, Translation)
    assert "mine" not in made.read_text(encoding="utf-8")


def test_a_finished_file_that_nobody_changed_is_left_as_it_is(here: Here) -> None:
    talk, made = here.srt("talk.srt"), here.folder / "talk.en.srt"
    here.run(talk)
    os.utime(made, ns=(5, 5))
    (found,) = here.run(talk)
    assert isinstance(found, Translation)
    assert (found.resumed, here.asked, made.stat().st_mtime_ns) == (3, [], 5)
    assert "talk.srt: already there, left as it is" in here.progress.notes
    told = next(note for note in here.progress.notes if "translated before" in note)
    assert "by words" in told
    assert "--fresh begins anew" in told


@pytest.mark.parametrize("more", [{}, {"fresh": True}])
def test_killed_while_it_writes_the_next_run_knows_its_own_file(
    here: Here, monkeypatch: pytest.MonkeyPatch, more: dict[str, object]
) -> None:
    talk, made = here.srt("talk.srt"), here.folder / "talk.en.srt"
    save = translation.save

    def killed(*asked: object, **how: object) -> None:
        save(*asked, **how)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(translation, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            here.run(talk)
    assert made.is_file()
    (found,) = here.run(talk, **more)
    assert isinstance(found, Translation), found


def test_a_file_that_appears_while_it_is_translated_stays(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk, made = here.srt("talk.srt"), here.folder / "talk.en.srt"
    answer = Model.do_POST
    monkeypatch.setattr(
        Model, "do_POST", lambda self: (made.write_text("mine", encoding="utf-8"), answer(self))[1]
    )
    (found,) = here.run(talk)
    assert isinstance(found, Untranslated)
    assert isinstance(found.why, StorageError)
    assert found.why.message.startswith("already there: ")  # not "changed": the job has not written it
    assert made.read_text(encoding="utf-8") == "mine"
    (about,) = here.abouts()
    assert (about.done, about.total, about.state, about.outputs) == (3, 3, "unfinished", ())


def test_the_same_words_at_other_times_do_not_replace_the_first(here: Here) -> None:
    to = out(here.folder / "out")
    one, other = here.srt("a/t.srt"), here.srt("b/t.srt", at=20)
    here.run(one, output=to)
    first = (here.folder / "out/t.en.srt").read_bytes()
    assert "with other times" in here.refused(other, output=to)
    assert (here.folder / "out/t.en.srt").read_bytes() == first
    (_,) = here.run(other, output=replace(to, overwrite=True))
    assert not here.asked
    assert (here.folder / "out/t.en.srt").read_bytes() != first
    assert isinstance(here.run(one, output=out(here.folder / "elsewhere"))[0], Translation)


def test_no_two_files_of_a_run_are_written_to_one(here: Here) -> None:
    to = out(here.folder / "out")
    files = [here.srt("a/t.srt"), here.srt("b/t.srt", at=20), here.srt("c/T.srt", at=30)]
    found = here.run(*files, files[0], output=to)
    names = [path.name for one in found for path in one.paths]
    assert names[:2] == ["t.en.srt", "t.srt.en.srt"]
    assert names[3] == names[0]
    assert len({name.casefold() for name in names}) == 3
    starts = [(here.folder / "out" / name).read_text(encoding="utf-8")[2:14] for name in names[:3]]
    assert starts == ["00:00:00,000", "00:00:20,000", "00:00:30,000"]
    assert [one.paths for one in here.run(*files, output=replace(to, skip=True))] == [
        one.paths for one in found[:3]
    ]
    assert not here.asked


def test_one_text_in_two_ways_is_not_written_to_one_file(here: Here) -> None:
    talk = here.srt("talk.srt")
    translating = Translating(here.request(), Notes(), here.environ)
    first, second = (
        translating.file(talk, here.request(layout=layout)) for layout in ("target-only", "source-above")
    )
    assert isinstance(first, Translation)
    assert isinstance(second, Untranslated)
    assert "two translations of talk.srt would be one file" in str(second.why)


def test_a_further_format_is_written_from_the_journal_and_the_first_stays_known(here: Here) -> None:
    talk = here.srt("talk.srt")
    for kind in ("srt", "txt", "srt"):
        (found,) = here.run(talk, output=TranslationOutput(formats=kind))
        assert isinstance(found, Translation)
    assert not here.asked
    (about,) = here.abouts()
    assert set(about.outputs) == {str(here.folder / f"talk.en.{kind}") for kind in ("srt", "txt")}


def test_a_comparison_leaves_a_translation_its_files(here: Here) -> None:
    from bili2text.captions.read import read

    talk = here.srt("talk.srt")
    one, other = (replace(here.server, model=name) for name in ("words", "other"))
    here.run(talk, endpoint=one)
    (before,) = here.abouts()
    sides = here.request(endpoint=one), here.request(endpoint=other)
    contest("talk.srt", read(talk), sides, Notes(), here.environ)
    (after,) = (about for about in here.abouts() if about.key == before.key)
    assert (after.outputs, after.written, after.wrote) == (before.outputs, before.written, before.wrote)
    assert after.outputs == (str(here.folder / "talk.en.srt"),)
    assert isinstance(here.run(talk, endpoint=one)[0], Translation)


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        (("后来我们去图书馆。", "后台。"), "zh-Hant", ("後來我們去圖書館。", "後臺。")),
        (("後來我們去圖書館。", "後來。"), "zh", ("后来我们去图书馆。", "后来。")),
    ],
)
def test_chinese_changes_its_script_without_a_model(
    here: Here, source: tuple[str, ...], target: str, said: tuple[str, ...]
) -> None:
    talk = here.srt("talk.zh-CN.srt", source)
    alone = {"target": target, "endpoint": None, "models_dir": here.folder / "none"}
    request = here.request(**alone)
    assert not Translating(request, Notes(), here.environ).takes_a_model([(talk, request)])
    (found,) = here.run(talk, **alone)
    assert isinstance(found, Translation), found
    assert found.paths == (here.folder / f"talk.{target}.srt",)
    text = found.paths[0].read_text(encoding="utf-8")
    assert all(line in text.splitlines() for line in said)
    (again,) = here.run(found.paths[0], **alone)
    assert isinstance(again, Untranslated)
    assert isinstance(again.why, SameLanguage)
    found.paths[0].write_text("mine", encoding="utf-8")
    assert "changed since it was written" in here.refused(talk, **alone)


def test_what_takes_a_model_is_told_before_any_work(here: Here) -> None:
    talk = here.srt("talk.srt", ("This is the best of all the talks that we have.",))
    request = here.request(target="zh", endpoint=Endpoint("http://127.0.0.1:9/v1"))
    tasks = [(path, request) for path in (here.srt("zh.srt"), talk)]
    assert Translating(request, Notes(), here.environ).takes_a_model(tasks)


@pytest.mark.parametrize(
    ("stem", "way", "said"),
    [
        ("talk.zh", ("zh", "en"), "talk"),
        ("talk.zh-Hant", ("zh", "en"), "talk"),
        ("talk.zh_CN", ("zh", "en"), "talk"),
        ("talk.chs", ("zh", "en"), "talk"),
        ("talk.zh", ("zh-Hant", "zh"), "talk.zh"),  # else it would be its own translation
        ("talk.zh-CN", ("zh", "zh-Hant"), "talk"),
        ("talk.en-US", ("en", "zh"), "talk"),
        ("talk.en", ("zh", "ja"), "talk.en"),
        ("talk.end", ("en", "zh"), "talk.end"),
        ("en", ("en", "zh"), "en"),
        (".en", ("en", "zh"), ".en"),
    ],
)
def test_a_name_loses_the_code_of_its_own_language(stem: str, way: tuple[str, str], said: str) -> None:
    assert without_code(stem, Direction(*way)) == said


def test_what_is_asked_of_the_model_makes_another_job(here: Here) -> None:
    from bili2text.captions.read import read
    from bili2text.plan.precision import PrecisionWish
    from bili2text.translation_job import Desk, Origin, job_of
    from bili2text.translators.values import TranslatorWishes

    class Chat:
        profile = "chat"

    origin = Origin("talk.srt", read(here.srt("talk.srt")))
    plain = here.request(endpoint=None)
    others = [
        plain,
        replace(plain, models_dir=here.folder),
        *(
            replace(plain, wishes=wishes)
            for wishes in (
                TranslatorWishes(wish=PrecisionWish(use_int8=True)),
                TranslatorWishes(wish=PrecisionWish(use_fp16=False)),
                TranslatorWishes(policy="guide"),
                TranslatorWishes(engine="ctranslate2"),
                TranslatorWishes(precision="float32"),
                TranslatorWishes(model_path=here.folder),
            )
        ),
    ]
    jobs = Jobs(here.folder / "cache")
    keys = [job_of(Desk(one, Chat(), jobs, Notes(), {}), origin).key for one in others]  # type: ignore[arg-type]
    assert len(set(keys)) == len(others)


def test_fresh_beside_a_running_job_says_what_goes_without(here: Here) -> None:
    talk = here.srt("talk.srt")
    here.run(talk)
    lock = try_hold(Jobs(here.folder / "cache").folder(here.abouts()[0].key))
    assert lock is not None
    try:
        (found,) = here.run(talk, fresh=True)
    finally:
        let_go(lock)
    assert isinstance(found, Untranslated)
    assert isinstance(found.why, UsageError)
    assert "without --fresh this waits for it" in str(found.why.hint)


def test_the_list_of_jobs_tells_how_far_a_job_is_whatever_ended_it(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = tuple(f"{a}{b}很好吃。" for a in "一三五七九" for b in "山水火土木")
    talk = here.srt("talk.srt", (*words[:5], words[0], *words[5:]))

    def done() -> tuple[int, int, str]:
        (about,) = here.abouts()
        return about.done, about.total, about.state

    def interrupted(after: int, **more: object) -> None:
        told: list[str] = []

        def note(self: Notes, text: str) -> None:
            told.extend([text] if " -> " in text else [])
            if len(told) == after:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Notes, "note", note)
            with pytest.raises(KeyboardInterrupt):
                here.run(talk, **more)

    monkeypatch.setattr("words_model.ENGLISH", lambda digest: "不" * (9 + digest[0] % 5))
    interrupted(6)
    first = done()
    assert 5 <= first[0] < 12
    assert first[1:] == (26, "unfinished")
    interrupted(4)
    assert done()[0] > first[0]
    here.run(talk)
    assert done() == (26, 26, "finished")
    monkeypatch.undo()
    interrupted(22, retry_failed=True)
    assert done() == (26, 26, "unfinished")


def test_the_list_of_jobs_tells_lines_without_a_model_and_the_names_of_styled_files(here: Here) -> None:
    talk = here.folder / "talk.zh-CN.ass"
    rows = "".join(f"Dialogue: 0,0:00:0{n}.00,0:00:0{n}.90,A,,0,0,0,,{w}\n" for n, w in enumerate(WORDS))
    talk.write_text(f"[Script Info]\nTitle: Series\n\n[Events]\n{rows}", encoding="utf-8")
    here.run(talk, target="zh-Hant", endpoint=None, models_dir=here.folder / "none")
    (about,) = here.abouts()
    assert (about.done, about.total, about.title) == (3, 3, "talk.zh-CN.ass: Series (zh-Hant)")


def test_how_many_sentences_need_review_is_told_once_a_file(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = here.srt("talk.srt")
    monkeypatch.setattr("words_model.ENGLISH", lambda digest: "不" * (9 + digest[0] % 5))
    here.run(talk, output=TranslationOutput(formats="srt,json"))
    (told,) = (one for one in here.progress.warnings if "review" in one)
    assert told.startswith("talk.srt: 3 of 3 sentences need review")
    assert str(here.folder / "talk.en.json") in told
    whole = json.loads((here.folder / "talk.en.json").read_text(encoding="utf-8"))
    assert all(line["review"] for line in whole["lines"])
    here.run(talk, fresh=True)
    assert [one for one in here.progress.warnings if "with -f json" in one]
