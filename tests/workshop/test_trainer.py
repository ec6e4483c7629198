from __future__ import annotations

import json
import os
import pickle
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import lessons
import pytest
import torch
from hsk import pairs
from transformers import Seq2SeqTrainingArguments

from bili2text.errors import Bili2TextError, ModelError, RuntimeFailure, StorageError
from bili2text.progress import Silent
from bili2text.seq2seq.codec import Codec
from bili2text.seq2seq.values import WAYS, target_of
from bili2text.workshop import checkpoints
from bili2text.workshop.measures.scores import score
from bili2text.workshop.presets import preset
from bili2text.workshop.run import Run
from bili2text.workshop.train import threads
from bili2text.workshop.train.arguments import arguments, settings
from bili2text.workshop.train.card import precision_of
from bili2text.workshop.train.lesson import Lesson, Trained
from bili2text.workshop.train.loss import Losses
from bili2text.workshop.train.model import build
from bili2text.workshop.train.pretrained import codec_of, load
from bili2text.workshop.train.trainer import train
from bili2text.workshop.train.trial import translated
from bili2text.workshop.values import TrainSettings

forks = pytest.mark.skipif(sys.platform != "linux", reason="needs fork and RLIMIT_FSIZE")

# 20 pairs in both directions are 5 steps an epoch, 10 in all; 7 is in the second, and no checkpoint's
SETTINGS = TrainSettings(
    batch=4,
    accumulate=2,
    epochs=2,
    lr=1e-3,
    warmup=0.2,
    label_smoothing=0.1,
    save_every=3,
    eval_every=4,
    keep=1,
)


@pytest.fixture(scope="module")
def codec() -> Codec:
    return lessons.vocabulary(pairs()[:300])


@pytest.fixture
def begun(tmp_path: Path, codec: Codec) -> Callable[..., Lesson]:
    """A lesson of ten steps in a run of its own; the model is the same each time."""

    def made(
        name: str = "run", *, dev: int = 0, hook: Callable[[int], None] | None = None, **changes: object
    ) -> Lesson:
        found = lessons.lesson(
            tmp_path / name, lessons.examples(pairs()[:20], codec), replace(SETTINGS, **changes), dev=dev
        )
        return replace(found, examples=lessons.Hooked(found.examples, hook)) if hook else found

    return made


def trained(lesson: Lesson, codec: Codec, until: int | None = None) -> Trained:
    return train(lesson, build(lessons.SMALLEST, codec, seed=7), codec, Silent(), until=until)


def final(lesson: Lesson) -> str:
    return lessons.fingerprint(lesson.run.checkpoints / "checkpoint-10")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, codec: Codec) -> str:
    """The sha256 of the weights after ten steps in one go."""
    lesson = lessons.lesson(tmp_path_factory.mktemp("whole"), lessons.examples(pairs()[:20], codec), SETTINGS)
    trained(lesson, codec)
    return final(lesson)


def killed_at(place: int) -> Callable[[int], None]:
    def hook(read: int) -> None:
        if read == place:
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


def test_it_learns_64_pairs_by_heart_in_both_directions(trained_run, heart_pairs):
    model, codec = load(str(trained_run.folder)).eval(), codec_of(str(trained_run.folder))
    found = lessons.examples(heart_pairs, codec)
    for way in WAYS:
        own = [one for one in found if one.way == way]
        references = [codec.text(one.labels) for one in own]
        said = translated(model, codec, own, way, lessons.GREEDY, 32)
        assert score(said, references, target_of(way)).bleu >= 90
        assert len(set(said)) >= 60
        others = [replace(one, source=own[place - 1].source) for place, one in enumerate(own)]
        shuffled = translated(model, codec, others, way, lessons.GREEDY, 32)
        assert score(shuffled, references, target_of(way)).bleu < 20


