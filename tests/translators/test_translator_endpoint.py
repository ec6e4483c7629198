"""A server as the holder of a run: which is used and what is sent, and a job that outlives ours."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from words_model import running

from bili2text.errors import UsageError
from bili2text.plan.precision import PrecisionWish
from bili2text.progress import Silent
from bili2text.serving.server import Server
from bili2text.serving.values import About, Limits, Resident, Served
from bili2text.translate.records import Pin
from bili2text.translating import Translating
from bili2text.translation_request import Endpoint, Translation, TranslationOutput, TranslationRequest
from bili2text.translator_endpoint import EndpointHolder, ResidentHolder, endpoint, unmet
from bili2text.translator_loading import TranslatorLoader
from bili2text.translators.engine import Translator
from bili2text.translators.values import TranslatorWishes

ABOUT = About(Pin("Qwen3-4B", "d", "ctranslate2", "int8_float32", 8, "cpu", "CPU, 4 cores"), "qwen3")


def asking(base: str, *, shared: bool = False, models_dir: Path | None = None, **wishes: object) -> object:
    request = TranslationRequest(
        "en",
        wishes=TranslatorWishes(**wishes),  # type: ignore[arg-type]
        endpoint=Endpoint(base),
        models_dir=models_dir,
        shared=shared,
    )
    return endpoint(request, {}, Silent())


@pytest.mark.parametrize(
    ("wishes", "option"),
    [
        ({"precision": "int8"}, "--precision"),
        ({"engine": "ctranslate2"}, "--engine"),
        ({"models_dir": Path("models")}, "--models-dir"),
        ({"device": "cuda"}, "--device"),
        ({"gpu": "GPU-1"}, "--gpu"),
        ({"wish": PrecisionWish(use_int8=True)}, "--use-int8"),
        ({"wish": PrecisionWish(use_fp16=False)}, "--no-use-fp16"),
        ({"wish": PrecisionWish(policy="mixed")}, "--precision-policy"),
        ({"vram_budget_mib": 4096}, "--vram-budget"),
        ({"reserve_mib": 10}, "--reserve"),
        ({"policy": "guide"}, "--policy"),
        ({"threads": 2}, "--threads"),
        ({"cpu_fallback": False}, "--no-cpu-fallback"),
        ({"auto_optimize": False}, "--no-auto-optimize"),
    ],
)
def test_what_means_nothing_to_a_server_is_refused(wishes: dict[str, object], option: str) -> None:
    with pytest.raises(UsageError, match=f"{option} means nothing") as caught:
        asking("http://127.0.0.1:9/v1", **wishes)  # type: ignore[arg-type]
    assert "leave that out" in caught.value.hint


def test_what_only_settings_say_stands_in_no_servers_way() -> None:
    wishes = TranslatorWishes(device="cuda", threads=2, precision="int8", batch_size=4)
    request = TranslationRequest("en", wishes=wishes, endpoint=Endpoint("http://127.0.0.1:9/v1"))
    assert isinstance(endpoint(replace(request, given=frozenset()), {}, Silent()), EndpointHolder)
    with pytest.raises(UsageError, match="--device, --threads mean nothing"):
        endpoint(replace(request, given=frozenset({"--device", "--threads"})), {}, Silent())
    assert unmet(replace(request, given=frozenset()), ABOUT) == ()
    assert unmet(replace(request, given=frozenset({"--threads"})), ABOUT) == ("--threads",)


def test_a_run_that_transcribes_has_its_device_for_whisper_but_not_its_translator() -> None:
    shared = asking("http://127.0.0.1:9/v1", shared=True, device="cuda", threads=2)
    assert isinstance(shared, EndpointHolder)
    with pytest.raises(UsageError, match="--translate-precision means"):
        asking("http://127.0.0.1:9/v1", shared=True, precision="int8")
    assert isinstance(asking("http://127.0.0.1:9/v1", batch_size=4), EndpointHolder)


def test_a_beam_that_is_not_sent_is_refused_and_not_written_down() -> None:
    with running() as base:
        holder = asking(f"{base}/v1", beam_size=4)
        assert isinstance(holder, EndpointHolder)
        for ask in (holder.check, lambda: holder.begin(None)):
            with pytest.raises(UsageError, match="--beam-size means nothing"):
                ask()
        usual = asking(f"{base}/v1")
        assert isinstance(usual, EndpointHolder)
        usual.check()
        assert usual.begin(None)[0].startswith("words at http://127.0.0.1")
        assert usual.pin.digest == ""
        usual.close()


@pytest.mark.parametrize(
    ("wishes", "asked"),
    [
        ({}, ()),
        ({"beam_size": 4}, ()),
        ({"engine": "ctranslate2", "device": "cpu", "precision": "int8_float32", "batch_size": 8}, ()),
        ({"precision": "int8"}, ()),  # int8_float32 is a kind of it
        ({"precision": "float3"}, ("--precision",)),
        ({"engine": "transformers"}, ("--engine",)),
        ({"precision": "float32", "device": "cuda"}, ("--precision", "--device")),
        ({"batch_size": 4}, ("--batch-size",)),
        ({"wish": PrecisionWish(use_int8=False)}, ("--no-use-int8",)),
        ({"gpu": "GPU-1", "threads": 1}, ("--gpu", "--threads")),
    ],
)
def test_the_resident_model_is_not_used_where_another_was_asked_for(
    wishes: dict[str, object], asked: tuple[str, ...]
) -> None:
    request = TranslationRequest("en", wishes=TranslatorWishes(**wishes))  # type: ignore[arg-type]
    assert unmet(request, ABOUT) == asked
    assert set(unmet(replace(request, models_dir=Path("x")), ABOUT)) == {*asked, "--models-dir"}
    assert set(unmet(request, None)) >= set(asked)


class Talk(Silent):
    """A Progress that keeps what it hears and stops the run at the given sentence."""

    def __init__(self, stop_at: int = 0) -> None:
        self.notes: list[str] = []
        self._left = stop_at

    def note(self, text: str) -> None:
        self.notes.append(text)
        if " -> " in text and self._left:
            self._left -= 1
            if not self._left:
                raise KeyboardInterrupt


@pytest.fixture
def environ(tmp_path: Path, tiny_qwen_ct2: Path) -> dict[str, str]:
    """An environment whose cache has the one model."""
    shutil.copytree(tiny_qwen_ct2, tmp_path / "c" / "translators" / "Qwen3-tiny-ct2")
    hidden = {"CUDA_VISIBLE_DEVICES": "", "HF_HOME": str(tmp_path / "none"), "OMP_NUM_THREADS": "1"}
    return {**os.environ, "BILI2TEXT_CACHE_DIR": str(tmp_path / "c"), **hidden}


@contextmanager
def resident(environ: dict[str, str]) -> Iterator[Resident]:
    """`serve-translation` in this process."""
    request = TranslationRequest("en", wishes=TranslatorWishes(threads=1))
    loader = TranslatorLoader(request, Silent(), environ)

    def loaded() -> Translator:
        loader.close()
        loader.begin(None)
        return loader.translator

    plan = loader.check()
    told = Server(
        Path(environ["BILI2TEXT_CACHE_DIR"]),
        loaded,
        Served(plan.model.name, 0),
        Limits(batch=plan.batch_size, grace=1.0),
        about=lambda: About(loader.pin, loader.profile),
    )
    try:
        with told as found:
            yield found
    finally:
        loader.close()


def translated(environ: dict[str, str], path: Path, progress: Talk) -> Translation:
    request = TranslationRequest("en", source="zh", output=TranslationOutput(str(path.parent / "out")))
    translating = Translating(request, progress, environ)
    try:
        translating.check()
        found = translating.file(path)
    finally:
        translating.close()
    assert isinstance(found, Translation), found
    return found


ZH = (
    "今天天气很好。",
    "我们去公园散步。",
    "他说他不来了。",
    "晚上一起吃饭吧。",
    "那本书在桌子上。",
    "雨停了。",
)


@pytest.mark.parametrize("begins", ["with the server", "without it"])
def test_a_job_goes_on_when_the_server_is_started_or_stopped(
    begins: str, environ: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "talk.txt"
    path.write_text("\n".join(ZH), encoding="utf-8")
    first, second = Talk(stop_at=3), Talk()

    def begun() -> None:
        with pytest.raises(KeyboardInterrupt):
            translated(environ, path, first)

    if begins == "with the server":
        with resident(environ):
            begun()
        done = translated(environ, path, second)
    else:
        begun()
        with resident(environ):
            done = translated(environ, path, second)
    assert not [note for note in (*first.notes, *second.notes) if "anew" in note]
    assert done.resumed >= 3
    assert done.details["steps"] == []  # the very same model, as it was
    assert done.resumed + len([note for note in second.notes if " -> " in note]) >= len(ZH)
    assert done.details["model_digest"]
    assert done.details["engine"] == "ctranslate2"
    assert done.details["device"] == "cpu"
    using = [note for note in (*first.notes, *second.notes) if "serve-translation keeps" in note]
    assert len(using) == 1


def test_the_server_says_what_it_has_loaded(environ: dict[str, str]) -> None:
    with resident(environ) as found:
        assert found.about is not None
        pin = found.about.pin
        assert (pin.model, pin.engine, pin.precision) == ("Qwen3-tiny-ct2", "ctranslate2", "int8_float32")
        assert len(pin.digest) == 64
        held = endpoint(TranslationRequest("en"), environ, Silent())
        assert isinstance(held, ResidentHolder)
        assert (held.pin, held.profile) == (pin, found.about.profile)
        held.check()
        progress = Talk()
        request = TranslationRequest("en", wishes=TranslatorWishes(engine="transformers"))
        assert endpoint(request, environ, progress) is None
        assert "--engine was asked for" in progress.notes[0]
        # a server of ours that is named by its address is known for what it is, and can be asked for beams
        named = TranslationRequest(
            "en", wishes=TranslatorWishes(beam_size=2), endpoint=Endpoint(found.url, found.model)
        )
        other = endpoint(named, {**environ, "BILI2TEXT_API_KEY": found.token}, Silent())
        assert other is not None
        other.check()
        assert other.translator.ours
        other.close()
        held.close()
