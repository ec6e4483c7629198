"""A translator in a process of its own: each reply as it comes, and no death of it that takes us along."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bili2text.errors import (
    Bili2TextError,
    ModelError,
    OutOfMemory,
    PrecisionFailure,
    RuntimeFailure,
    StorageError,
)
from bili2text.remote.stats import EngineStats
from bili2text.translators.engine import Decoding, EngineName, Load, Message, Prompt, Reply
from bili2text.translators.remote import RemoteTranslator, child_environment

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals")


def started(folder: Path, engine: EngineName = "api") -> RemoteTranslator:
    load = Load(folder, engine, "cpu", precision="bfloat16")
    return RemoteTranslator(load, os.environ, module="scripted_translator")


@pytest.fixture
def translator(tmp_path: Path) -> Iterator[RemoteTranslator]:
    with started(tmp_path) as found:
        yield found


def asked(*orders: str) -> tuple[Prompt, ...]:
    system = Message("system", "Do as you are told.")
    return tuple(Prompt((system, Message("user", order)), 32) for order in orders)


def test_replies_are_told_in_the_order_they_come_in_our_thread_and_before_the_answer(
    translator: RemoteTranslator,
) -> None:
    heard: list[tuple[int, Reply]] = []

    def told(index: int, reply: Reply) -> None:
        assert threading.current_thread() is threading.main_thread()
        heard.append((index, reply))

    texts = ["你好", "", "two\nlines 😀 \udc80"] + [str(number) for number in range(500)]
    replies = translator.generate(asked(*(f"say {text}" for text in texts)), Decoding(temperature=0.1), told)
    assert [reply.text for reply in replies] == texts
    assert replies[0] == Reply("你好", 2, finished=True)
    assert heard == list(reversed(list(enumerate(replies))))
    assert translator.generate(asked("say once more"))[0].text == "once more"  # nobody is told
    assert translator.generate((), told=told) == ()
    assert translator.precision == "bfloat16"


@pytest.mark.parametrize(
    ("engine", "module", "name", "model"),
    [
        ("ctranslate2", "bili2text.translators.ct2", "Ct2Translator", "tiny_qwen_ct2"),
        ("transformers", "bili2text.translators.hf", "HfTranslator", "tiny_qwen"),
    ],
)
def test_each_engine_says_the_same_in_a_process_of_its_own(
    engine: EngineName, module: str, name: str, model: str, request: pytest.FixtureRequest
) -> None:
    load = Load(request.getfixturevalue(model), engine, "cpu", precision="float32", batch_size=2, threads=1)
    prompts = asked("今天天气很好。", "Hello there.", "再见")
    here = getattr(importlib.import_module(module), name)(load)
    said = here.generate(prompts)
    heard: dict[int, Reply] = {}
    with RemoteTranslator(load, os.environ) as there:
        assert there.generate(prompts, told=heard.__setitem__) == said
        assert there.precision == here.precision
    assert tuple(heard[index] for index in range(3)) == said
    here.close()


@pytest.mark.parametrize("kind", [PrecisionFailure, OutOfMemory, RuntimeFailure])
def test_an_error_within_a_request_arrives_as_itself_after_the_parts_before_it(
    translator: RemoteTranslator, kind: type[Bili2TextError]
) -> None:
    heard: list[int] = []
    with pytest.raises(kind, match=f"as {kind.__name__} was ordered") as caught:
        translator.generate(
            asked(f"fail {kind.__name__}", "say a"), told=lambda index, _: heard.append(index)
        )
    assert type(caught.value) is kind
    assert caught.value.hint == "order otherwise"
    assert heard == [1]
    assert translator.usable
    assert translator.generate(asked("say b"))[0].text == "b"


def test_any_other_error_is_a_failure_of_the_translator_in_one_line(translator: RemoteTranslator) -> None:
    with pytest.raises(RuntimeFailure, match="the translator failed: ValueError: broken in two") as caught:
        translator.generate(asked("break"))
    assert "--model-path" in caught.value.hint


@posix
def test_a_kill_in_the_middle_is_an_error_that_keeps_what_was_told(translator: RemoteTranslator) -> None:
    heard: list[str] = []

    def told(_: int, reply: Reply) -> None:
        heard.append(reply.text)
        os.kill(translator.pid, signal.SIGKILL)

    with pytest.raises(RuntimeFailure, match="the translator ended by SIGKILL") as caught:
        translator.generate(asked("say c", "hang", "say a"), told=told)
    assert type(caught.value) is RuntimeFailure
    assert heard == ["a"]
    assert not translator.usable
    with pytest.raises(RuntimeFailure, match="the translator stopped earlier"):
        translator.generate(asked("say d"))
    assert isinstance(translator.stats(), EngineStats)
    translator.close()
    assert not psutil.pid_exists(translator.pid)


def test_an_error_of_the_one_who_is_told_reaches_the_caller_and_the_process_can_be_closed(
    translator: RemoteTranslator,
) -> None:
    def told(_index: int, _reply: Reply) -> None:
        raise StorageError("the disk is full")

    with pytest.raises(StorageError):
        translator.generate(asked("hang", "say a"), told=told)
    assert not translator.usable
    translator.close()
    assert not psutil.pid_exists(translator.pid)


@posix
@pytest.mark.parametrize(
    ("words", "kind"), [("CUDA out of memory. Tried to allocate 2 GiB", OutOfMemory), ("", RuntimeFailure)]
)
def test_an_abort_is_known_by_its_last_words(
    translator: RemoteTranslator, words: str, kind: type[Bili2TextError]
) -> None:
    with pytest.raises(kind, match="the translator ended by SIGABRT") as caught:
        translator.generate(asked(f"abort {words}"))
    assert type(caught.value) is kind
    assert "use a smaller model (--model-path)" in caught.value.hint


def test_a_model_that_cannot_be_loaded_is_the_error_it_was_and_leaves_no_process(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such folder"):
        started(tmp_path / "missing")
    (tmp_path / "at_loading").write_text("break", encoding="utf-8")
    with pytest.raises(RuntimeFailure, match="ValueError"):
        started(tmp_path)
    assert not [one for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE]


def test_what_the_process_took_is_known_after_it_is_closed(tmp_path: Path) -> None:
    with started(tmp_path) as translator:
        pass
    assert (translator.stats().peak_rss_mib or 0) > 5
    with pytest.raises(RuntimeFailure, match="the translator was closed"):
        translator.generate(asked("say a"))


def test_an_engine_that_has_no_process_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeFailure, match="api is no engine that runs here"):
        RemoteTranslator(Load(tmp_path, "api", "cpu"), os.environ)


def test_nothing_is_looked_up_and_only_the_planned_card_is_seen() -> None:
    theirs = {"A": "b", "HF_HUB_OFFLINE": "0", "CUDA_VISIBLE_DEVICES": "1", "PYTORCH_ALLOC_CONF": "x"}
    offline = {
        "A": "b",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }

    def made(engine: EngineName, device: str, gpu: str) -> dict[str, str]:
        return child_environment(theirs, Load(Path(), engine, device), gpu, 4096)

    on_cpu = made("transformers", "cpu", "")
    assert on_cpu == {**theirs, **offline, "CUDA_VISIBLE_DEVICES": ""}
    torch = made("transformers", "cuda", "GPU-7")
    assert torch.items() >= offline.items()
    assert torch["CUDA_VISIBLE_DEVICES"] == "GPU-7"
    assert torch["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert torch["PYTORCH_ALLOC_CONF"] == torch["PYTORCH_CUDA_ALLOC_CONF"] == "x"
    assert "CT2_CUDA_CACHING_ALLOCATOR_CONFIG" not in torch
    ct2 = made("ctranslate2", "cuda", "")
    assert ct2["CUDA_VISIBLE_DEVICES"] == "1"
    assert "CT2_CUDA_CACHING_ALLOCATOR_CONFIG" in ct2
    assert "PYTORCH_CUDA_ALLOC_CONF" not in ct2