@forks
def test_killed_in_the_second_epoch_it_goes_on_to_the_same_weights(begun, codec, uninterrupted):
    lesson = begun(hook=killed_at(7 * 8 + 3))
    assert lessons.in_a_child(lambda: trained(lesson, codec)) == -signal.SIGKILL
    assert [one.name for one in checkpoints.all_of(lesson.run.checkpoints)] == ["checkpoint-6"]

    read: list[int] = []
    again = begun(hook=read.append)
    assert trained(again, codec).step == 10
    assert min(read) == 6 * 8, "nothing before the checkpoint is read again"
    assert final(again) == uninterrupted


@forks
@pytest.mark.parametrize("call", ["torch.save", "checkpoints.sync_tree", "Path.rename", "shutil.rmtree"])
def test_killed_while_it_saves_it_has_a_whole_checkpoint_and_goes_on_to_the_same_weights(
    call, begun, codec, uninterrupted, monkeypatch
):
    """keep = 1: the second checkpoint replaces the first. The third call of its kind is in the second save."""
    holder, name = {
        "torch.save": (torch, "save"),
        "checkpoints.sync_tree": (checkpoints, "sync_tree"),
        "Path.rename": (Path, "rename"),
        "shutil.rmtree": (checkpoints.shutil, "rmtree"),
    }[call]
    real, steps = getattr(holder, name), []

    def fatal(*args: object, **kwargs: object) -> object:
        found = real(*args, **kwargs)
        if len(steps) > 5 * 8:  # the examples of step 6 are read
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    lesson = begun(hook=steps.append)

    def work() -> None:
        setattr(holder, name, fatal)
        trained(lesson, codec)

    assert lessons.in_a_child(work) == -signal.SIGKILL
    kept = checkpoints.newest(lesson.run.checkpoints)
    assert kept is not None
    assert kept.name in ("checkpoint-3", "checkpoint-6")
    trained(begun(), codec)
    assert final(lesson) == uninterrupted
    assert sorted(one.name for one in lesson.run.checkpoints.iterdir()) == ["checkpoint-10"]


def test_in_parts_it_comes_to_the_same_weights_and_reads_nothing_ahead(begun, codec, uninterrupted):
    read: list[int] = []
    for until, most in ((4, 32), (7, 56), (10, 80)):
        assert trained(begun(hook=read.append), codec, until).step == until
        assert max(read) == most - 1
    assert sorted(read) == list(range(80))
    assert final(begun()) == uninterrupted
    model = build(lessons.SMALLEST, codec, seed=7)
    assert train(begun(), model, codec, Silent()).step == 10, "what is done is not done again"
    assert torch.equal(
        model.state_dict()["lm_head.weight"],
        load(str(begun().run.checkpoints / "checkpoint-10")).lm_head.weight,
    )


def test_it_goes_on_with_the_threads_it_was_begun_with_and_never_has_more_than_cores(
    begun, codec, monkeypatch
):
    """Sums over several threads round otherwise than over one: the weights would be others."""
    trained(begun(), codec, until=3)
    torch.set_num_threads(2)
    monkeypatch.setattr(threads, "cores", lambda: 2)
    remarks = lessons.Remarks()
    train(begun(), build(lessons.SMALLEST, codec, seed=7), codec, remarks, until=4)
    assert torch.get_num_threads() == 1
    assert "goes on with 1 threads, as it was begun, not 2: the weights would be others" in remarks.told
    torch.set_num_threads(64)
    train(begun("other"), build(lessons.SMALLEST, codec, seed=7), codec, remarks, until=1)
    assert torch.get_num_threads() == 2
    assert remarks.told[-1] == "computes on the CPU with 2 threads"
    (begun("other").run.checkpoints / "checkpoint-1" / "threads.json").write_text("[]")
    with pytest.raises(ModelError, match="checkpoint-1 is damaged"):
        trained(begun("other"), codec)


def test_workers_change_nothing(begun, codec, uninterrupted):
    lesson = begun(workers=1)
    trained(lesson, codec)
    assert final(lesson) == uninterrupted


