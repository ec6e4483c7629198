"""From wishes to a loaded engine: what is refused at once, and what a card that fails leads to."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bili2text.errors import DependencyError, ModelError, OutOfMemory, RuntimeFailure, UsageError
from bili2text.gpu.device import Cards, Device
from bili2text.loading import Loader
from bili2text.plan.values import Machine, Wishes
from bili2text.progress import Silent
from bili2text.request import ModelPlace, Request
from bili2text.transcribe.engine import Window

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals")
ON_CPU = Wishes("base", device="cpu", beam_size=1, threads=2)
SILENCE = (Window(np.zeros(16000, np.float32), "en"),)


class Notes(Silent):
    """A Progress that remembers what it was warned of."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def with_a_card(wishes: Wishes, environ: Mapping[str, str]) -> Machine:
    """A machine whose driver tells of a card that CUDA cannot use, which is what this one makes of it."""
    card = Device(0, "GPU-0", "NVIDIA RTX", (8, 9), 8188, 7000, "570")
    cards = Cards(()) if wishes.device == "cpu" else Cards((card,))
    return Machine(cards, 16.0, 2, library="4.8.5")


def loader(
    wishes: Wishes, environ: Mapping[str, str], progress: Silent, models: ModelPlace = ModelPlace()
) -> Loader:
    return Loader(Request((), wishes=wishes, models=models), progress, environ, with_a_card)


def test_a_card_that_fails_at_loading_is_left_for_the_cpu(
    base_folder: Path, environ: Mapping[str, str]
) -> None:
    progress = Notes()
    with closing(loader(Wishes("base"), environ, progress)) as loading:
        plan, engine = loading.engine()
        assert (plan.device, plan.compute_type, plan.beam_size) == ("cpu", "int8", 5)
        (warning,) = progress.warnings
        assert "CPU" in warning
        assert "\n" not in warning
        assert len(engine.decode((Window(np.zeros(16000, np.float32), "en"),))) == 1


def test_without_fallback_a_failing_card_is_one_error(base_folder: Path, environ: Mapping[str, str]) -> None:
    with (
        pytest.raises(DependencyError),
        closing(loader(Wishes("base", cpu_fallback=False), environ, Silent())) as one,
    ):
        one.engine()


@pytest.mark.parametrize(
    ("wishes", "error"),
    [
        (Wishes("no-such-model"), UsageError),
        (Wishes("./no-such-folder"), ModelError),
        (Wishes("medium"), ModelError),
        (Wishes("distil-large-v3", language="zh"), UsageError),
        (Wishes("turbo", task="translate"), UsageError),
        (Wishes("base", device="cuda:9"), UsageError),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_loaded(
    environ: Mapping[str, str], wishes: Wishes, error: type[Exception]
) -> None:
    with (
        pytest.raises(error),
        closing(loader(wishes, environ, Silent(), ModelPlace(offline=True))) as loading,
    ):
        loading.check()


def test_a_language_the_model_lacks_is_refused_once_it_is_loaded(
    base_folder: Path, environ: Mapping[str, str]
) -> None:
    with (
        pytest.raises(UsageError, match="yue"),
        closing(loader(Wishes("base", device="cpu", language="yue"), environ, Silent())) as loading,
    ):
        loading.engine()


@posix
def test_an_engine_that_was_killed_between_two_sources_is_loaded_again(
    base_folder: Path, environ: Mapping[str, str]
) -> None:
    with closing(loader(ON_CPU, environ, Silent())) as loading:
        plan, engine = loading.engine()
        pin = loading.pin()
        os.kill(engine.pid, signal.SIGKILL)
        while engine.usable:
            pass
        assert loading.writes_as(pin)
        other = loading.engine(pin)
        assert other[0] == plan
        assert other[1].pid != engine.pid
        assert len(other[1].decode(SILENCE)) == 1
        assert loading.engine() == other


@posix
def test_an_engine_that_is_killed_at_work_is_revived_twice_for_one_group(
    base_folder: Path, environ: Mapping[str, str]
) -> None:
    progress = Notes()
    with closing(loader(ON_CPU, environ, progress)) as loading:
        _, engine = loading.engine()
        pin = loading.pin()
        assert not loading.revive(RuntimeFailure("it lives"), 0)
        for more in (True, True, False):
            engine = loading.engine()[1]
            os.kill(engine.pid, signal.SIGKILL)
            with pytest.raises(RuntimeFailure, match="SIGKILL") as caught:
                engine.decode(SILENCE)
            assert not loading.revive(OutOfMemory("another plan may help"), 0)
            assert loading.revive(caught.value, 0) == more
            assert loading.writes_as(pin)
        assert len(progress.warnings) == 2
        assert "SIGKILL" in progress.warnings[0]
        assert loading.revive(caught.value, 1)  # another group
        again = loading.engine(replace(pin, batch_size=1))[1]
        assert len(again.decode(SILENCE)) == 1
