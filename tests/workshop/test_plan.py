"""A plan: what is refused, what helps, and what becomes of the guides' claims."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from bili2text.errors import ModelError, OutOfMemory, UsageError
from bili2text.workshop.costs import plan_text, planning
from bili2text.workshop.costs.cards import OVERHEAD_GIB, card_of
from bili2text.workshop.costs.plan import PlanRequest, plan
from bili2text.workshop.costs.planning import measured
from bili2text.workshop.costs.remedies import remedies
from bili2text.workshop.costs.shapes import Shape, shape_of, trimmed
from bili2text.workshop.presets import changed, preset
from bili2text.workshop.values import Preset, TrainSettings
from cli.workshop_plan import command

STUDENT = changed(preset("student"), "model", id="tiny")


def made_up(
    shape: Shape, train: TrainSettings, lengths: Sequence[int], stock: bool
) -> tuple[float, tuple[float, ...]]:
    """Memory on a line, as it is found for NLLB (tests/workshop/test_memory.py); the logits', by vocabulary."""
    states = shape.parameters * 16 / 2**30
    fixed, slope = (0.49, 0.0943 * shape.vocab / 256_206) if stock or not train.loss_chunk else (2.93, 0.0014)
    return states, tuple(states + fixed + slope * one * train.batch / 24 for one in lengths)


def test_a_plan_of_a_student_is_made_by_the_real_measurement() -> None:
    found = plan(PlanRequest(STUDENT, card_of("RTX 4080 Super"), pairs=1_000_000), measured)
    assert [row.tokens for row in found.rows] == [32, 64]
    assert found.rows[0].ours < found.rows[1].ours < found.rows[1].stock
    assert found.labels
    assert found.labels.samples == 2_000_000
    said = plan_text.text(found)
    assert "2,000,000 samples" in said
    assert "d_model 512" in said
    assert json.loads(json.dumps(plan_text.values(found)))["model"]["parameters"] == found.shape.parameters


def test_the_claims_of_the_16_gb_guide_are_judged() -> None:
    found = plan(PlanRequest(preset("rtx4080s"), card_of("RTX 4080S, 16 GB")), made_up)
    verdicts = {one.what: one.verdict for one in found.claims}
    assert verdicts["parameters"] == "holds"
    assert "beyond 48 tokens" in verdicts["peak memory"]  # (15 - 0.75 - 9.17 - 0.49) / 0.0943
    assert "too short" in verdicts["time"]
    assert "nothing to compute" in verdicts["BLEU, no test set named"]


def test_the_claims_of_the_other_guide_are_judged() -> None:
    found = plan(PlanRequest(preset("original"), card_of("A100")), made_up)
    verdicts = {one.what: one.verdict for one in found.claims}
    assert verdicts["parameters"] == "does not hold"
    assert "takes less" in verdicts["peak memory"]
    assert "too long" in verdicts["time"]


def test_what_cannot_fit_is_refused_with_settings_that_were_tried() -> None:
    with pytest.raises(OutOfMemory, match=r"takes 13\.\d GiB for 256 tokens") as caught:
        plan(PlanRequest(preset("rtx4080s"), card_of("12GB")), made_up)
    assert "trim_vocab = 48000" in caught.value.hint
    with pytest.raises(OutOfMemory) as caught:
        plan(PlanRequest(preset("rtx4080s"), card_of("1GB")), made_up)
    assert "no setting" in caught.value.hint


def test_a_setting_that_is_named_makes_it_fit_for_real() -> None:
    greedy = changed(STUDENT, "train", batch=64, loss_chunk=4096)

    def need(other: Preset) -> float:
        return measured(shape_of(other.model.id), other.train, (other.data.max_tokens,), False)[1][0]

    room = need(greedy) * 0.6
    found = remedies(greedy, 2_000, need, room)
    assert any(one.words.startswith("batch = ") for one in found)
    assert all(one.gib <= room for one in found)


def test_settings_are_named_together_where_none_does_it_alone() -> None:
    def need(other: Preset) -> float:
        return 4.0 + other.train.batch / 24 + other.train.loss_chunk / 256

    found = remedies(changed(preset("rtx4080s"), "train", loss_chunk=1024), 1_000, need, 5.2)
    assert [one.words for one in found] == ["loss_chunk = 256, batch = 3 with accumulate = 32"]


@pytest.mark.parametrize(
    ("model", "offered"), [("facebook/nllb-200-distilled-600M", True), ("qwen-512", False)]
)
def test_a_vocabulary_is_trimmed_only_where_finetune_does(model: str, offered: bool) -> None:
    with pytest.raises(OutOfMemory) as caught:
        plan(PlanRequest(changed(preset("student"), "model", id=model), card_of("16GB")), by_vocabulary)
    assert ("trim_vocab" in caught.value.hint) == offered
    assert trimmed(shape_of(model), 48_000).vocab == (48_000 if offered else 151_936)
    assert trimmed(shape_of("Helsinki-NLP/opus-mt-zh-en"), 48_000).vocab == 65_001  # its vocabulary cannot be