def test_evaluations_change_nothing_and_are_in_the_log(begun, codec, uninterrupted, capfd):
    lesson = begun(dev=6)
    found = trained(lesson, codec)
    assert final(lesson) == uninterrupted
    lines = [json.loads(line) for line in lesson.run.log.read_text(encoding="utf-8").splitlines()]
    tried = [line for line in lines if "eval_loss" in line]
    assert [line["step"] for line in tried] == [4, 8, 10]
    assert found.dev_loss == tried[-1]["eval_loss"]
    assert {f"eval_{way}_{what}" for way in WAYS for what in ("loss", "bleu", "chrf")} <= tried[0].keys()
    assert capfd.readouterr() == ("", ""), "neither bars nor remarks of transformers"


def test_without_a_lower_loss_it_ends_by_patience_and_stays_ended(begun, codec):
    lesson = begun(dev=6, eval_every=1, patience=2, lr=1e-30)  # it learns nothing
    found = trained(lesson, codec)
    assert found.stopped_early
    assert found.step == 3
    assert checkpoints.newest(lesson.run.checkpoints).name == "checkpoint-3"
    again = trained(lesson, codec)
    assert again.stopped_early
    assert again.step == 3


def test_the_log_of_a_killed_run_tells_each_step_once(begun, codec):
    lesson = begun(dev=2)
    trained(lesson, codec, 4)
    with lesson.run.log.open("a", encoding="utf-8") as log:
        log.write('{"step": 9, "eval_loss": 1.0}\n{"step": 9, "lo')
    trained(lesson, codec)
    steps = [json.loads(line)["step"] for line in lesson.run.log.read_text(encoding="utf-8").splitlines()]
    assert steps == sorted(set(steps))


def test_a_loss_that_is_no_number_ends_it_and_the_checkpoint_before_stays(begun, codec):
    model = build(lessons.SMALLEST, codec, seed=7)

    def poison(place: int) -> None:
        if place == 5 * 8:  # a batch is read ahead: before step 5 is computed
            with torch.no_grad():
                model.model.shared.weight[5] = torch.nan

    lesson = begun(hook=poison)
    with pytest.raises(RuntimeFailure, match="no number in step 5; checkpoint-3 is whole") as raised:
        train(lesson, model, codec, Silent())
    assert "--learning-rate" in raised.value.hint
    assert [one.name for one in lesson.run.checkpoints.iterdir()] == ["checkpoint-3"]
    assert all(
        one.isfinite().all() for one in load(str(lesson.run.checkpoints / "checkpoint-3")).parameters()
    )


@forks
def test_a_disk_that_is_full_in_mid_checkpoint_leaves_the_older_one_whole(begun, codec, uninterrupted):
    import resource

    def fill(place: int) -> None:
        if place == 5 * 8:  # step 6: the model's file has room, the optimizer's, twice as large, has none
            size = (lesson.run.checkpoints / "checkpoint-3" / "model.safetensors").stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 4096, resource.RLIM_INFINITY))

    lesson = begun(hook=fill)

    def work() -> None:
        try:
            trained(lesson, codec)
        except StorageError as error:
            os._exit(40 if "\n" not in error.message else 41)
        except Bili2TextError:
            os._exit(42)

    assert lessons.in_a_child(work) == 40
    assert [one.name for one in lesson.run.checkpoints.iterdir()] == ["checkpoint-3"]
    trained(begun(), codec)
    assert final(lesson) == uninterrupted


class Payload:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth"])
def test_a_checkpoint_that_holds_code_is_damaged_and_runs_none(name, begun, codec, tmp_path):
    lesson = begun()
    trained(lesson, codec, 3)
    (lesson.run.checkpoints / "checkpoint-3" / name).write_bytes(pickle.dumps(Payload(tmp_path / "owned")))
    with pytest.raises(ModelError, match="checkpoint-3 is damaged"):
        trained(lesson, codec)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("name", ["optimizer.pt", "model.safetensors"])
def test_a_checkpoint_that_is_cut_short_is_damaged(name, begun, codec):
    lesson = begun()
    trained(lesson, codec, 3)
    path = lesson.run.checkpoints / "checkpoint-3" / name
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match="checkpoint-3 is damaged"):
        trained(lesson, codec)


