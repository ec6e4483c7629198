from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import lessons
import pytest
import torch
from hsk import pairs
from transformers import M2M100ForConditionalGeneration

from bili2text.errors import ModelError, StorageError, UsageError
from bili2text.seq2seq.codec import Codec
from bili2text.seq2seq.values import END, PAD
from bili2text.workshop import checkpoints
from bili2text.workshop.folders import whole_folder
from bili2text.workshop.run import Run
from bili2text.workshop.students import STUDENTS, Student
from bili2text.workshop.train.model import build, save_model
from bili2text.workshop.train.pretrained import codec_of, load, refuse_mismatch, trim
from bili2text.workshop.train.trial import translated


@pytest.fixture(scope="module")
def codec() -> Codec:
    return lessons.vocabulary(pairs()[:300])


class Sized:
    """A codec of which only the numbers matter."""

    pad, end, ways = PAD, END, ("zh-en", "en-zh")

    def __init__(self, size: int) -> None:
        self.size = size


@pytest.mark.parametrize("student", STUDENTS.values(), ids=lambda one: one.name)
def test_a_student_has_as_many_parameters_as_its_table_says(student: Student):
    with torch.device("meta"):
        model = build(student, Sized(student.vocab), seed=1)  # type: ignore[arg-type]
    assert model.num_parameters() == student.parameters


def test_a_student_is_the_seeds_and_leaves_chance_as_it_was(codec):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, again, other = (build(lessons.SMALLEST, codec, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    weights = [torch.cat([one.flatten() for one in model.parameters()]) for model in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_only_a_student_of_one_direction_has_its_target_language_stored(codec):
    assert build(lessons.SMALLEST, codec, 1).generation_config.forced_bos_token_id is None
    one_way = lessons.vocabulary(pairs()[:300])
    one_way.ways = ("zh-en",)
    stored = build(lessons.SMALLEST, one_way, 1).generation_config.forced_bos_token_id
    assert stored == one_way.first("zh-en")


def test_a_vocabulary_larger_than_the_students_is_refused(codec):
    with pytest.raises(ModelError, match="2000 tokens, smallest has room for 1000"):
        build(replace(lessons.SMALLEST, vocab=1_000), codec, 1)


def test_a_saved_model_is_the_same_when_it_is_loaded_and_replaces_the_one_before(codec, tmp_path):
    run = Run(tmp_path)
    for seed in (1, 2):
        model = build(lessons.SMALLEST, codec, seed)
        model.config.use_cache = False
        save_model(model, codec, run)
    found, same = load(str(tmp_path)), codec_of(str(tmp_path))
    assert type(found) is M2M100ForConditionalGeneration
    assert found.config.use_cache
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, found.state_dict()[name])
    assert same.source("我很好。", "zh-en") == codec.source("我很好。", "zh-en")
    assert (same.pad, same.end) == (PAD, END)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "vocabulary"]
    assert sorted(path.name for path in run.model.iterdir()) == [
        "config.json", "generation_config.json", "model.safetensors",
    ]  # fmt: skip


def test_a_folder_is_what_it_was_when_its_successor_fails(tmp_path):
    with whole_folder(tmp_path / "model") as folder:
        (folder / "a").write_text("old")

    def fill() -> None:
        with whole_folder(tmp_path / "model") as folder:
            (folder / "a").write_text("new")
            raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="the disk is full"):
        fill()
    assert (tmp_path / "model" / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    (tmp_path / "model").rename(tmp_path / ".model.old")  # killed between the two renames
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "model"):
        raise RuntimeError
    assert (tmp_path / "model" / "a").read_text() == "old"


def test_a_vocabulary_of_another_model_is_refused(codec):
    model = build(lessons.SMALLEST, codec, 1)
    refuse_mismatch(model, codec)
    with pytest.raises(ModelError, match="the vocabulary has 1,000 tokens, the model 2,000"):
        refuse_mismatch(model, lessons.vocabulary(pairs()[:300], 1_000))
    model.config.pad_token_id = 0
    with pytest.raises(ModelError, match="pads with 1 and ends with 2, the model with 0 and 2"):
        refuse_mismatch(model, codec)


def test_a_trimmed_model_says_what_it_said_where_its_texts_need_no_other_tokens(trained_run, heart_pairs):
    model, codec = load(str(trained_run.folder)).eval(), codec_of(str(trained_run.folder))
    used = {token for one in lessons.examples(heart_pairs, codec) for token in (*one.source, *one.labels)}
    small, few = trim(model, codec, used)
    assert few.size < codec.size
    assert small.num_parameters() == model.num_parameters() - (codec.size - few.size) * 128
    refuse_mismatch(small, few)
    said = [
        translated(
            one, vocabulary, lessons.examples(heart_pairs, vocabulary)[::2], "zh-en", lessons.GREEDY, 32
        )
        for one, vocabulary in ((model, codec), (small.eval(), few))
    ]
    assert said[0] == said[1]


@pytest.mark.parametrize("name", ["nobody/nothing-of-that-name", "./not-there", "what"])
def test_a_model_that_cannot_be_had_is_one_line(name, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for get in (load, codec_of):
        with pytest.raises(ModelError) as raised:
            get(name)
        assert "\n" not in raised.value.message
        assert raised.value.hint


def test_weights_that_are_a_pickle_are_not_loaded(codec, tmp_path):
    model = build(lessons.SMALLEST, codec, 1)
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="safetensors"):
        load(str(tmp_path))


def test_a_model_of_another_class_or_with_code_of_its_own_is_refused(tmp_path, codec):
    from transformers import T5Config, T5ForConditionalGeneration

    t5 = T5ForConditionalGeneration(
        T5Config(vocab_size=50, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    )
    t5.save_pretrained(tmp_path / "t5")
    with pytest.raises(ModelError, match="T5ForConditionalGeneration"):
        load(str(tmp_path / "t5"))
    build(lessons.SMALLEST, codec, 1).save_pretrained(tmp_path / "own")
    config = json.loads((tmp_path / "own" / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoModelForSeq2SeqLM": "evil.Model"}}
    (tmp_path / "own" / "config.json").write_text(json.dumps(config))
    (tmp_path / "own" / "evil.py").write_text(f"open({str(tmp_path / 'owned')!r}, 'w')")
    with pytest.raises(ModelError):
        load(str(tmp_path / "own"))
    assert not (tmp_path / "owned").exists()


def test_only_a_vocabulary_that_can_be_cut_is_trimmed(codec):
    class Other:
        pass

    with pytest.raises(UsageError, match="cannot be trimmed"):
        trim(build(lessons.SMALLEST, codec, 1), Other(), [5])  # type: ignore[arg-type]


def test_checkpoints_are_known_by_their_names_and_the_newest_are_kept(tmp_path: Path):
    assert checkpoints.newest(tmp_path / "none") is None
    for step in (9, 10, 100):
        with checkpoints.written(tmp_path, step) as folder:
            (folder / checkpoints.name(step)).mkdir()
    (tmp_path / ".writing").mkdir()
    (tmp_path / "notes").mkdir()
    assert [checkpoints.step_of(one) for one in checkpoints.all_of(tmp_path)] == [9, 10, 100]
    checkpoints.keep_newest(tmp_path, 2)
    checkpoints.sweep(tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-100", "notes"]
    shutil.rmtree(tmp_path / "checkpoint-100")
    assert checkpoints.newest(tmp_path) == tmp_path / "checkpoint-10"
