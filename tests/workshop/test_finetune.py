from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import lessons
import pytest
import torch
from click.testing import CliRunner
from hsk import pairs

from bili2text.errors import (
    Bili2TextError,
    DependencyError,
    DeviceFailure,
    ModelError,
    SourceError,
    UsageError,
)
from bili2text.progress import Silent
from bili2text.seq2seq.values import Pair
from bili2text.workshop import checkpoints
from bili2text.workshop.data.corpus import open_split, split_path, write_split
from bili2text.workshop.data.encoded import Encoded, encode, examples_of
from bili2text.workshop.finetuning import FinetuneRequest
from bili2text.workshop.presets import changed, preset, read
from bili2text.workshop.run import Run
from bili2text.workshop.train.finetune import finetune
from bili2text.workshop.train.pretrained import codec_of, load
from bili2text.workshop.values import Preset


def prepared(folder: Path, train: Sequence[Pair], dev: Sequence[Pair] = ()) -> Path:
    """What `prepare` leaves: the splits, and data.json."""
    folder.mkdir(parents=True)
    sums = {
        name: write_split(split_path(folder, name), found)[1]
        for name, found in (("train", train), ("dev", dev))
    }
    (folder / "data.json").write_text(json.dumps({"sha256": sums}), encoding="utf-8")
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return prepared(tmp_path / "data", pairs()[:60], pairs()[60:64])


def settings(name: str = "tiny", **train: object) -> Preset:
    usual = {"batch": 16, "accumulate": 1, "epochs": 1, "save_every": 2, "eval_every": 100, "eval_pairs": 3}
    found = changed(preset("student"), "train", **{**usual, **train})
    return changed(found, "model", id=name)


@pytest.fixture
def asked(data: Path, tmp_path: Path) -> Callable[..., FinetuneRequest]:
    def made(out: str = "run", **changes: object) -> FinetuneRequest:
        usual = FinetuneRequest(data, settings(), tmp_path / out, device="cpu", max_steps=3)
        return replace(usual, **changes)

    return made


def test_a_student_from_nothing_becomes_a_run_that_can_be_opened(asked):
    request, remarks = asked(), lessons.Remarks()
    found = finetune(request, remarks)
    run = Run(request.out)
    assert found.step == 3
    assert found.dev_loss is not None
    assert sorted(path.name for path in run.folder.iterdir()) == [
        "checkpoints", "finetune.json", "log.jsonl", "model", "settings.toml", "vocabulary",
    ]  # fmt: skip
    assert replace(read(run.settings), name="student") == request.preset
    model, codec = load(str(run.folder)), codec_of(str(run.folder))
    assert model.config.vocab_size == codec.size == 2_000
    assert codec.ways == ("zh-en", "en-zh")
    assert any("M parameters" in one for one in remarks.told)


def test_a_run_goes_on_only_when_told_to_with_its_own_settings_and_pairs_and_not_once_it_is_done(
    asked, tmp_path
):
    request = asked()
    finetune(request, Silent())
    with pytest.raises(UsageError, match="is trained already"):
        finetune(replace(request, resume=True), Silent())
    Run(request.out).model.rename(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="was begun already") as raised:
        finetune(request, Silent())
    assert "--resume" in raised.value.hint
    other = replace(request, preset=settings(lr=1e-5, batch=8), resume=True)
    with pytest.raises(UsageError, match=r"train\.batch 16, not 8, train\.lr 0\.0003, not 1e-05"):
        finetune(other, Silent())
    moved = prepared(tmp_path / "others", pairs()[100:160], pairs()[60:64])
    with pytest.raises(UsageError, match=r"begun with pairs [0-9a-f]{64}, not [0-9a-f]{64}$"):
        finetune(replace(request, data=moved, resume=True), Silent())
    assert finetune(replace(request, resume=True, max_steps=None), Silent()).step == 3


def test_a_folder_of_another_training_is_left_as_it_is(asked, data):
    """It would go on from the other's checkpoints, and put its model in the place of theirs."""
    request = asked()
    for name in ("distil.json", "shards.json"):
        request.out.mkdir(exist_ok=True)
        (request.out / name).write_text("{}")
        for resume in (False, True):
            with pytest.raises(UsageError, match="holds another training"):
                finetune(replace(request, resume=resume), Silent())
        (request.out / name).unlink()
    (request.out / "finetune.json").write_text("no record")
    with pytest.raises(ModelError, match="is no record of a run"):
        finetune(request, Silent())


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "trainer_state.json"])
def test_a_checkpoint_that_is_damaged_is_named_and_stays(name, asked):
    request = asked()
    finetune(request, Silent())
    run = Run(request.out)
    shutil.rmtree(run.model)
    hurt = run.checkpoints / "checkpoint-3" / name
    hurt.write_bytes(hurt.read_bytes()[:50])
    with pytest.raises(ModelError, match="checkpoint-3 is damaged") as raised:
        finetune(replace(request, resume=True), Silent())
    assert "remove it" in raised.value.hint
    assert not run.model.exists()