def told(name: str, tmp_path: Path) -> dict[str, object]:
    found = preset(name)
    lesson = Lesson(Run(tmp_path), found.train, found.decode, [], 1000, {"zh-en": []}, seed=found.data.seed)
    precision, remark = precision_of(found.train.precision, capability=(8, 9))
    assert not remark
    return settings(lesson, precision, card=True)


# the table of both guides
@pytest.mark.parametrize(
    ("name", "bf16", "batch", "accumulate", "lr", "schedule", "warmup", "optim", "again", "evaluate", "save",
     "keep", "beams", "tokens", "workers", "pinned"),
    [
        ("original", False, 48, 4, 2e-5, "constant", 0, "adamw_torch", False, 500, 1000, 3, 1, 128, 4, False),
        ("rtx4080s", True, 24, 4, 8e-5, "cosine", 60, "adamw_torch_fused", True, 2000, 3000, 1, 4, 256, 8, True),
    ],
)  # fmt: skip
def test_the_presets_are_the_guides_tables_in_transformers_names(
    name, bf16, batch, accumulate, lr, schedule, warmup, optim, again, evaluate, save, keep, beams, tokens,
    workers, pinned, tmp_path,
):  # fmt: skip
    found = told(name, tmp_path)
    assert (found["bf16"], found["fp16"]) == (bf16, not bf16)
    assert (found["per_device_train_batch_size"], found["gradient_accumulation_steps"]) == (batch, accumulate)
    assert (found["learning_rate"], found["lr_scheduler_type"], found["warmup_steps"]) == (
        lr,
        schedule,
        warmup,
    )
    assert found["weight_decay"] == 0.01
    assert found["optim"] == optim
    assert found.get("activation_checkpointing", found.get("gradient_checkpointing")) is again
    assert (found["eval_steps"], found["save_steps"], found["save_total_limit"]) == (evaluate, save, keep)
    assert (found["generation_num_beams"], found["generation_max_length"]) == (beams, tokens)
    assert (found["dataloader_num_workers"], found["dataloader_pin_memory"]) == (workers, pinned)
    smoothing = Losses.of(preset(name).train).smoothing
    assert smoothing == (0.1 if name == "rtx4080s" else 0.0)
    made = Seq2SeqTrainingArguments(**{**found, "bf16": False, "fp16": False, "use_cpu": True})
    assert made.optim.value == optim


def test_on_a_cpu_a_preset_for_cards_computes_in_float32(tmp_path):
    found = preset("rtx4080s")
    made = arguments(Lesson(Run(tmp_path), found.train, found.decode, [], 10, {}, device="cpu"))
    assert not made.bf16
    assert not made.fp16
    assert made.device.type == "cpu"


def test_in_mixed_precision_the_model_computes_in_it_and_the_weights_stay_float32(begun, codec, monkeypatch):
    monkeypatch.setattr("bili2text.workshop.train.arguments.precision_of", lambda *_, **__: ("bf16", ""))
    model = build(lessons.SMALLEST, codec, seed=7)
    seen = []
    model.model.decoder.layers[0].fc1.register_forward_hook(lambda _, __, out: seen.append(out.dtype))
    train(begun(dev=2), model, codec, Silent(), until=4)
    assert set(seen) == {torch.bfloat16}
    assert {one.dtype for one in model.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("asked", "capability", "gets"),
    [
        ("bf16", (9, 0), "bf16"), ("bf16", (7, 5), "fp16"), ("bf16", (6, 1), "fp32"), ("bf16", None, "fp32"),
        ("fp16", (7, 0), "fp16"), ("fp16", (6, 1), "fp32"), ("fp32", (9, 0), "fp32"),
    ],
)  # fmt: skip
def test_a_card_computes_in_what_it_has_and_says_when_that_is_something_else(asked, capability, gets):
    precision, remark = precision_of(asked, capability=capability)
    assert precision == gets
    assert bool(remark) == (asked != gets and capability is not None)
