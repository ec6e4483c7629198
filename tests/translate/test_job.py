"""The job of a text: which model its journal is from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from scripted import PIN, Held, Scripted, english
from working import Notes

from bili2text.captions.values import Captions, Line
from bili2text.jobs.store import Jobs
from bili2text.models.stamps import Stamps
from bili2text.progress import Silent
from bili2text.translation_job import Desk, Job, Origin, job_of
from bili2text.translation_request import TranslationRequest
from bili2text.translators.engine import Decoding, Prompt, Reply
from bili2text.translators.fingerprint import fingerprint
from bili2text.translators.values import Profile, TranslatorWishes


@dataclass
class Profiled(Held):
    """A holder of scripted translators that says how they want to be asked."""

    profile: Profile = "chat"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder with weights, as far as a digest is taken of them."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"these weights")
    return folder


def say(prompt: Prompt, _: Decoding, __: tuple[Prompt, ...], ___: int) -> Reply:
    return Reply(english(len(prompt.messages[-1].text), 8), 9, finished=True)


def job(folder: Path, model: Path, notes: Notes) -> tuple[Job, Profiled]:
    """The job of a talk by the model in that folder."""
    digest = fingerprint(model, Stamps(folder / "stamps"), Silent())
    holder = Profiled(Scripted(say), replace(PIN, digest=digest))
    request = TranslationRequest("en", "zh", TranslatorWishes(model_path=model))
    environ = {"BILI2TEXT_CACHE_DIR": str(folder)}
    captions = Captions((Line(0.0, 2.0, "今天天气很好。"), Line(2.0, 4.0, "我们去公园。")), "srt")
    return job_of(Desk(request, holder, Jobs(folder), notes, environ), Origin("talk.srt", captions)), holder


def test_another_model_in_the_same_folder_begins_anew_and_that_is_said(tmp_path: Path, model: Path) -> None:
    notes = Notes()
    first, _ = job(tmp_path, model, notes)
    assert first.done().asked == 2
    again, holder = job(tmp_path, model, notes)
    assert again.done().asked == 0
    assert not holder.translator.calls
    (model / "model.bin").write_bytes(b"other weights, of other training")
    other, holder = job(tmp_path, model, notes)
    assert other.key == first.key
    found = other.done()
    assert (found.asked, found.pin) == (2, holder.pin)
    assert "the model is not the one that was used so far: beginning anew" in notes.said
