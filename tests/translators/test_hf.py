"""The translator on transformers, with a real model that is small and says nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bili2text.errors import DeviceFailure, OutOfMemory, PrecisionFailure, RuntimeFailure, UsageError
from bili2text.transcribe.writing import script
from bili2text.translators import hf_memory
from bili2text.translators.engine import Decoding, Load, Message, Prompt, Reply
from bili2text.translators.hf import HfTranslator
from bili2text.translators.hf_errors import running

LINES = (
    "大家好，欢迎来到今天的课程。",
    "好",
    "You can reduce the batch size if your graphics card runs out of memory.",
    "昨天晚上下了一场大雨，路上堵车堵了两个小时。他说他明天下午三点会准时到机场接你。",
    "Please turn off your phone.",
)
MOST = 20


def asked(text: str, most: int = MOST) -> Prompt:
    return Prompt((Message("system", "Translate."), Message("user", text)), most)


PROMPTS = tuple(map(asked, LINES))


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the translator sets for its own process is not left to other tests."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "1")


@pytest.fixture(scope="module")
def opened(tiny_qwen: Path) -> Iterator[Callable[[int], HfTranslator]]:
    """Translators in float32, by the size of their batch."""

    @cache
    def made(batch: int) -> HfTranslator:
        return HfTranslator(
            Load(tiny_qwen, "transformers", "cpu", precision="float32", batch_size=batch, threads=1)
        )

    yield made
    for batch in (1, 2, 5):
        made(batch).close()


@pytest.fixture(scope="module")
def plain(tiny_qwen: Path) -> Callable[..., str]:
    """The same model, asked by transformers' own means, one prompt at a time."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_qwen)
    model = AutoModelForCausalLM.from_pretrained(tiny_qwen, dtype=torch.float32)

    def said(prompt: Prompt, **how: Any) -> str:
        turns = [{"role": one.role, "content": one.text} for one in prompt.messages]
        ids = tokenizer.apply_chat_template(
            turns, add_generation_prompt=True, enable_thinking=False, return_tensors="pt", return_dict=True
        )
        with torch.inference_mode():
            found = model.generate(**ids, max_new_tokens=prompt.max_new_tokens, do_sample=False, **how)
        return str(tokenizer.decode(found[0, ids["input_ids"].shape[1] :], skip_special_tokens=True))

    return said


def texts(replies: tuple[Reply, ...]) -> list[str]:
    return [one.text for one in replies]


def test_greedy_replies_are_those_of_transformers_alone_in_any_batch(
    opened: Callable[[int], HfTranslator], plain: Callable[..., str]
) -> None:
    wanted = [plain(prompt) for prompt in PROMPTS]
    assert len(set(wanted)) == len(wanted)
    for batch in (1, 2, 5):
        assert texts(opened(batch).generate(PROMPTS)) == wanted


def test_beams_find_what_transformers_finds_in_any_batch(
    opened: Callable[[int], HfTranslator], plain: Callable[..., str]
) -> None:
    wanted = [plain(prompt, num_beams=3) for prompt in PROMPTS]
    assert wanted != [plain(prompt) for prompt in PROMPTS]
    for batch in (1, 5):
        found = opened(batch).generate(PROMPTS, Decoding(beam_size=3))
        assert texts(found) == wanted


@pytest.mark.parametrize("decoding", [Decoding(), Decoding(beam_size=2), Decoding(temperature=1.0, seed=3)])
def test_each_reply_is_told_once_and_is_the_one_returned(
    opened: Callable[[int], HfTranslator], decoding: Decoding
) -> None:
    told: list[tuple[int, Reply]] = []
    found = opened(2).generate(PROMPTS, decoding, lambda place, reply: told.append((place, reply)))
    assert sorted(place for place, _ in told) == list(range(len(PROMPTS)))
    assert all(found[place] == reply for place, reply in told)


