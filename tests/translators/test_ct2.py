"""The translator on CTranslate2, on a tiny Qwen3 in float32: the same replies as transformers gives."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bili2text.errors import ModelError, PrecisionFailure, RuntimeFailure
from bili2text.translators.chat import Chat
from bili2text.translators.ct2 import Ct2Translator
from bili2text.translators.ct2_replies import reply_of
from bili2text.translators.engine import Decoding, Load, Message, Prompt, Reply

SYSTEM = Message("system", "Translate the sentence into English. Only the translation, nothing else.")
SENTENCES = (
    *"天地玄黄宇宙洪荒日月",
    "大家好，欢迎来到今天的课程，我们先来复习一下上节课的内容。",
    "如果显存不够，可以先把批次大小调小一点。",
)
SAMPLED = Decoding(temperature=0.9, top_p=0.95, top_k=20, seed=7)


def asked(sentence: str, limit: int = 24) -> Prompt:
    return Prompt((SYSTEM, Message("user", sentence)), limit)


PROMPTS = tuple(asked(one) for one in SENTENCES)


@pytest.fixture(scope="module")
def load(tiny_qwen_ct2: Path) -> Load:
    return Load(tiny_qwen_ct2, "ctranslate2", "cpu", threads=1, batch_size=5)


@pytest.fixture(scope="module")
def translator(load: Load) -> Iterator[Ct2Translator]:
    found = Ct2Translator(load)
    yield found
    found.close()


def test_greedy_replies_are_those_of_transformers(translator: Ct2Translator, tiny_qwen: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model: Any = AutoModelForCausalLM.from_pretrained(tiny_qwen, dtype=torch.float32)
    tokenizer: Any = AutoTokenizer.from_pretrained(tiny_qwen)
    model.generation_config.do_sample = False
    replies = translator.generate(PROMPTS)
    for prompt, reply in zip(PROMPTS, replies, strict=True):
        turns = [{"role": one.role, "content": one.text} for one in prompt.messages]
        told = tokenizer.apply_chat_template(
            turns, add_generation_prompt=True, enable_thinking=False, return_tensors="pt", return_dict=True
        )
        with torch.inference_mode():
            whole = model.generate(**told, max_new_tokens=24)[0]
            said = whole[told["input_ids"].shape[1] :]
        assert reply.text == tokenizer.decode(said, skip_special_tokens=True)
        assert reply.tokens == len(said)
        assert reply.finished == (said[-1].item() in model.generation_config.eos_token_id)
    assert {True, False} == {reply.finished for reply in replies}  # the model does both


def test_each_reply_is_told_once_as_it_ends_and_from_the_callers_thread(translator: Ct2Translator) -> None:
    import threading

    told: list[tuple[int, Reply]] = []
    here = threading.get_ident()

    def tell(place: int, reply: Reply) -> None:
        assert threading.get_ident() == here
        told.append((place, reply))

    replies = translator.generate(PROMPTS, told=tell)
    assert len(told) == len(PROMPTS)
    assert dict(told) == dict(enumerate(replies))
    first = [place for place, _ in told[:5]]
    assert sorted(first) == [0, 1, 2, 3, 4]  # batches are cut in the given order
    lengths = [replies[place].tokens for place in first]
    assert lengths == sorted(lengths)
    assert lengths[0] < lengths[-1]


@pytest.mark.parametrize("decoding", [Decoding(), Decoding(beam_size=3), Decoding(repetition_penalty=1.3)])
def test_replies_do_not_depend_on_the_batch_nor_on_what_was_computed_before(
    load: Load, decoding: Decoding
) -> None:
    """With a beam or a penalty that is so only for prompts of one length, as CTranslate2 decodes them."""
    alone = Ct2Translator(replace(load, batch_size=1))
    together = Ct2Translator(replace(load, batch_size=32))
    try:
        mixed = (*PROMPTS, Prompt((Message("user", "no system turn"),), 24))
        chat = Chat.read(load.folder)
        lengths = [len(chat.tokens(prompt.messages)) for prompt in mixed]
        usual = max(lengths, key=lengths.count)
        even = tuple(prompt for prompt, length in zip(mixed, lengths, strict=True) if length == usual)
        assert len(even) > 3
        compared = mixed if decoding == Decoding() else even
        assert alone.generate(compared, decoding) == together.generate(compared, decoding)
        first = together.generate(mixed, decoding)
        together.generate(mixed[3:], decoding)
        assert together.generate(mixed, decoding) == first
    finally:
        alone.close()
        together.close()


def test_each_prompt_has_its_own_limit(translator: Ct2Translator) -> None:
    whole = translator.generate(PROMPTS[:5])
    for beam in (1, 3):
        cut = translator.generate(
            tuple(asked(one, limit) for one, limit in zip(SENTENCES, (1, 2, 3, 24, 24), strict=False)),
            Decoding(beam_size=beam),
        )
        assert all(reply.tokens <= limit for reply, limit in zip(cut, (1, 2, 3, 24, 24), strict=True))
        assert not cut[0].finished
        assert all(reply.finished or reply.tokens in (1, 2, 3, 24) for reply in cut)
        if beam == 1:
            assert all(ours.text.startswith(part.text[:1]) for ours, part in zip(whole, cut, strict=True))
            assert whole[3:] == cut[3:]


def test_the_same_seed_gives_the_same_replies_and_another_seed_others(
    load: Load, translator: Ct2Translator
) -> None:
    first = translator.generate(PROMPTS[:5], SAMPLED)
    assert translator.generate(PROMPTS[:5], replace(SAMPLED, seed=8)) != first
    assert translator.generate(PROMPTS[:5], SAMPLED) == first
    fresh = Ct2Translator(load)
    try:
        assert fresh.generate(PROMPTS[:5], SAMPLED) == first
    finally:
        fresh.close()
    greedy = translator.generate(PROMPTS[:5])
    assert greedy != first
    assert translator.generate(PROMPTS[:5]) == greedy


def test_a_fresh_process_gives_the_same_replies(load: Load, translator: Ct2Translator) -> None:
    program = (
        "import sys, json; from pathlib import Path; sys.path[:0] = sys.argv[2:];"
        "from test_ct2 import PROMPTS, SAMPLED, Load, Ct2Translator;"
        "one = Ct2Translator(Load(Path(sys.argv[1]), 'ctranslate2', 'cpu', threads=1, batch_size=5));"
        "print(json.dumps([[r.text for r in one.generate(PROMPTS)],"
        "[r.text for r in one.generate(PROMPTS[:5], SAMPLED)]]))"
    )
    here = Path(__file__).parent
    said = subprocess.run(
        [sys.executable, "-c", program, str(load.folder), str(here), str(here.parents[1])],
        check=True,
        capture_output=True,
    )
    greedy, sampled = json.loads(said.stdout)
    assert greedy == [reply.text for reply in translator.generate(PROMPTS)]
    assert sampled == [reply.text for reply in translator.generate(PROMPTS[:5], SAMPLED)]


@pytest.mark.parametrize("beam", [1, 2])
def test_a_script_that_is_suppressed_is_not_written(translator: Ct2Translator, beam: int) -> None:
    free = "".join(reply.text for reply in translator.generate(PROMPTS, Decoding(beam_size=beam)))
    kept = translator.generate(PROMPTS, Decoding(beam_size=beam, without=("han", "kana")))
    text = "".join(reply.text for reply in kept)
    assert any("一" <= letter <= "鿿" for letter in free)
    assert not any("぀" <= letter <= "鿿" for letter in text)
    again = "".join(reply.text for reply in translator.generate(PROMPTS, Decoding(beam_size=beam)))
    assert again == free  # it holds for the one call


def test_the_state_of_no_more_than_a_few_beginnings_is_kept(translator: Ct2Translator) -> None:
    for number in range(8):
        system = Message("system", f"Number {number}: translate the sentence into English.")
        prompts = tuple(Prompt((system, Message("user", one)), 4) for one in SENTENCES[:2])
        assert len(translator.generate(prompts)) == 2
    assert len(translator._kept) <= 4


def test_what_fails_in_told_ends_the_batch_and_is_raised_as_it_is(translator: Ct2Translator) -> None:
    calls = []

    def fail(place: int, reply: Reply) -> None:
        calls.append(place)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        translator.generate(PROMPTS, told=fail)
    assert len(calls) == 1
    assert len(translator.generate(PROMPTS[:2])) == 2  # it goes on


def test_nan_is_no_translation(tiny_qwen: Path, load: Load, tmp_path: Path) -> None:
    """NaN in a weight of the converted model itself: its bytes are found by those of the source."""
    from safetensors.torch import load_file

    shutil.copytree(load.folder, tmp_path / "model")
    weight = load_file(tiny_qwen / "model.safetensors")["model.layers.0.mlp.down_proj.weight"].float().numpy()
    path = tmp_path / "model" / "model.bin"
    whole = path.read_bytes()
    assert whole.count(weight.tobytes()) == 1
    path.write_bytes(whole.replace(weight.tobytes(), b"\xff\xff\xff\x7f" * weight.size))
    broken = Ct2Translator(replace(load, folder=tmp_path / "model"))
    told: list[int] = []
    try:
        for decoding in (Decoding(), Decoding(beam_size=2)):
            with pytest.raises(PrecisionFailure, match="float32 gives no text"):
                broken.generate(PROMPTS[:3], decoding, lambda place, _: told.append(place))
    finally:
        broken.close()
    assert told == []


def test_exclamation_marks_alone_are_no_text_either(load: Load) -> None:
    chat = Chat.read(load.folder)
    with pytest.raises(PrecisionFailure, match="only !"):
        reply_of([0] * 16, -0.1, 64, chat, "float16")
    assert reply_of([0] * 3, -0.1, 64, chat, "float16").tokens == 3


def test_a_broken_folder_and_an_unknown_precision_are_one_line(load: Load, tmp_path: Path) -> None:
    with pytest.raises(PrecisionFailure) as refused:
        Ct2Translator(replace(load, precision="int3"))
    for spoil in ("missing", "short"):
        folder = tmp_path / spoil
        shutil.copytree(load.folder, folder)
        if spoil == "missing":
            (folder / "model.bin").unlink()
        else:
            (folder / "model.bin").write_bytes((folder / "model.bin").read_bytes()[:50_000])
        with pytest.raises((ModelError, RuntimeFailure)) as caught:
            Ct2Translator(replace(load, folder=folder))
        assert "\n" not in caught.value.message
        assert "speech" not in caught.value.message + caught.value.hint
    assert "\n" not in refused.value.message
    closed = Ct2Translator(load)
    closed.close()
    closed.close()
    with pytest.raises(RuntimeFailure, match="was closed"):
        closed.generate(PROMPTS[:1])