def test_a_card_that_is_not_there_is_said_before_anything_is_begun(asked, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    request = asked(device="cuda")
    with pytest.raises(DeviceFailure, match="no CUDA card"):
        finetune(request, Silent())
    assert not request.out.exists()


CHILD = """
import os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from bili2text.workshop.train import trainer
real = trainer.TranslationTrainer.training_step
def fatal(self, *args, **kwargs):
    if self.state.global_step == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, *args, **kwargs)
trainer.TranslationTrainer.training_step = fatal
from cli.main import main
sys.argv = ["bili2text", *sys.argv[1:]]
main()
"""


def test_the_command_killed_in_its_second_epoch_goes_on_to_the_model_of_one_that_was_not(data, tmp_path):
    """60 pairs in both directions, 48 to a step: an epoch is 3 steps; killed in the 5th, the checkpoint is 3's."""
    from cli.workshop_finetune import command

    options = ("--model", "tiny", "--epochs", "2", "--batch", "24", "--accumulate", "2", "--eval-pairs", "2",
               "--save-every", "3", "--keep", "1", "--device", "cpu", "--progress", "none")  # fmt: skip
    runner = CliRunner()
    whole = runner.invoke(command, [str(data), "--out", str(tmp_path / "whole"), *options])
    assert whole.exit_code == 0, whole.output
    assert whole.stdout.strip() == str(tmp_path / "whole")

    words = [sys.executable, "-c", CHILD, "workshop", "finetune", str(data), "--out", str(tmp_path / "run")]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    killed = subprocess.run([*words, *options], env=environ, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert checkpoints.newest(Run(tmp_path / "run").checkpoints).name == "checkpoint-3"

    resumed = runner.invoke(
        command,
        [str(data), "--out", str(tmp_path / "run"), "--resume", "--device", "cpu", "--progress", "none"],
    )
    assert resumed.exit_code == 0, resumed.output
    assert lessons.fingerprint(tmp_path / "run" / "model") == lessons.fingerprint(
        tmp_path / "whole" / "model"
    )


def test_a_trained_model_can_be_trained_further_and_trimmed(asked, trained_run):
    name = str(trained_run.folder)
    request = asked(preset=changed(settings(name), "model", trim_vocab=300, directions=("zh-en",)))
    finetune(request, Silent())
    model, codec = load(str(request.out)), codec_of(str(request.out))
    assert 300 <= codec.size == model.config.vocab_size < 2_000
    assert codec.ways == ("zh-en",)
    assert model.generation_config.forced_bos_token_id == codec.first("zh-en")


def opus(folder: Path) -> Path:
    """A folder as opus-mt-zh-en's is, with random weights and SentencePiece models of real pairs."""
    import sentencepiece
    from transformers import MarianConfig, MarianMTModel

    folder.mkdir()
    names = dict.fromkeys(["</s>", "<unk>"])
    for side, texts in (
        ("source", [one.zh for one in pairs()[:500]]),
        ("target", [one.en for one in pairs()[:500]]),
    ):
        made = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts), model_writer=made, vocab_size=700, hard_vocab_limit=False,
            num_threads=1, minloglevel=2,
        )  # fmt: skip
        (folder / f"{side}.spm").write_bytes(made.getvalue())
        learned = sentencepiece.SentencePieceProcessor(model_proto=made.getvalue())
        names |= dict.fromkeys(learned.id_to_piece(number) for number in range(learned.get_piece_size()))
    names.pop("<s>", None)
    numbers = {name: number for number, name in enumerate([*names, "<pad>"])}
    (folder / "vocab.json").write_text(json.dumps(numbers), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(
        '{"source_lang": "zho", "target_lang": "eng"}', encoding="utf-8"
    )
    pad = numbers["<pad>"]
    config = MarianConfig(
        vocab_size=len(numbers), d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=128,
        pad_token_id=pad, eos_token_id=0, bos_token_id=0, decoder_start_token_id=pad, forced_eos_token_id=0,
    )  # fmt: skip
    MarianMTModel(config).save_pretrained(folder)
    return folder


def test_the_original_preset_trains_opus_mt_in_its_one_direction(data, tmp_path):
    name = str(opus(tmp_path / "opus-mt-zh-en"))
    found = changed(preset("original"), "model", id=name)
    found = changed(found, "train", batch=10, accumulate=2, eval_pairs=2, workers=0)
    result = finetune(FinetuneRequest(data, found, tmp_path / "run", device="cpu"), Silent())
    assert result.step == 3
    assert codec_of(str(tmp_path / "run")).ways == ("zh-en",)
    assert type(load(str(tmp_path / "run"))).__name__ == "MarianMTModel"
    both = changed(found, "model", directions=("zh-en", "en-zh"))
    with pytest.raises(UsageError, match="translates zh-en, not zh-en, en-zh"):
        finetune(FinetuneRequest(data, both, tmp_path / "both", device="cpu"), Silent())


def test_qwens_students_need_a_qwens_vocabulary(asked):
    with pytest.raises(UsageError, match="takes its vocabulary from a Qwen") as raised:
        finetune(asked(preset=settings("qwen-128")), Silent())
    assert "--vocabulary" in raised.value.hint


def test_a_model_that_cannot_be_had_leaves_no_run_behind(asked, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="nothing-of-that-name cannot be loaded"):
        finetune(asked(preset=settings("nobody/nothing-of-that-name")), Silent())
    assert finetune(asked(), Silent()).step == 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda data: (data / "data.json").unlink(), "no prepared pairs"),
        (lambda data: split_path(data, "train").write_bytes(b"ARROW1 no more"), "cannot read"),
        (lambda data: write_split(split_path(data, "train"), []), "no pairs to learn from"),
    ],
)
def test_pairs_that_are_not_there_or_not_whole_are_one_line(change, told, asked, data):
    change(data)
    with pytest.raises(SourceError, match=told) as raised:
        finetune(asked(), Silent())
    assert "\n" not in raised.value.message