def test_a_row_ends_at_its_own_limit_and_is_told_before_the_rows_that_go_on(
    opened: Callable[[int], HfTranslator],
) -> None:
    limits = (9, 3, 20, 1, 6)
    prompts = tuple(asked(text, most) for text, most in zip(LINES, limits, strict=True))
    whole = opened(5).generate(PROMPTS)
    order: list[int] = []
    found = opened(5).generate(prompts, told=lambda place, _: order.append(place))
    for reply, full, limit in zip(found, whole, limits, strict=True):
        assert reply.tokens == min(limit, full.tokens)
        assert reply.finished == (full.finished and full.tokens < limit)
    assert order == sorted(order, key=lambda place: (found[place].tokens + found[place].finished, place))
    beams = opened(5).generate(prompts, Decoding(beam_size=2))
    assert all(reply.tokens <= limit for reply, limit in zip(beams, limits, strict=True))


def test_a_seed_gives_the_same_replies_whatever_was_drawn_before(
    opened: Callable[[int], HfTranslator],
) -> None:
    drawn = Decoding(temperature=1.0, top_p=0.95, top_k=40, seed=7)
    first = opened(5).generate(PROMPTS, drawn)
    other = opened(5).generate(PROMPTS, Decoding(temperature=1.0, top_p=0.95, top_k=40, seed=8))
    assert opened(5).generate(PROMPTS, drawn) == first
    assert texts(other) != texts(first)
    greedy = opened(5).generate(PROMPTS)
    assert opened(5).generate(PROMPTS) == greedy, "the folder's own wish to sample is not heard"


