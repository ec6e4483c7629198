"""A recording that is interrupted: nothing heard twice, nothing lost, the same files in the end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import av
import ctrl_c
import numpy as np
import pytest

from bili2text import pipeline, work
from bili2text.audio.chunks import CutRules, Span
from bili2text.audio.decode import Decoder
from bili2text.chinese.normalise import ChineseRules
from bili2text.jobs.journal import Journal
from bili2text.jobs.recall import recall
from bili2text.jobs.store import AGAIN, STDIN, Jobs
from bili2text.plan.values import Wishes
from bili2text.progress import Silent, Stage
from bili2text.recording import header
from bili2text.request import Failed, Outcome, Output, Request, Result, Skipped
from bili2text.transcribe.engine import DecodeOptions
from bili2text.transcribe.run import Listening

GROUPS = 4


@dataclass
class Watcher(Silent):
    """A Progress that remembers what it was told, and does something whenever a stage gets on."""

    on: str = "transcribe"
    after: Callable[[int], None] = lambda _: None
    said: list[str] = field(default_factory=list)
    _times: int = 0

    def note(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.said.append(text)

    def stage(self, name: str, total: float | None, unit: str) -> Stage:
        return _Watched(self) if name == self.on else super().stage(name, total, unit)

    def advanced(self) -> None:
        self._times += 1
        self.after(self._times)


class _Watched(type(Silent().stage("", None, ""))):  # type: ignore[misc]
    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher

    def advance(self, amount: float) -> None:
        self._watcher.advanced()


def stop_after(groups: int, on: str = "transcribe") -> Watcher:
    """A Progress with which Ctrl-C is pressed after that many groups."""

    def stop(times: int) -> None:
        if times > groups:  # the first time, the sound before the first group is passed over
            raise KeyboardInterrupt

    return Watcher(on, stop)


@pytest.fixture(scope="module")
def talk(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four sentences of English, seconds apart."""
    parts: list[np.ndarray] = []
    for name in ("quick_brown_fox", "counting", "hello_world", "counting"):
        with Decoder(samples / "en" / f"{name}.wav") as decoder:
            parts += [block.samples for block in decoder.blocks()]
        parts.append(np.zeros(5 * 16_000, np.float32))
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=16_000, layout="mono")
        sound = (np.concatenate(parts)[None, :] * 32_767).astype("<i2")
        frame = av.AudioFrame.from_ndarray(sound, format="s16", layout="mono")
        frame.sample_rate = 16_000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.fixture
def mine(environ: Mapping[str, str], tmp_path: Path) -> dict[str, str]:
    """An environment with a cache of the test's own: its jobs are nobody else's."""
    return {**environ, "BILI2TEXT_CACHE_DIR": str(tmp_path / "cache")}


def a_request(sound: Path, model: Path, folder: Path, **output: bool) -> Request:
    return Request(
        (str(sound),),
        wishes=Wishes(str(model), device="cpu", beam_size=1, batch_size=1, threads=1),
        rules=CutRules(max_chunk=6.0),
        listening=Listening(options=DecodeOptions(temperatures=(0.0,))),
        output=Output(str(folder / "out"), **output),
    )


@pytest.fixture
def request_of(talk: Path, tiny_en_folder: Path, tmp_path: Path) -> Callable[..., Request]:
    return lambda **output: a_request(talk, tiny_en_folder, tmp_path, **output)


def run(request: Request, environ: Mapping[str, str], progress: Silent | None = None) -> Outcome:
    (found,) = pipeline.run(request, progress or Silent(), environ)
    return found


def kept(request: Request, environ: Mapping[str, str]) -> list[object]:
    """Run, and return how many groups of each recording an earlier run had heard."""
    results = list(pipeline.run(request, Silent(), environ))
    assert all(isinstance(one, Result) for one in results), results
    return [one.report.facts["groups_from_journal"] for one in results if isinstance(one, Result)]


