"""The engine in a process of its own: the same text, and no death of it that takes us along."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import psutil
import pytest

from bili2text.audio.decode import Decoder
from bili2text.audio.waveform import Samples
from bili2text.errors import (
    Bili2TextError,
    OutOfMemory,
    PrecisionFailure,
    RuntimeFailure,
    UsageError,
)
from bili2text.gpu.account import Watching
from bili2text.remote.stats import AccountWish
from bili2text.transcribe.ct2 import Ct2Engine
from bili2text.transcribe.engine import DecodeOptions, Effort, Load, Window
from bili2text.transcribe.remote import RemoteEngine, child_environment

PARENT = Path(__file__).with_name("engine_parent.py")
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals")
FIRST = Effort(temperatures=(0.0,))
NOISE = np.random.default_rng(0).normal(0, 0.1, 28 * 16000).astype(np.float32)


def sound(path: Path) -> Samples:
    with Decoder(path) as decoder:
        return np.concatenate([block.samples for block in decoder.blocks()])


@pytest.fixture(scope="module")
def load(tiny_en_folder: Path) -> Load:
    return Load(tiny_en_folder, "cpu", compute_type="int8", threads=1)


@pytest.fixture(scope="module")
def tiny(load: Load) -> Iterator[RemoteEngine]:
    with RemoteEngine(load, DecodeOptions(), os.environ) as engine:
        yield engine


def gone(pid: int, within: float = 2.0) -> bool:
    """Whether a process ends in time; one that only waits to be reaped has ended."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def test_text_times_and_languages_are_those_of_the_engine_in_this_process(
    base_folder: Path, samples: Path
) -> None:
    load = Load(base_folder, "cpu", compute_type="int8", threads=1)
    options = DecodeOptions(word_timestamps=True, initial_prompt="Fox.")
    windows = tuple(
        Window(sound(samples / "en" / f"{name}.wav"), "en", first=name == "counting")
        for name in ("counting", "quick_brown_fox")
    )
    here = Ct2Engine(load, options)
    with RemoteEngine(load, options, os.environ) as there:
        first = there.decode(windows, FIRST)
        assert first == here.decode(windows, FIRST)
        assert len(first[1].segments[0].words) > 5
        warm = Effort((0.6,), bare=True, no_repeat_ngram_size=3)
        assert there.decode(windows[:1], warm) == here.decode(windows[:1], warm)
        heard = (windows[0].samples,)
        assert there.languages(heard) == here.languages(heard)
        assert (there.multilingual, there.compute_type) == (here.multilingual, here.compute_type)
        there.check_language("zh")
        with pytest.raises(UsageError, match="yue"):
            there.check_language("yue")
    here.close()


def test_two_engines_one_after_the_other_and_each_is_gone_when_closed(load: Load, samples: Path) -> None:
    window = Window(sound(samples / "en" / "quick_brown_fox.wav"), "en")
    said = []
    for _ in range(2):
        engine = RemoteEngine(load, DecodeOptions(), os.environ)
        said.append(engine.decode((window,), FIRST))
        engine.close()
        assert not psutil.pid_exists(engine.pid)
        engine.close()
        with pytest.raises(RuntimeFailure):
            engine.decode((window,))
    assert said[0] == said[1]
    assert (engine.stats().peak_rss_mib or 0) > 50


@posix
def test_a_process_that_dies_in_the_middle_is_an_error_and_the_next_one_works(
    load: Load, samples: Path
) -> None:
    for number in (signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV):
        engine = RemoteEngine(load, DecodeOptions(), os.environ)
        threading.Timer(0.3, os.kill, (engine.pid, number)).start()
        with pytest.raises(RuntimeFailure, match=f"ended by {number.name}") as caught:
            engine.decode((Window(NOISE, "en"),) * 8, FIRST)
        assert type(caught.value) is RuntimeFailure
        with pytest.raises(RuntimeFailure, match="cannot go on"):
            engine.decode((Window(NOISE, "en"),), FIRST)
        engine.close()
        assert gone(engine.pid, 0.1)
    with RemoteEngine(load, DecodeOptions(), os.environ) as other:
        (said,) = other.decode((Window(sound(samples / "en" / "quick_brown_fox.wav"), "en"),), FIRST)
    assert "lazy dog" in said.segments[0].text