def by_vocabulary(
    shape: Shape, train: TrainSettings, lengths: Sequence[int], stock: bool
) -> tuple[float, tuple[float, ...]]:
    """Memory that nothing but fewer tokens makes less."""
    return 1.0, tuple(10.0 + shape.vocab / 20_000 for _ in lengths)


def test_lengths_that_lie_on_no_line_are_all_measured() -> None:
    asked: list[int] = []

    def bent(
        shape: Shape, train: TrainSettings, lengths: Sequence[int], stock: bool
    ) -> tuple[float, tuple[float, ...]]:
        asked.extend(lengths)
        return 1.0, tuple(1.0 + (one / 100) ** 2 / 10 for one in lengths)

    found = plan(PlanRequest(preset("rtx4080s"), card_of("16GB")), bent)
    assert sorted(set(asked)) == [32, 64, 96, 128, 256]
    assert found.rows[1].ours == pytest.approx(1.0 + 0.64**2 / 10)


@pytest.mark.parametrize(
    ("text", "gib", "peak"),
    [("16GB", 16, 104.4), ("RTX 4080S, 16 GB", 16, 104.4), ("A100", 40, 312.0), ("rtx 4090", 24, 165.2)],
)
def test_a_card_is_a_memory_or_a_name(text: str, gib: float, peak: float) -> None:
    found = card_of(text)
    assert (found.gib, found.peak) == (gib, peak)
    assert found.usable_gib + OVERHEAD_GIB < gib + OVERHEAD_GIB


def test_a_folder_tells_its_shape(tmp_path: Path) -> None:
    config = {
        "model_type": "m2m_100", "d_model": 64, "encoder_attention_heads": 4, "encoder_layers": 2,
        "decoder_layers": 1, "encoder_ffn_dim": 128, "vocab_size": 900, "max_position_embeddings": 64,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert shape_of(str(tmp_path)).parameters == Shape("x", 64, 4, 2, 1, 128, 900, 64).parameters


HUGE = json.dumps(
    {"model_type": "marian", "d_model": float("inf"), "encoder_attention_heads": 4}
)  # Infinity, which Python's JSON takes


@pytest.mark.parametrize(
    "config", ["", "[]", '{"model_type": "gpt2"}', '{"model_type": "marian"}', "\xff", "[" * 99_999, HUGE]
)
def test_a_folder_that_tells_no_shape_is_refused(tmp_path: Path, config: str) -> None:
    (tmp_path / "config.json").write_text(config, encoding="latin-1")
    with pytest.raises(ModelError):
        shape_of(str(tmp_path))


def test_a_model_whose_shape_nobody_knows_is_refused() -> None:
    with pytest.raises(UsageError, match="not known"):
        shape_of("somebody/some-model")


def test_sentences_longer_than_the_model_reads_are_refused() -> None:
    with pytest.raises(UsageError, match="64 positions"):
        plan(PlanRequest(changed(STUDENT, "data", max_tokens=128), card_of("16GB")), made_up)


def test_a_student_is_planned_by_its_preset_and_progress_is_told_beside_the_plan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planning, "measured", made_up)
    found = CliRunner().invoke(command, ["--model", "tiny", "--json", "--progress", "json"])
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert (told["preset"], told["model"]["name"]) == ("student", "tiny")
    assert any(one["what"].startswith("BLEU") and one["claimed"] == "over 30" for one in told["claims"])
    last = json.loads(found.stderr.splitlines()[-1])
    assert (last["event"], last["stage"], last["done"]) == ("done", "trying steps", 4)  # 32, 64; both losses


def test_what_a_guide_claims_of_its_model_is_not_asked_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "measured", made_up)
    path = tmp_path / "mine.toml"
    path.write_text(
        "[model]\nid = 'a'\ndirections = ['zh-en']\n[data]\nmax_tokens = 64\n[claims]\nparameters_m = 600.0"
    )
    found = CliRunner().invoke(command, ["--preset", str(path), "--model", "tiny", "--json"])
    assert not any(one["claimed"] == "600M" for one in json.loads(found.stdout)["claims"])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--card", "banana"], 2, "no card is known"),
        (["--pairs", "many"], 2, "no number of pairs"),
        (["--pairs", "0"], 2, "no number of pairs"),
        (["--preset", "fast"], 2, "no preset fast"),
        (["--mean-tokens", "nan"], 2, "no number"),
        (["--tflops", "inf"], 2, "no number"),
        (
            ["--preset", "student", "--model", "tiny", "--card", "1GB", "--mean-tokens", "900"],
            2,
            "max_tokens",
        ),
    ],
)
def test_the_command_refuses_in_one_line(words: list[str], code: int, said: str) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "cli", "workshop", "plan", *words], capture_output=True, text=True, check=False
    )
    assert (found.returncode, said in found.stderr, found.stdout) == (code, True, ""), found.stderr