def interrupted(request: Request, environ: Mapping[str, str], progress: Watcher) -> str:
    """Run until Ctrl-C; return the beginning of the key that was named."""
    with pytest.raises(KeyboardInterrupt):
        run(request, environ, progress)
    (key,) = (found[1] for line in progress.said if (found := re.search(r"jobs resume (\w+)", line)))
    return key


def files(folder: Path) -> dict[str, bytes]:
    found = (folder / "out").glob("talk.*")
    return {path.name: path.read_bytes() for path in found if path.name != "talk.report.json"}


@pytest.fixture(scope="module")
def whole(talk: Path, tiny_en_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one undisturbed run writes, in a folder and with a cache that no test uses."""
    folder = tmp_path_factory.mktemp("whole")
    made = run(a_request(talk, tiny_en_folder, folder), {"BILI2TEXT_CACHE_DIR": str(folder / "cache")})
    assert isinstance(made, Result)
    return files(folder)


@pytest.mark.parametrize("groups", [1, 3])
def test_a_run_that_was_stopped_goes_on_and_writes_what_an_undisturbed_one_does(
    groups: int,
    request_of: Callable[..., Request],
    mine: dict[str, str],
    tmp_path: Path,
    whole: dict[str, bytes],
) -> None:
    interrupted(request_of(), mine, stop_after(groups))
    progress = Watcher()
    result = run(request_of(), mine, progress)
    assert isinstance(result, Result)
    assert result.report.facts["groups_from_journal"] == groups
    assert any(f"{groups} of {GROUPS} groups" in line for line in progress.said)
    assert files(tmp_path) == whole


def test_two_short_chunks_come_before_the_first_whole_batch_and_a_stop_after_them_changes_nothing(
    talk: Path, tiny_en_folder: Path, mine: dict[str, str], tmp_path: Path
) -> None:
    def batched(folder: Path) -> Request:
        request = a_request(talk, tiny_en_folder, folder)
        return replace(request, wishes=replace(request.wishes, batch_size=4))

    interrupted(batched(tmp_path), mine, stop_after(1))
    jobs = Jobs(tmp_path / "cache")
    (about,) = jobs.all()
    with Journal.open(jobs.folder(about.key), header()) as journal:
        found = recall(journal.records)
    assert found.survey is not None
    assert (found.survey.opening, found.survey.groups, len(found.groups)) == (2, 2, 1)
    assert [cut.index for cut in found.survey.group(0)] == [0, 1]
    assert isinstance(run(batched(tmp_path), mine), Result)
    undisturbed = run(
        batched(tmp_path / "other"), {**mine, "BILI2TEXT_CACHE_DIR": str(tmp_path / "elsewhere")}
    )
    assert isinstance(undisturbed, Result)
    assert files(tmp_path) == files(tmp_path / "other")


def test_a_finished_recording_is_written_again_without_loading_a_model(
    request_of: Callable[..., Request], mine: dict[str, str], tmp_path: Path
) -> None:
    assert isinstance(run(request_of(), mine), Result)
    before = files(tmp_path)
    progress = Watcher()
    result = run(request_of(overwrite=True), mine, progress)
    assert isinstance(result, Result)
    assert result.report.facts["groups_from_journal"] == GROUPS
    assert not any(line.startswith("plan:") for line in progress.said)
    assert files(tmp_path) == before
    fresh = run(replace(request_of(overwrite=True), fresh=True), mine)
    assert isinstance(fresh, Result)
    assert fresh.report.facts["groups_from_journal"] == 0
    assert files(tmp_path) == before


def test_other_options_or_another_byte_of_sound_are_another_job(
    request_of: Callable[..., Request], mine: dict[str, str], talk: Path, tmp_path: Path
) -> None:
    copy, other = tmp_path / "copy.wav", tmp_path / "other.wav"
    copy.write_bytes(talk.read_bytes())
    other.write_bytes(talk.read_bytes()[:-2] + b"\1\0")
    base = replace(request_of(overwrite=True), sources=(str(talk), str(copy), str(other)))
    hotwords = replace(base.listening, options=replace(base.listening.options, hotwords="fox"))
    assert kept(base, mine) == [0, GROUPS, 0]
    assert kept(replace(base, output=replace(base.output, formats="srt")), mine) == [GROUPS] * 3
    assert kept(replace(base, sources=(str(talk),), listening=hotwords), mine) == [0]


def test_the_files_on_the_disk_are_valid_after_every_group(
    request_of: Callable[..., Request], mine: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_EVERY", 0.0)
    monkeypatch.setattr(work, "_SHARE", 0)
    seen: list[dict[str, bytes]] = []
    progress = Watcher(after=lambda times: seen.append(files(tmp_path)) if times > 1 else None)
    assert isinstance(run(request_of(), mine, progress), Result)
    assert len(seen) == GROUPS
    last = files(tmp_path)
    for found in seen:
        assert len(json.loads(found["talk.json"])["segments"]) > 0
        cues = found["talk.srt"].decode().strip().split("\n\n")
        assert all(re.match(r"\d+\n[\d:,]+ --> [\d:,]+\n\S", cue) for cue in cues)
        assert last["talk.srt"].startswith(found["talk.srt"].rstrip())
    assert seen[0]["talk.srt"] != last["talk.srt"]


def test_what_an_unfinished_run_wrote_is_neither_in_the_way_nor_taken_for_finished(
    request_of: Callable[..., Request],
    mine: dict[str, str],
    tmp_path: Path,
    whole: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(work, "_EVERY", 0.0)
    monkeypatch.setattr(work, "_SHARE", 0)
    interrupted(request_of(), mine, stop_after(2))
    assert files(tmp_path).keys() == whole.keys()
    assert isinstance(run(request_of(skip=True), mine), Result)
    assert files(tmp_path) == whole
    assert isinstance(run(request_of(skip=True), mine), Skipped)


def test_other_formats_and_folders_come_from_the_journal_and_nothing_there_is_replaced(
    request_of: Callable[..., Request], mine: dict[str, str], tmp_path: Path
) -> None:
    def into(folder: str, formats: str) -> Request:
        return replace(request_of(), output=Output(str(tmp_path / folder), formats))

    assert kept(into("o1", "txt"), mine) == [0]
    (tmp_path / "o1" / "talk.txt").write_text("corrected by hand", encoding="utf-8")
    assert kept(into("o1", "txt,vtt"), mine) == [GROUPS]
    assert kept(into("o2", "txt"), mine) == [GROUPS]
    for folder in ("o1", "o2"):
        left = run(into(folder, "txt"), mine)
        assert isinstance(left, Skipped)
        assert left.coverage is not None
    assert (tmp_path / "o1" / "talk.txt").read_text(encoding="utf-8") == "corrected by hand"
    digits = replace(into("o1", "txt"), chinese=ChineseRules(numbers="digits"))
    refused = run(digits, mine)
    assert isinstance(refused, Failed)
    assert "from the journal" in refused.error.hint


NONSENSE = {
    "groups of nothing": lambda survey, group: [
        {**survey, "value": {**survey["value"], "group_size": 0}},
        group,
    ],
    "more chunks at the beginning than there are": lambda survey, group: [
        {**survey, "value": {**survey["value"], "opening": len(survey["value"]["cuts"]) + 1}},
        group,
    ],
    "a group of other chunks": lambda survey, group: [
        survey,
        {**group, "value": {**group["value"], "number": 1}},
    ],
    "no survey": lambda _, group: [group],
    "two surveys": lambda survey, _: [survey, survey],
    "an unknown record": lambda survey, _: [survey, {"kind": "else", "value": 1}],
}


def test_a_journal_whole_but_without_sense_is_begun_anew_and_says_why(
    request_of: Callable[..., Request], mine: dict[str, str], tmp_path: Path, whole: dict[str, bytes]
) -> None:
    interrupted(request_of(), mine, stop_after(1))
    jobs = Jobs(tmp_path / "cache")
    (about,) = jobs.all()
    with Journal.open(jobs.folder(about.key), header()) as journal:
        survey, group, *_ = journal.records
    for spoil in NONSENSE.values():
        with pytest.raises(ValueError, match=r"."):
            recall(spoil(survey, group))
    assert len(recall([survey, group]).groups) == 1
    jobs.remove(about.key)
    with Journal.open(jobs.folder(about.key), header()) as journal:
        for record in NONSENSE["groups of nothing"](survey, group):
            journal.append(record)
    progress = Watcher()
    assert isinstance(run(request_of(overwrite=True), mine, progress), Result)
    assert "the journal makes no sense (groups of 0 chunks): beginning anew" in progress.said
    assert files(tmp_path) == whole


def test_a_source_that_fails_at_once_leaves_no_job(
    request_of: Callable[..., Request], mine: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "no.wav").write_bytes(b"no sound" * 1000)
    assert isinstance(run(replace(request_of(), sources=(str(tmp_path / "no.wav"),)), mine), Failed)
    assert Jobs(tmp_path / "cache").all() == ()
    assert not list((tmp_path / "cache" / "jobs").iterdir())


def test_the_speed_counts_the_seconds_inside_the_clips(
    request_of: Callable[..., Request], mine: dict[str, str]
) -> None:
    result = run(replace(request_of(), clips=(Span(0.0, 2.0),)), mine)
    assert isinstance(result, Result)
    work = result.report.facts["work_seconds"]
    assert isinstance(work, float)
    assert result.speed * work == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize("stage", ["survey", "transcribe"])
def test_the_job_that_is_named_when_a_run_is_stopped_is_there_to_be_resumed(
    stage: str, request_of: Callable[..., Request], mine: dict[str, str], tmp_path: Path
) -> None:
    key = interrupted(request_of(), mine, stop_after(1, stage))
    (about,) = Jobs(tmp_path / "cache").all()
    assert about.key.startswith(key)
    assert about.state == "unfinished"
    assert about.source.endswith("talk.wav")


def test_what_was_piped_in_and_stopped_goes_on_when_it_is_piped_in_again(
    request_of: Callable[..., Request],
    mine: dict[str, str],
    talk: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    piped = replace(request_of(), sources=("-",))
    progress = stop_after(1)
    with talk.open(encoding="latin-1") as sound, monkeypatch.context() as patched:
        patched.setattr(sys, "stdin", sound)
        with pytest.raises(KeyboardInterrupt):
            run(piped, mine, progress)
    assert AGAIN in progress.said
    assert not any("jobs resume" in line for line in progress.said)
    (about,) = Jobs(tmp_path / "cache").all()
    assert (about.source, about.state) == (STDIN, "unfinished")
    with talk.open(encoding="latin-1") as sound, monkeypatch.context() as patched:
        patched.setattr(sys, "stdin", sound)
        assert kept(piped, mine) == [1]


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_ends_within_five_seconds_with_130_and_the_line_to_go_on(
    talk: Path, tiny_en_folder: Path, mine: dict[str, str], tmp_path: Path
) -> None:
    options = ["--model", str(tiny_en_folder), "--batch-size", "1", "--threads", "1", "-o", "out"]
    command = [sys.executable, "-m", "cli.main", "audio", str(talk), *options]
    running = subprocess.Popen(
        command, env=mine, cwd=tmp_path, stderr=subprocess.PIPE, text=True, preexec_fn=ctrl_c.heard
    )
    assert running.stderr is not None
    for line in running.stderr:
        if "beam" in line and "plan: " in line:
            break
    began = time.monotonic()
    running.send_signal(signal.SIGINT)
    said = running.stderr.read()
    assert running.wait(timeout=10) == 130
    assert time.monotonic() - began < 5
    assert "bili2text jobs resume" in said
    assert "Traceback" not in said