@posix
def test_a_process_that_dies_while_much_sound_is_written_to_it_does_not_hold_us_up(load: Load) -> None:
    engine = RemoteEngine(load, DecodeOptions(), os.environ)
    os.kill(engine.pid, signal.SIGSTOP)
    killer = threading.Timer(0.3, os.kill, (engine.pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(RuntimeFailure, match="SIGKILL"):
        engine.decode((Window(NOISE, "en"),) * 32, FIRST)
    engine.close()


@posix
def test_closing_a_process_that_hangs_kills_it(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bili2text.remote.model._GOODBYE", 0.5)
    engine = RemoteEngine(load, DecodeOptions(), os.environ)
    os.kill(engine.pid, signal.SIGSTOP)
    engine.close()
    assert gone(engine.pid, 0.1)


def test_more_windows_than_a_frame_holds_are_refused_and_the_engine_goes_on(
    tiny: RemoteEngine, samples: Path
) -> None:
    with pytest.raises(RuntimeFailure, match="too many"):
        tiny.decode((Window(NOISE[:16], "en"),) * 65)
    assert tiny.decode((Window(sound(samples / "en" / "counting.wav"), "en"),), FIRST)[0].segments


def test_an_error_within_a_request_leaves_the_engine_usable(tiny: RemoteEngine) -> None:
    with pytest.raises(UsageError):
        tiny.check_language("zh")
    with pytest.raises(RuntimeFailure, match="failed"):
        tiny.decode((Window(NOISE[:16000], "en"),), Effort(temperatures=()))
    assert tiny.decode(()) == ()


def missing(folder: Path) -> None:
    shutil.rmtree(folder)


def damaged(folder: Path) -> None:
    whole = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(whole[: len(whole) // 2])


def intact(folder: Path) -> None: ...


@pytest.mark.parametrize(
    ("harm", "compute_type", "kind"),
    [
        (missing, "int8", Bili2TextError),
        (damaged, "int8", Bili2TextError),
        (intact, "float16", PrecisionFailure),
        (intact, "int3", Bili2TextError),
    ],
)
def test_a_model_that_cannot_be_loaded_is_the_same_error_as_in_this_process(
    tiny_en_folder: Path,
    tmp_path: Path,
    harm: Callable[[Path], None],
    compute_type: str,
    kind: type[Bili2TextError],
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_en_folder, folder)
    harm(folder)
    load = Load(folder, "cpu", compute_type=compute_type)
    with pytest.raises(kind) as here:
        Ct2Engine(load, DecodeOptions())
    with pytest.raises(kind) as there:
        RemoteEngine(load, DecodeOptions(), os.environ)
    assert type(there.value) is type(here.value)
    assert (there.value.message, there.value.hint) == (here.value.message, here.value.hint)


def hooked(folder: Path, code: str) -> Mapping[str, str]:
    """An environment whose Python runs `code` when CTranslate2 is first imported, as the library would."""
    lines = f"""
import os, sys
def hook(event, arguments):
    if event == "import" and arguments[0].startswith("ctranslate2"):
        {code}
sys.addaudithook(hook)
os.write(1, b"printed before anything of ours runs")
"""
    (folder / "sitecustomize.py").write_text(lines, encoding="utf-8")
    return {**os.environ, "PYTHONPATH": str(folder)}


def test_what_python_and_libraries_print_does_not_get_into_the_answers(
    load: Load, samples: Path, tmp_path: Path
) -> None:
    environ = hooked(tmp_path, r'os.write(1, b"CUDA says hello\n" * 1000); print("and more", flush=True)')
    with RemoteEngine(load, DecodeOptions(), environ) as engine:
        (said,) = engine.decode((Window(sound(samples / "en" / "quick_brown_fox.wav"), "en"),), FIRST)
    assert "lazy dog" in said.segments[0].text


@posix
def test_the_last_words_of_a_library_that_aborts_tell_what_it_was(load: Load, tmp_path: Path) -> None:
    words = r"b'terminate called\n  what():  CUDA failed with error out of memory\n'"
    with pytest.raises(OutOfMemory, match=r"SIGABRT: what\(\): CUDA failed with error out of memory"):
        RemoteEngine(load, DecodeOptions(), hooked(tmp_path, f"os.write(2, {words}); os.abort()"))


@posix
def test_modules_in_the_users_folder_are_not_imported(tmp_path: Path, tiny_en_folder: Path) -> None:
    for name in ("json", "numpy", "bili2text", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w')", encoding="utf-8")
    parent = started(tiny_en_folder, "quit", 1, cwd=tmp_path)
    assert parent.communicate()[0].splitlines()[1:] == ["decoded 1", "closed"]
    assert not (tmp_path / "imported").exists()


def started(folder: Path, manner: str, windows: int, cwd: Path | None = None) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, str(PARENT), str(folder), manner, str(windows)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(root)},
        start_new_session=True,
    )


def child_of(parent: subprocess.Popen[str]) -> int:
    assert parent.stdout is not None
    word, pid = parent.stdout.readline().split()
    assert word == "child"
    return int(pid)


@posix
def test_a_parent_that_is_killed_leaves_no_process_behind(tiny_en_folder: Path) -> None:
    parent = started(tiny_en_folder, "quit", 32)
    child = child_of(parent)
    time.sleep(0.5)
    assert not gone(child, 0.1)
    parent.kill()
    assert gone(child)
    parent.communicate()


@posix
def test_ctrl_c_stops_the_parent_at_once_and_its_engine_with_it(tiny_en_folder: Path) -> None:
    parent = started(tiny_en_folder, "quit", 32)
    child = child_of(parent)
    time.sleep(0.5)
    began = time.monotonic()
    os.killpg(parent.pid, signal.SIGINT)
    assert parent.communicate(timeout=20)[0].splitlines() == ["interrupted", "closed"]
    assert time.monotonic() - began < 5
    assert gone(child, 0.1)


@posix
def test_a_ctrl_c_that_the_parent_does_not_mind_does_not_reach_the_engine(tiny_en_folder: Path) -> None:
    parent = started(tiny_en_folder, "deaf", 2)
    child = child_of(parent)
    os.killpg(parent.pid, signal.SIGINT)
    assert parent.communicate(timeout=60)[0].splitlines() == ["decoded 2", "closed"]
    assert gone(child, 0.1)


def test_what_is_measured_of_the_card_comes_from_the_engines_process(load: Load, tmp_path: Path) -> None:
    wish = AccountWish("GPU-no-such-card", Watching(enabled=True), tmp_path)
    with RemoteEngine(load, DecodeOptions(), os.environ, account=wish) as engine:
        early = engine.stats()
    late = engine.stats()
    assert early.taken is not None
    assert late.taken is not None
    assert late.taken.samples > early.taken.samples
    assert (late.taken.origin, late.taken.peak_mib) == ("unknown", None)
    assert late.taken.reason
    assert late.watched is not None
    assert late.log is not None
    assert late.log.parent == tmp_path
    assert late.log.exists()


def test_a_card_is_named_to_cuda_by_its_uuid_and_what_the_user_set_stays() -> None:
    theirs = {"A": "b", "CUDA_VISIBLE_DEVICES": "1", "CT2_CUDA_CACHING_ALLOCATOR_CONFIG": "4,3,12,1"}
    assert child_environment(theirs, "cpu", "", None) == theirs
    made = child_environment(theirs, "cuda", "GPU-7", 4096)
    assert made["CUDA_VISIBLE_DEVICES"] == "GPU-7"
    assert made["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert made["CT2_CUDA_CACHING_ALLOCATOR_CONFIG"] == "4,3,12,1"
    assert child_environment(theirs, "cuda", "", None)["CUDA_VISIBLE_DEVICES"] == "1"