def test_without_held_out_pairs_it_trains_and_says_so(asked, tmp_path):
    remarks = lessons.Remarks()
    found = finetune(asked(data=prepared(tmp_path / "alone", pairs()[:60])), remarks)
    assert found.dev_loss is None
    assert any("no held-out pairs" in one for one in remarks.told)


def test_numbered_pairs_are_the_codecs_and_too_long_ones_are_left_out(data, tmp_path):
    codec, split = lessons.vocabulary(pairs()[:300]), open_split(data, "train")
    every = encode(split, codec, ("zh-en", "en-zh"), 64, tmp_path / "encoded", Silent())
    assert list(every) == lessons.examples(split, codec)
    assert every.lengths.tolist() == [len(one.source) + len(one.labels) for one in every]
    assert Encoded(tmp_path / "encoded")[5:7] == every[5:7]
    short = encode(split, codec, ("en-zh",), 12, tmp_path / "short", Silent())
    assert list(short) == examples_of(split, codec, "en-zh", 12)
    assert short.too_long == 60 - len(short) > 0
    with pytest.raises(UsageError, match="no pair has at most 2 tokens"):
        encode(split, codec, ("en-zh",), 2, tmp_path / "none", Silent())
    assert not (tmp_path / "none").exists()
    (tmp_path / "short" / "ends.npy").write_bytes(b"")
    with pytest.raises(SourceError, match="not whole"):
        Encoded(tmp_path / "short")


def test_the_command_tells_bad_input_in_a_line(data, tmp_path):
    from cli.workshop_finetune import command

    for words in (["--preset", "none"], ["--model", "tiny", "--preset", str(data / "train.arrow")]):
        result = CliRunner().invoke(command, [str(data), "--out", str(tmp_path / "run"), *words])
        assert isinstance(result.exception, Bili2TextError)
    assert not (tmp_path / "run").exists()


def test_the_command_says_nothing_on_standard_error_but_our_own_remarks(data, tmp_path):
    words = ["finetune", str(data), "--model", "tiny", "--max-steps", "1", "--out", str(tmp_path / "run")]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    found = subprocess.run(
        [sys.executable, "-m", "cli.main", "workshop", *words, "--device", "cpu"],
        env=environ, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout == f"{tmp_path / 'run'}\n"
    said = [line.partition(" ")[0] for line in found.stderr.splitlines()]
    assert said == ["1.1M", "computes", "step", "trained:"]


def test_without_torch_the_commands_say_what_to_install(tmp_path, monkeypatch):
    from cli.workshop import command

    monkeypatch.setitem(sys.modules, "torch", None)
    out = ("--out", str(tmp_path / "out"))
    for words in (("finetune", "data"), ("label", "data"), ("distil", "labels")):
        result = CliRunner().invoke(command, [*words, *out])
        assert isinstance(result.exception, DependencyError)
        assert "bili2text[workshop]" in result.exception.hint
