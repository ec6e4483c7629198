"""Memory without a card: what is found for NLLB, and that nothing of it stays behind."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from bili2text.workshop.costs.shapes import Shape, shape_of, trimmed
from bili2text.workshop.presets import preset
from bili2text.workshop.train.memory import peaks
from bili2text.workshop.train.rehearsal import rehearsal
from bili2text.workshop.values import TrainSettings

NLLB = preset("rtx4080s")
SHAPE = shape_of(NLLB.model.id)
TOY = Shape("toy", 64, 4, 2, 1, 128, 3_000, 64)


def test_nllb_fits_a_16_gb_card_at_256_tokens_only_with_the_loss_in_chunks() -> None:
    ours = peaks(SHAPE, NLLB.train, (256,))
    stock = peaks(SHAPE, NLLB.train, (64,), stock=True)
    assert ours.parameters == SHAPE.parameters == 615_073_792
    assert ours.states == pytest.approx(615_073_792 * 16 / 2**30, abs=0.02)  # weights, gradients, two means
    assert ours.peaks[0] < 13
    assert stock.peaks[0] > 15.5


@pytest.mark.parametrize(("name", "millions"), [("Helsinki-NLP/opus-mt-zh-en", 77.4), ("qwen-512", 98.8)])
def test_a_shape_has_as_many_numbers_as_its_model(name: str, millions: float) -> None:
    shape = shape_of(name)
    model = rehearsal(shape, preset("original").train, torch.device("meta")).model
    trained = sum(one.numel() for one in model.parameters() if one.requires_grad)
    assert shape.parameters == trained
    assert shape.parameters / 1e6 == pytest.approx(millions, abs=0.05)


def test_a_trimmed_vocabulary_takes_less() -> None:
    train = TrainSettings(batch=2)
    whole, part = (peaks(shape, train, (16,)) for shape in (TOY, trimmed(TOY, 1_000)))
    assert whole.parameters - part.parameters == 2_000 * 64
    assert part.peaks[0] < whole.peaks[0]


def test_more_tokens_a_larger_batch_and_no_checkpointing_take_more() -> None:
    base = TrainSettings(batch=8, precision="bf16", checkpointing=True)
    short, long = peaks(TOY, base, (16, 64)).peaks
    larger, kept = replace(base, batch=16), replace(base, checkpointing=False)
    assert short < long < peaks(TOY, larger, (64,)).peaks[0]
    assert long < peaks(TOY, kept, (64,)).peaks[0]


def test_a_teachers_opinions_take_memory_too() -> None:
    train = TrainSettings(batch=8, precision="bf16")
    assert peaks(TOY, train, (32,), likely=8).peaks[0] > peaks(TOY, train, (32,)).peaks[0]


def test_afterwards_torch_is_as_it_was() -> None:
    theirs = (functional.dropout, functional.scaled_dot_product_attention, functional.log_softmax)
    peaks(TOY, TrainSettings(batch=2), (8,))
    assert theirs == (functional.dropout, functional.scaled_dot_product_attention, functional.log_softmax)
    assert type(torch.zeros(2)) is torch.Tensor


def test_the_steps_that_are_planned_run_for_real() -> None:
    torch.manual_seed(1)
    found = rehearsal(TOY, TrainSettings(batch=4, lr=1e-3, loss_chunk=16), torch.device("cpu"), likely=4)
    first = found.micro(10, 10)
    found.step()
    assert found.micro(10, 10) < first
