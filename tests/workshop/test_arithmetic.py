"""What a training costs: formulas against models that are there, and the guides' figures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from bili2text.workshop.costs import arithmetic
from bili2text.workshop.costs.shapes import Shape, shape_of
from bili2text.workshop.presets import preset
from bili2text.workshop.train.rehearsal import rehearsal
from bili2text.workshop.values import TrainSettings

SMALL = Shape("toy", 32, 4, 2, 1, 64, 500, 64)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("chunk", [0, 7])
def test_the_formula_counts_what_torch_counts(checkpointing: bool, chunk: int) -> None:
    train = TrainSettings(batch=3, loss_chunk=chunk, checkpointing=checkpointing)
    found = rehearsal(SMALL, train, torch.device("cpu"))
    with (
        torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
        FlopCounterMode(display=False) as counter,
    ):
        found.micro(12, 9)
    computed = 3 * arithmetic.flops(SMALL, 12, 9, train)
    # the embedding's gradient is no product; transformers' causal mask leaves nothing out
    assert counter.get_total_flops() == pytest.approx(computed, rel=0.02)


def test_eleven_million_examples_take_the_guide_two_to_five_times_its_hours() -> None:
    found = preset("rtx4080s")
    work = arithmetic.work(shape_of(found.model.id), found.train, 5_500_000, 1)
    assert (work.examples, work.steps) == (11_000_000, 2 * 57_292)
    low, high = arithmetic.hours(work.flops, 104.4)
    assert 3.5 * 2 < low < high < 4 * 5
    assert arithmetic.needed_tflops(work.flops, 4.0) > 104.4  # more than the card has


def test_every_pair_is_learned_in_each_direction() -> None:
    found = preset("rtx4080s")
    one, both = (arithmetic.work(shape_of(found.model.id), found.train, 1000, ways) for ways in (1, 2))
    assert both.examples == 2 * one.examples
    assert both.flops == pytest.approx(2 * one.flops)


def test_an_old_checkpoint_goes_only_when_the_next_is_whole() -> None:
    train = TrainSettings(keep=1)
    assert arithmetic.disk(1_000, train, 0).checkpoints == 2 * 1_000 * 12
    assert arithmetic.disk(1_000, replace(train, keep=3), 0).checkpoints == 4 * 1_000 * 12


def test_labels_take_less_a_token_where_the_vocabulary_is_small() -> None:
    assert arithmetic.label_bytes(16, 16_000, 64) == 64 * (16 * 4 + 8)
    assert arithmetic.label_bytes(16, 151_936, 64) == 64 * (16 * 6 + 8)


def test_the_guides_labels_are_about_a_hundred_tokens_a_position() -> None:
    assert 90 <= arithmetic.k_for(3.6e9 / 100_000, 64, 6) <= 100
