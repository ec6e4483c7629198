"""A training's steps with random weights, for what they cost rather than for what they teach.

The same code runs with tensors that hold nothing, for the plan, and on a card, to measure what was planned.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from transformers import (
    M2M100Config,
    M2M100ForConditionalGeneration,
    MarianConfig,
    MarianMTModel,
    PretrainedConfig,
    PreTrainedModel,
)

from bili2text.workshop.costs.shapes import Shape
from bili2text.workshop.train.loss import Head, Losses, Teacher, summed
from bili2text.workshop.train.model import DROPOUT
from bili2text.workshop.values import TrainSettings

_HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}
_TOKEN = 5  # any one that is neither padding nor a language


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A model, its optimiser and its loss, as a training has them."""

    model: PreTrainedModel
    optimizer: torch.optim.Optimizer
    train: TrainSettings
    device: torch.device
    likely: int = 0  # tokens of a teacher's distribution at each position; 0: none

    def micro(self, source: int, target: int) -> Tensor:
        """Compute a batch of sentences of so many tokens, and its gradients; return its mean loss."""
        size = (self.train.batch, source)
        read = torch.full(size, _TOKEN, dtype=torch.int64, device=self.device)
        written = torch.full((self.train.batch, target), _TOKEN, dtype=torch.int64, device=self.device)
        with self._cast():
            hidden = self.model.model(
                input_ids=read, attention_mask=torch.ones_like(read), decoder_input_ids=written
            ).last_hidden_state
            loss = self._loss(hidden.flatten(0, 1), written.flatten())
        loss.backward()
        return loss.detach()

    def step(self) -> None:
        """Let the optimiser use the gradients, which are gone then."""
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.train.max_grad_norm, foreach=True)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def _loss(self, hidden: Tensor, labels: Tensor) -> Tensor:
        head = Head(self.model.lm_head.weight, getattr(self.model, "final_logits_bias", None))
        teacher = self._teacher(len(labels)) if self.likely else None
        return summed(hidden, labels, head, Losses.of(self.train), teacher) / len(labels)

    def _teacher(self, positions: int) -> Teacher:
        size = (positions, self.likely)
        return Teacher(
            torch.zeros(size, dtype=torch.int64, device=self.device),
            torch.zeros(size, dtype=torch.float16, device=self.device),
            torch.full((positions,), 10.0, device=self.device),
        )

    def _cast(self) -> AbstractContextManager[None]:
        half = _HALVES.get(self.train.precision)
        return torch.autocast(self.device.type, half) if half is not None else nullcontext()


def rehearsal(
    shape: Shape, train: TrainSettings, device: torch.device, *, stock: bool = False, likely: int = 0
) -> Rehearsal:
    """Return a model of a shape with random float32 weights on a device, and what a training has beside it.

    `stock`: with transformers' own loss, all positions at once.
    """
    with device:
        model = _model(shape)
    model.train()
    if train.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    kinds = {"fused": True} if train.optim.endswith("fused") else {"foreach": True}
    optimizer = torch.optim.AdamW(
        [one for one in model.parameters() if one.requires_grad],
        lr=train.lr,
        weight_decay=train.weight_decay,
        **kinds,
    )
    return Rehearsal(model, optimizer, replace(train, loss_chunk=0) if stock else train, device, likely)


def _model(shape: Shape) -> PreTrainedModel:
    config: PretrainedConfig
    told = {
        "vocab_size": shape.vocab,
        "d_model": shape.width,
        "encoder_layers": shape.encoder_layers,
        "decoder_layers": shape.decoder_layers,
        "encoder_attention_heads": shape.heads,
        "decoder_attention_heads": shape.heads,
        "encoder_ffn_dim": shape.ffn,
        "decoder_ffn_dim": shape.ffn,
        "max_position_embeddings": shape.positions,
        "dropout": DROPOUT,
        "encoder_layerdrop": 0.0,
        "decoder_layerdrop": 0.0,
        "use_cache": False,
        "tie_word_embeddings": shape.tied,
    }
    if shape.family == "marian":  # opus-mt's config.json: no dropout inside of attention, swish
        special = {"pad_token_id": shape.vocab - 1, "decoder_start_token_id": shape.vocab - 1}
        config = MarianConfig(
            **told, **special, attention_dropout=0.0, activation_function="swish", scale_embedding=True
        )
        return MarianMTModel(config)
    return M2M100ForConditionalGeneration(M2M100Config(**told, attention_dropout=DROPOUT))
