"""Presets: the guides' settings as they are, and files that make no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from bili2text.errors import UsageError
from bili2text.workshop import presets


def test_the_presets_have_the_settings_of_the_guides() -> None:
    ours, first = presets.preset("rtx4080s"), presets.preset("original")
    assert presets.DEFAULT == "rtx4080s"
    train = ours.train
    assert (ours.model.id, ours.model.directions) == (
        "facebook/nllb-200-distilled-600M",
        ("zh-en", "en-zh"),
    )
    assert (ours.data.wmt19, ours.data.opus100) == (5_000_000, 500_000)
    assert (ours.data.min_chars, ours.data.max_chars, ours.data.max_tokens) == (10, 400, 256)
    assert (train.precision, train.epochs, train.batch * train.accumulate, train.batch) == ("bf16", 2, 96, 24)
    assert (train.lr, train.schedule, train.warmup, train.weight_decay) == (8e-5, "cosine", 0.06, 0.01)
    assert (train.label_smoothing, train.optim, train.checkpointing) == (0.1, "adamw_torch_fused", True)
    assert (train.eval_every, train.save_every, train.keep) == (2000, 3000, 1)
    assert (train.workers, train.pin_memory) == (8, True)
    assert (ours.decode.beams, ours.decode.max_tokens) == (4, 256)
    train = first.train
    assert (first.model.id, first.data.wmt19, first.data.max_tokens) == (
        "Helsinki-NLP/opus-mt-zh-en",
        1_300_000,
        128,
    )
    assert (train.precision, train.epochs, train.batch * train.accumulate, train.batch) == (
        "fp16",
        1,
        192,
        48,
    )
    assert (train.lr, train.schedule, train.warmup, train.weight_decay) == (2e-5, "constant", 0.0, 0.01)
    assert (train.label_smoothing, train.optim, train.checkpointing) == (0.0, "adamw_torch", False)
    assert (train.eval_every, train.save_every, train.keep) == (500, 1000, 3)
    assert (train.workers, train.pin_memory, first.decode.beams) == (4, False, 1)


@pytest.mark.parametrize("name", presets.NAMES)
def test_resolved_settings_read_back_are_the_same(name: str, tmp_path: Path) -> None:
    found = presets.preset(name)
    path = tmp_path / f"{name}.toml"
    presets.save(found, path)
    assert presets.read(path) == found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[model]\nid = 'x'\ndirections = ['zh-en']\n[train]\nlearning = 1", "unknown key learning"),
        ("[modle]\nid = 'x'", "unknown section [modle]"),
        ("[model]\ndirections = ['zh-en']", "id is missing"),
        ("[model]\nid = 'x'\ndirections = ['zh-fr']", "must be a list of zh-en, en-zh"),
        ("[model]\nid = 'x'\ndirections = []", "must be a list of zh-en, en-zh"),
        ("[model]\nid = 'x'\ndirections = ['zh-en']\n[train]\nlr = 'fast'", "lr must be of type float"),
        ("[model]\nid = 'x'\ndirections = ['zh-en']\n[train]\nbatch = 0", "batch must be above 0"),
        ("[model]\nid = 'x'\ndirections = ['zh-en']\n[train]\nbatch = true", "batch must be of type int"),
        ("[model]\nid = 'x'\ndirections = ['zh-en']\n[train]\nlr = nan", "lr must be above 0"),
        ("[model]\nid = 'x'\ndirections = ['zh-en']\n[train]\nwarmup = 1.5", "warmup must be at least 0"),
        ("[model]\nid = 'x'\ndirections = ['zh-en']\n[train]\ntemperature = 3", "temperature must be 1 or 2"),
        ("[model]\nid = 'x'\ndirections = ['zh-en']\n[train]\nprecision = 'fp8'", "precision must be one of"),
        ("[model]\nid = 'x'\ndirections = [['zh-en']]", "must be a list of zh-en, en-zh"),
        ("[model]\nid = 'x'\ndirections = ['zh-en', 'zh-en']", "must be a list of zh-en, en-zh"),
        ("[model]\nid = 'x'\ndirections = ['zh-en']\n[train]\noptim = 'magic'", "optim must be one of"),
        (
            "[model]\nid = 'x'\ndirections = ['zh-en']\n[claims]\nvram_gib = 14",
            "vram_gib must be two numbers",
        ),
        ("[model]\nid = 'x'\ndirections = ['zh-en']\n[claims]\nhours = [1]", "hours must be two numbers"),
        (
            "[model]\nid = 'x'\ndirections = ['zh-en']\n[claims]\nbleu = ['a', 'b']",
            "bleu must be two numbers",
        ),
        ("model = 3", "[model] is no table"),
        ("= broken", "is no TOML"),
    ],
)
def test_a_preset_that_makes_no_sense_is_one_line(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        presets.preset(str(path))
    assert told in caught.value.message
    assert "\n" not in caught.value.message


def test_a_file_of_windows_editors_begins_with_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[model]\nid = '小'\ndirections = ['zh-en']\n", encoding="utf-8-sig")
    assert presets.preset(str(path)).model.id == "小"


def test_a_name_that_is_none_and_a_file_that_is_not_there_say_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no preset rtx9090") as caught:
        presets.preset("rtx9090")
    assert "rtx4080s" in caught.value.hint
    with pytest.raises(UsageError, match="cannot read"):
        presets.preset(str(tmp_path / "none.toml"))


def test_changed_settings_are_checked_and_none_leaves_them() -> None:
    base = presets.preset("student")
    assert presets.changed(base, "train", epochs=5, lr=None).train.epochs == 5
    assert presets.changed(base, "train", epochs=None) == base
    with pytest.raises(UsageError, match="epochs must be above 0"):
        presets.changed(base, "train", epochs=-1)