def test_what_a_folder_wants_of_decoding_is_not_heard(
    opened: Callable[[int], HfTranslator], tiny_qwen: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "wishes"
    shutil.copytree(tiny_qwen, folder)
    wishes = json.loads((folder / "generation_config.json").read_text())
    wishes |= {
        "do_sample": True,
        "repetition_penalty": 5.0,
        "min_new_tokens": 15,
        "suppress_tokens": [30, 40],
    }
    (folder / "generation_config.json").write_text(json.dumps(wishes))
    other = HfTranslator(Load(folder, "transformers", "cpu", precision="float32", batch_size=5, threads=1))
    assert other.generate(PROMPTS) == opened(5).generate(PROMPTS)


def test_scripts_that_are_ruled_out_are_not_written(opened: Callable[[int], HfTranslator]) -> None:
    for beams in (1, 2):
        for banned in ("latin", "han"):
            usual = "".join(texts(opened(5).generate(PROMPTS, Decoding(beams))))
            found = "".join(texts(opened(5).generate(PROMPTS, Decoding(beams, without=(banned,)))))
            found = found.replace("<think>", "").replace("</think>", "")  # tokens that steer are no writing
            assert any(script(letter) == banned.upper() for letter in usual)
            assert not any(script(letter) == banned.upper() for letter in found)


def test_the_repetition_penalty_leaves_the_words_of_the_prompt_alone(
    opened: Callable[[int], HfTranslator],
) -> None:
    usual = opened(5).generate(PROMPTS)
    found = opened(5).generate(PROMPTS, Decoding(repetition_penalty=5.0))
    assert texts(found) != texts(usual)
    short = tuple(asked(text, 1) for text in LINES)
    assert opened(5).generate(short, Decoding(repetition_penalty=5.0)) == opened(5).generate(short)


def test_a_model_that_computes_no_numbers_is_a_failure_of_the_precision(
    tiny_qwen: Path, tmp_path: Path
) -> None:
    import tiny_qwen as tiny

    broken = HfTranslator(Load(tiny.spoil(tiny_qwen, tmp_path / "nan"), "transformers", "cpu", threads=1))
    told: list[int] = []
    for beams in (1, 2):
        with pytest.raises(PrecisionFailure, match="not a number"):
            broken.generate(PROMPTS, Decoding(beams), lambda place, _: told.append(place))
    assert not told


def test_a_model_that_says_one_token_for_ever_is_a_failure_of_the_precision(
    tiny_qwen: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "same"
    shutil.copytree(tiny_qwen, folder)
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"].zero_()  # all tokens are as likely
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    same = HfTranslator(Load(folder, "transformers", "cpu", threads=1))
    with pytest.raises(PrecisionFailure, match="one token over and over"):
        same.generate(PROMPTS)


def test_a_batch_without_room_is_refused_before_it_starts(
    opened: Callable[[int], HfTranslator], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = hf_memory.needed_bytes(_config(opened), 1, 400)
    monkeypatch.setattr(hf_memory, "free_bytes", lambda _: alone)
    with pytest.raises(OutOfMemory, match="5 sequences"):
        opened(5).generate(PROMPTS)
    assert len(opened(1).generate(PROMPTS)) == len(PROMPTS)
    assert hf_memory.needed_bytes(_config(opened), 8, 400) == 8 * alone


def _config(opened: Callable[[int], HfTranslator]) -> Any:
    return opened(5)._model.config


def test_memory_that_is_not_there_is_no_crash(with_torch: None) -> None:
    import torch

    with pytest.raises(OutOfMemory), running("memory"):
        torch.empty(1 << 48, dtype=torch.float64)
    with pytest.raises(OutOfMemory, match="the GPU has no room"), running("the GPU"):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    with pytest.raises(RuntimeFailure), running("memory"):
        torch.zeros(2) @ torch.zeros(3)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ImportError("finegrained-fp8 kernel unavailable"), PrecisionFailure),
        (
            ValueError(
                "Version 4 of 'kernels-community/finegrained-fp8' is not available in the local cache"
            ),
            PrecisionFailure,
        ),
        (RuntimeError("CUDA error: CUBLAS_STATUS_NOT_SUPPORTED when calling cublasGemmEx"), PrecisionFailure),
        (RuntimeError("\"addmm_impl_cpu_\" not implemented for 'Half'"), PrecisionFailure),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), OutOfMemory),
        (MemoryError(), OutOfMemory),
        (RuntimeError("CUDA error: an illegal memory access was encountered\nmore"), DeviceFailure),
        (RuntimeError("shapes differ"), RuntimeFailure),
        (BrokenPipeError("the one who asked is gone"), BrokenPipeError),
    ],
)
def test_what_torch_says_is_told_as_what_it_means(error: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind) as told, running("the GPU"):
        raise error
    assert type(told.value) is kind
    assert "\n" not in str(told.value)


def test_a_prompt_longer_than_the_model_reads_is_refused(opened: Callable[[int], HfTranslator]) -> None:
    with pytest.raises(UsageError, match="reads 2048"):
        opened(1).generate((asked("长" * 3000),))


def test_no_prompts_give_no_replies(opened: Callable[[int], HfTranslator]) -> None:
    assert opened(2).generate(()) == ()


SEALED = """
import sys
from pathlib import Path

def guard(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        raise SystemExit(f"asked the network: {event} {arguments}")
    if event == "socket.connect" and not str(arguments[1][0]).startswith(("127.", "::1", "/")):
        raise SystemExit(f"asked the network: {arguments}")

sys.addaudithook(guard)
from bili2text.translators.engine import Decoding, Load, Message, Prompt
from bili2text.translators.hf import HfTranslator

opened = HfTranslator(Load(Path(sys.argv[1]), "transformers", "cpu", threads=1))
prompts = (Prompt((Message("user", "好"),), 5),)
for decoding in (Decoding(), Decoding(beam_size=2), Decoding(temperature=1.0), Decoding(without=("han",))):
    opened.generate(prompts, decoding)
print("ok")
"""


def test_nothing_is_asked_of_the_network(tiny_qwen: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SEALED, str(tiny_qwen)], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, "ok"), ended.stderr
