"""The teacher, a real one of random weights: what it thinks is what its own logits say."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bili2text.errors import DependencyError, ModelError, PrecisionFailure
from bili2text.seq2seq.text_codec import TextCodec, of_qwen
from bili2text.seq2seq.values import END, WAYS
from bili2text.translators.engine import Load, Reply
from bili2text.workshop.distillation.labels import Sample
from bili2text.workshop.distillation.lessons import likely_of
from bili2text.workshop.distillation.teaching import asked, judged
from bili2text.workshop.train.fetch import teacher_folder
from bili2text.workshop.train.teacher import HfTeacher, Teaching

VOCAB = 640


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import labelled  # noqa: F401 - it knows where tiny_qwen lies
    import tiny_qwen

    return tiny_qwen.build(tmp_path_factory.mktemp("teacher") / "Qwen3-tiny")


@pytest.fixture(scope="module")
def codec(folder: Path) -> TextCodec:
    return of_qwen(folder / "tokenizer.json", VOCAB)


@pytest.fixture(scope="module")
def samples() -> Sequence[Sample]:
    from labelled import short_pairs

    return [Sample(way, pair.source(way), pair.target(way)) for pair in short_pairs(6) for way in WAYS]


@pytest.fixture(scope="module")
def teacher(folder: Path, codec: TextCodec) -> HfTeacher:
    return HfTeacher(folder, codec, Teaching("cpu", "float32", max_tokens=60, k=5))


def logits_of(folder: Path, codec: TextCodec, sample: Sample) -> tuple[Any, list[int]]:
    """The teacher's logits for each token of the target and its end, by transformers alone, unpadded."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    turns = [{"role": one.role, "content": one.text} for one in asked(sample, "qwen3").messages]
    asking = tokenizer.apply_chat_template(
        turns, add_generation_prompt=True, enable_thinking=False, tokenize=True, return_dict=False
    )
    target = tokenizer(sample.target, add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        found = model(torch.tensor([[*asking, *target]])).logits[0, len(asking) - 1 :]
    return found, target


def test_opinions_are_the_logits_of_an_unpadded_forward_and_their_whole_sums(
    folder: Path, codec: TextCodec, teacher: HfTeacher, samples: Sequence[Sample]
) -> None:
    opinions = teacher.opinions(samples)
    for place in (0, 1, 5):
        logits, target = logits_of(folder, codec, samples[place])
        own = opinions[place]
        assert own is not None
        assert own.tokens.shape == (len(target) + 1, 5)
        best = logits.topk(5)
        assert own.tokens.tolist() == best.indices.tolist()
        assert np.allclose(own.logits, best.values, atol=2e-2)  # float16 keeps 3 digits
        assert np.allclose(own.whole[:, 0], logits.logsumexp(-1), atol=1e-4)
        assert np.allclose(own.whole[:, 1], (logits / 2).logsumexp(-1), atol=1e-4)


def test_a_student_has_a_row_for_each_label_and_the_language_is_nobodys_opinion(
    codec: TextCodec, teacher: HfTeacher, samples: Sequence[Sample]
) -> None:
    sample, opinion = samples[0], teacher.opinions(samples[:1])[0]
    labels = codec.target(sample.target, sample.way)
    assert opinion is not None
    likely = likely_of(opinion, len(labels), codec.renumbered)
    assert likely.tokens.shape == (len(labels), 5)
    assert np.isinf(likely.whole[0]).all()
    assert np.isfinite(likely.whole[1:]).all()
    shares = np.exp(likely.logits[1:].astype(np.float64) - likely.whole[1:, :1]).sum(-1)
    assert ((shares > 0) & (shares < 1.001)).all()
    with pytest.raises(ModelError, match="vocabulary is not the one"):
        likely_of(opinion, len(labels) + 1, codec.renumbered)
    with pytest.raises(ModelError, match="vocabulary is not the one"):
        likely_of(opinion, len(labels), None)


def test_with_all_of_the_vocabulary_named_a_teacher_gives_each_label_its_own_probability(
    folder: Path, codec: TextCodec, samples: Sequence[Sample]
) -> None:
    teacher = HfTeacher(folder, codec, Teaching("cpu", "float32", 60, VOCAB))
    sample = samples[0]
    opinion = teacher.opinions([sample])[0]
    logits, target = logits_of(folder, codec, sample)
    labels = codec.target(sample.target, sample.way)
    assert opinion is not None
    likely = likely_of(opinion, len(labels), codec.renumbered)
    shares = np.exp(likely.logits.astype(np.float64) - likely.whole[:, :1])
    theirs = logits.softmax(-1).numpy()
    for row, (label, token) in enumerate(zip(labels[1:-1], target, strict=True), start=1):
        own = shares[row][likely.tokens[row] == label].sum()
        assert own == pytest.approx(theirs[row - 1, token], rel=2e-2)
    ends = [codec.renumbered[token] == END for token in range(VOCAB)] if codec.renumbered is not None else []
    assert shares[-1][likely.tokens[-1] == END].sum() == pytest.approx(theirs[-1][ends].sum(), rel=2e-2)


def test_it_says_what_the_translator_says_to_the_same_prompt(folder: Path, samples: Sequence[Sample]) -> None:
    from bili2text.translators.hf import HfTranslator

    teacher = HfTeacher(folder, None, Teaching("cpu", "float32", 30))
    translator = HfTranslator(Load(folder, "transformers", "cpu", precision="float32", batch_size=12))
    prompts = tuple(replace(asked(one, "qwen3"), max_new_tokens=31) for one in samples)
    assert [one.text for one in teacher.replies(samples) if one] == [
        one.text for one in translator.generate(prompts)
    ]


def test_what_is_too_long_is_not_asked(teacher: HfTeacher, codec: TextCodec) -> None:
    long = Sample("zh-en", "长" * 200, "long")
    short = Sample("zh-en", "好", "good " * 100)
    assert teacher.replies([long]) == [None]
    assert teacher.opinions([long, short]) == [None, None]


def test_a_model_without_a_chat_template_continues_a_text_up_to_the_end_of_its_line(
    folder: Path, codec: TextCodec, samples: Sequence[Sample], tmp_path: Path
) -> None:
    plain = shutil.copytree(folder, tmp_path / "plain")
    (plain / "chat_template.jinja").unlink()
    teacher = HfTeacher(plain, codec, Teaching("cpu", "float32", 60, 4))
    replies = teacher.replies(samples)
    assert all(one is not None and "\n" not in one.text for one in replies)
    assert [one is not None and one.tokens.shape[1] for one in teacher.opinions(samples)] == [4] * len(
        samples
    )


def test_what_a_random_model_says_is_told_from_a_translation() -> None:
    sample = Sample("zh-en", "我昨天去了学校。", "I went to school yesterday.")
    assert judged(sample, Reply("I went to school yesterday.", 7, True)) == (
        "I went to school yesterday.",
        "",
    )
    assert judged(sample, Reply("我昨天去了学校。", 7, True)) == ("", "echo")
    assert judged(sample, Reply("I went", 7, False)) == ("", "unfinished")


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "a/b/c", "nobody"])
def test_a_teacher_that_is_nowhere_is_said_in_one_line(name: str) -> None:
    with pytest.raises(ModelError, match="no folder of a model"):
        teacher_folder(name)


def test_a_hub_that_cannot_be_reached_is_said_in_one_line() -> None:
    with pytest.raises(ModelError, match="some/model cannot be had") as caught:
        teacher_folder("some/model")
    assert "\n" not in caught.value.message


def test_pickles_and_numbers_that_are_none_are_refused(
    folder: Path, codec: TextCodec, tmp_path: Path
) -> None:
    import tiny_qwen

    pickled = shutil.copytree(folder, tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(ModelError):
        HfTeacher(pickled, codec, Teaching("cpu"))
    spoilt = tiny_qwen.spoil(folder, tmp_path / "spoilt")
    with pytest.raises(PrecisionFailure, match="not a number"):
        HfTeacher(spoilt, codec, Teaching("cpu")).opinions([Sample("zh-en", "好", "good")])


@pytest.mark.skipif(bool(importlib.util.find_spec("bitsandbytes")), reason="bitsandbytes is installed")
def test_int8_without_its_library_is_one_line(folder: Path, codec: TextCodec) -> None:
    with pytest.raises(DependencyError, match="int8 with transformers need bitsandbytes"):
        HfTeacher(folder, codec, Teaching("cpu", "int8"))
