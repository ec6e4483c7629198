"""Two languages in one recording, and an engine or a card that fails in the middle of it."""

from __future__ import annotations

import os
import signal
import wave
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bili2text import loading, pipeline, planning
from bili2text.audio.decode import Decoder
from bili2text.errors import OutOfMemory
from bili2text.gpu.device import Cards
from bili2text.gpu.known import simulated
from bili2text.plan.values import Machine, Wishes
from bili2text.progress import Silent
from bili2text.request import Output, Request, Result
from bili2text.transcribe import remote
from bili2text.transcribe.engine import DecodeOptions, Load
from bili2text.transcribe.language import LanguageRules
from bili2text.transcribe.run import Listening

pytestmark = pytest.mark.usefixtures("base_folder")


@pytest.fixture
def mixed(samples: Path, tmp_path: Path) -> Path:
    """An English sentence, a Chinese one, and English again, a second and a half apart."""
    parts: list[np.ndarray] = []
    for name in ("en/quick_brown_fox", "zh/pangrama", "en/counting"):
        with Decoder(samples / f"{name}.wav") as decoder:
            parts += [block.samples for block in decoder.blocks()]
        parts.append(np.zeros(24_000, np.float32))
    path = tmp_path / "mixed.wav"
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes((np.concatenate(parts) * 32_767).astype("<i2").tobytes())
    return path


def heard(path: Path, environ: Mapping[str, str], how: Listening, batch: int = 4) -> str:
    wishes = Wishes(model="base", device="cpu", batch_size=batch, threads=2)
    request = Request((str(path),), wishes=wishes, listening=how, output=Output("-", "txt"), fresh=True)
    (outcome,) = pipeline.run(request, Silent(), environ)
    assert isinstance(outcome, Result), outcome
    return " ".join(segment.text for segment in outcome.document.transcript.segments)


def test_with_multilingual_each_stretch_stays_in_its_language(
    mixed: Path, environ: Mapping[str, str]
) -> None:
    how = Listening(multilingual=True, detection=LanguageRules(among=("zh", "en")))
    text = heard(mixed, environ, how)
    assert "quick brown fox" in text.lower()
    assert "天地" in text
    assert "10" in text or "ten" in text.lower()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_an_engine_that_is_killed_at_work_costs_no_words(
    mixed: Path, environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    how = Listening(multilingual=True, detection=LanguageRules(among=("zh", "en")))
    whole = heard(mixed, environ, how, batch=1)
    decode = remote.RemoteEngine.decode
    calls: list[int] = []

    def dying(self: remote.RemoteEngine, *arguments: object, **more: object) -> object:
        calls.append(self.pid)
        if len(calls) == 2:
            os.kill(self.pid, signal.SIGKILL)
        return decode(self, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(remote.RemoteEngine, "decode", dying)
    assert heard(mixed, environ, how, batch=1) == whole
    assert len(set(calls)) == 2


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_an_engine_that_is_killed_while_the_language_is_voted_costs_no_words(
    mixed: Path, environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = heard(mixed, environ, Listening())
    languages = remote.RemoteEngine.languages
    calls: list[int] = []

    def dying(self: remote.RemoteEngine, *arguments: object) -> object:
        calls.append(self.pid)
        if len(calls) == 1:
            os.kill(self.pid, signal.SIGKILL)
        return languages(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(remote.RemoteEngine, "languages", dying)
    assert heard(mixed, environ, Listening()) == whole
    assert len(set(calls)) == 2


def test_a_card_without_room_while_the_language_is_voted_is_a_step_that_is_written_down(
    mixed: Path, environ: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card is a stand-in, for none runs out of memory on demand; the engine behind it is the real one."""
    whole = heard(mixed, environ, Listening())
    asked: list[str] = []

    class OnCard(remote.RemoteEngine):
        def __init__(
            self, load: Load, options: DecodeOptions, environ: Mapping[str, str], **more: Any
        ) -> None:
            self.on_card = load.device == "cuda"
            here = replace(load, device="cpu", device_index=0, compute_type="int8", threads=2)
            super().__init__(here, options, environ, warn=more["warn"])

        def languages(self, sounds: Any) -> Any:
            asked.append("card" if self.on_card else "cpu")
            if asked == ["card"]:
                raise OutOfMemory("the GPU has no room left")
            return super().languages(sounds)

    def look(wishes: Wishes, environ: Mapping[str, str]) -> Machine:
        return Machine(Cards((simulated("RTX 4060, 7.1 free"),)), 16.0, 2, library="4.8.5")

    monkeypatch.setattr(loading, "RemoteEngine", OnCard)
    monkeypatch.setattr(planning, "this_machine", look)
    request = Request(
        (str(mixed),),
        wishes=Wishes(model="base", gpu_wait=0),
        output=Output(str(tmp_path / "out"), "json"),
        fresh=True,
    )
    (outcome,) = pipeline.run(request, Silent(), {**environ, "BILI2TEXT_CACHE_DIR": str(tmp_path / "cache")})
    assert isinstance(outcome, Result), outcome
    assert " ".join(segment.text for segment in outcome.document.transcript.segments) == whole
    assert outcome.report.steps == ("the GPU has no room left",)
    assert len(asked) >= 2
