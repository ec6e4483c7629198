from __future__ import annotations

import copy
from dataclasses import replace

import lessons
import numpy as np
import pytest
import torch
from hsk import pairs
from torch.nn import functional
from transformers import M2M100ForConditionalGeneration, MarianConfig, MarianMTModel
from transformers.trainer_pt_utils import LabelSmoother

from bili2text.progress import Silent
from bili2text.workshop.run import Run
from bili2text.workshop.train.batch import Collate
from bili2text.workshop.train.examples import Example, Likely
from bili2text.workshop.train.lesson import Lesson
from bili2text.workshop.train.loss import IGNORED, Head, Losses, Teacher, divergence, summed
from bili2text.workshop.train.model import build
from bili2text.workshop.train.trainer import TranslationTrainer, train
from bili2text.workshop.values import TrainSettings

V, WIDTH, POSITIONS = 97, 16, 50


def given() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Hidden states, a head, and labels of which some are padding."""
    chance = torch.Generator().manual_seed(3)
    hidden = torch.randn(POSITIONS, WIDTH, generator=chance).requires_grad_()
    weight = (torch.randn(V, WIDTH, generator=chance) / 8).requires_grad_()
    labels = torch.randint(0, V, (POSITIONS,), generator=chance)
    labels[[0, 7, 8, 49]] = IGNORED
    return hidden, weight, labels


def gradients(loss: torch.Tensor, *of: torch.Tensor) -> list[torch.Tensor]:
    return list(torch.autograd.grad(loss, of))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("chunk", [0, 1, 7, 50, 256])
def test_the_loss_in_chunks_is_the_stock_loss_and_its_gradients(smoothing, chunk):
    hidden, weight, labels = given()
    count = labels.ne(IGNORED).sum()
    logits = functional.linear(hidden, weight)
    if smoothing:
        stock = LabelSmoother(epsilon=smoothing)({"logits": logits}, labels)
    else:
        stock = functional.cross_entropy(logits, labels, ignore_index=IGNORED)
    ours = summed(hidden, labels, Head(weight), Losses(smoothing, chunk)) / count
    assert ours.item() == pytest.approx(stock.item(), abs=1e-6)
    for mine, theirs in zip(gradients(ours, hidden, weight), gradients(stock, hidden, weight), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6)


def test_the_loss_of_marians_class_has_its_bias(tmp_path):
    torch.manual_seed(1)
    config = MarianConfig(
        vocab_size=60, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=32,
        pad_token_id=59, eos_token_id=0, decoder_start_token_id=59, dropout=0.0,
    )  # fmt: skip
    model = MarianMTModel(config)
    model.final_logits_bias.copy_(torch.randn(1, 60))
    batch = Collate(59)([Example("zh-en", (5, 6, 0), (7, 8, 9, 0)), Example("zh-en", (5, 0), (7, 0))])
    stock = model(**batch).loss

    class Codec:
        pad = 59

    lesson = Lesson(Run(tmp_path), TrainSettings(loss_chunk=3), lessons.GREEDY, [], 1, {}, device="cpu")
    trainer = TranslationTrainer(lesson, model, Codec(), 1, [], Silent())
    ours = trainer.compute_loss(model, batch)
    assert ours.item() == pytest.approx(stock.item(), abs=1e-6)


def test_chunks_keep_no_logits_for_the_gradients():
    """What autograd keeps of 50 positions is less than their logits: with the stock loss it is more."""

    def kept(chunk: int) -> int:
        hidden, weight, labels = given()
        seen = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda one: seen.append(one.numel()) or one, lambda one: one
        ):
            summed(hidden, labels, Head(weight), Losses(0.1, chunk))
        return max(seen)

    assert kept(5) < POSITIONS * V <= kept(0)


def teacher_of(logits: torch.Tensor, k: int, temperature: float = 1.0) -> Teacher:
    top = logits.topk(k, -1)
    return Teacher(top.indices, top.values, (logits / temperature).logsumexp(-1))


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_with_all_tokens_the_divergence_is_the_full_one(temperature):
    chance = torch.Generator().manual_seed(4)
    theirs, ours = torch.randn(2, 20, V, generator=chance).unbind(0)
    ours.requires_grad_()
    full = functional.kl_div(
        (ours / temperature).log_softmax(-1), (theirs / temperature).log_softmax(-1),
        log_target=True, reduction="none",
    ).sum(-1)  # fmt: skip
    sparse = divergence(ours, teacher_of(theirs, V, temperature), temperature)
    assert torch.allclose(sparse, full, atol=1e-5)
    (mine,), (right,) = gradients(sparse.sum(), ours), gradients(full.sum(), ours)
    assert torch.allclose(mine, right, atol=1e-5)


def test_with_few_tokens_the_divergence_is_less_than_the_full_one_and_grows_with_them():
    chance = torch.Generator().manual_seed(5)
    theirs, ours = (3 * torch.randn(2, 20, V, generator=chance)).unbind(0)
    found = [float(divergence(ours, teacher_of(theirs, k), 1.0).mean()) for k in (1, 4, 16, 64, V)]
    assert 0 < found[0] < found[1] < found[2] < found[3] <= found[4] + 1e-5


def test_a_student_that_says_what_the_teacher_says_has_no_divergence_whatever_k_is():
    theirs = torch.randn(20, V, generator=torch.Generator().manual_seed(6))
    for k in (1, 8, V):
        assert divergence(theirs, teacher_of(theirs, k), 1.0).abs().max() < 1e-5


def test_where_the_teacher_has_no_opinion_only_the_label_counts():
    hidden, weight, labels = given()
    theirs = torch.randn(POSITIONS, V, generator=torch.Generator().manual_seed(7))
    silent = replace(teacher_of(theirs, 8), whole=torch.full((POSITIONS,), torch.inf))
    how = Losses(0.1, 16, distil=0.7)
    alone = summed(hidden, labels, Head(weight), how)
    assert summed(hidden, labels, Head(weight), how, silent).item() == pytest.approx(alone.item(), rel=1e-6)
    mixed = replace(silent, whole=torch.where(torch.arange(POSITIONS) < 9, theirs.logsumexp(-1), torch.inf))
    loss = summed(hidden, labels, Head(weight), how, mixed)
    assert loss.item() != pytest.approx(alone.item(), rel=1e-3)
    assert all(bool(one.isfinite().all()) for one in gradients(loss, hidden, weight))


def test_labels_and_teacher_share_the_loss_by_its_weight():
    hidden, weight, labels = given()
    theirs = torch.randn(POSITIONS, V, generator=torch.Generator().manual_seed(8))
    teacher = teacher_of(theirs, 8, 2.0)
    head, kept = Head(weight), labels.ne(IGNORED)
    own = summed(hidden, labels, head, Losses(0.0, 16))
    taught = 4 * (divergence(head(hidden), teacher, 2.0) * kept).sum()
    both = summed(hidden, labels, head, Losses(0.0, 16, distil=0.25, temperature=2.0), teacher)
    assert both.item() == pytest.approx(0.75 * own.item() + 0.25 * taught.item(), rel=1e-5)


def test_a_batch_holds_the_teachers_opinion_and_infinity_where_there_is_none():
    likely = Likely(
        np.array([[4, 5], [6, 7]], np.int32),
        np.array([[2, 1], [3, 0]], np.float16),
        np.ones((2, 2), np.float32),
    )
    batch = Collate(1)([Example("zh-en", (5, 2), (7, 2), likely), Example("zh-en", (5, 6, 2), (7, 8, 2))])
    assert batch["likely_tokens"].shape == (2, 3, 2)
    assert batch["likely_whole"][0].isfinite().all(-1).tolist() == [True, True, False]
    assert not batch["likely_whole"][1].isfinite().any()
    assert batch["labels"].tolist() == [[7, 2, IGNORED], [7, 8, 2]]


def test_four_batches_of_six_are_one_of_twenty_four(tmp_path):
    codec = lessons.vocabulary(pairs()[:200])
    found = lessons.examples(pairs()[:12], codec)  # of different lengths: their counts of labels differ
    first = build(lessons.SMALLEST, codec, seed=1, dropout=0.0)
    weights = []
    for batch, accumulate in ((24, 1), (6, 4)):
        model: M2M100ForConditionalGeneration = copy.deepcopy(first)
        settings = replace(
            lessons.BY_HEART,
            batch=batch,
            accumulate=accumulate,
            epochs=1,
            label_smoothing=0.1,
            optim="sgd",
            lr=1.0,
            warmup=0.0,
        )
        lesson = replace(lessons.lesson(tmp_path / str(batch), found, settings), examples=found)
        train(lesson, model, codec, Silent())
        weights.append(torch.cat([one.flatten() for one in model.parameters()]))
    assert not torch.equal(weights[0], torch.cat([one.flatten() for one in first.parameters()]))
    assert torch.allclose(weights[0], weights[1], atol=1e-6)
