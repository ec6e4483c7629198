"""A model tried on held-out examples: its loss, and its translations beside the references."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel

from bili2text.seq2seq.codec import Codec
from bili2text.seq2seq.values import Way, target_of
from bili2text.workshop.measures.scores import score
from bili2text.workshop.train.batch import Collate
from bili2text.workshop.train.examples import Example
from bili2text.workshop.values import DecodeSettings


class Summed(Protocol):
    """The loss of a batch, summed over its labels."""

    def __call__(self, batch: dict[str, Tensor]) -> Tensor:
        """Return it, a scalar."""


def tried(
    model: PreTrainedModel,
    codec: Codec,
    dev: Mapping[Way, Sequence[Example]],
    decode: DecodeSettings,
    batch: int,
    summed: Summed,
    advance: Callable[[int], None],
) -> dict[str, float]:
    """Return eval_loss (mean over the directions), and eval_WAY_loss, eval_WAY_bleu, eval_WAY_chrf of each.

    The loss is that of training, a mean over the labels. `advance` is told of the examples that are done, as
    many in all as `trials` says. No random number is drawn, so that an evaluation
    changes nothing of the training around it.
    """
    was_training = model.training
    model.eval()
    found: dict[str, float] = {}
    try:
        with torch.inference_mode():
            for way, examples in dev.items():
                found[f"eval_{way}_loss"] = _loss(model, codec, examples, batch, summed, advance)
                said = translated(model, codec, examples, way, decode, batch, advance)
                references = [codec.text(one.labels) for one in examples]
                scored = score(said, references, target_of(way))
                found |= {f"eval_{way}_bleu": scored.bleu, f"eval_{way}_chrf": scored.chrf}
    finally:
        model.train(was_training)
    losses = [found[f"eval_{way}_loss"] for way in dev]
    return {"eval_loss": sum(losses) / len(losses), **found}


def trials(dev: Mapping[Way, Sequence[Example]]) -> int:
    """Return how often an example is looked at: for its loss, and for its translation."""
    return 2 * sum(map(len, dev.values()))


def told(found: Mapping[str, float], ways: Iterable[Way]) -> str:
    """Return what a person is told of a trial: its loss, and BLEU on the pairs that were looked at."""
    bleu = ", ".join(f"{way} {found[f'eval_{way}_bleu']:.1f}" for way in ways)
    return f"held-out loss {found['eval_loss']:.3f}, BLEU on held-out pairs {bleu}"


def translated(
    model: PreTrainedModel,
    codec: Codec,
    examples: Sequence[Example],
    way: Way,
    decode: DecodeSettings,
    batch: int,
    advance: Callable[[int], None] = lambda _: None,
) -> list[str]:
    """Return the model's translation of each source, in their order."""
    collate = Collate(codec.pad)
    made: dict[int, str] = {}
    asked: dict[str, Any] = {"num_beams": decode.beams, "max_length": _longest(model, decode)}
    if (first := codec.first(way)) is not None:
        asked["forced_bos_token_id"] = first
    for places in _batches(examples, batch):
        tensors = collate([examples[place] for place in places])
        given = {name: tensors[name].to(model.device) for name in ("input_ids", "attention_mask")}
        rows = model.generate(**given, **asked, do_sample=False)
        made.update(zip(places, (codec.text(row) for row in rows.tolist()), strict=True))
        advance(len(places))
    return [made[place] for place in range(len(examples))]


def _longest(model: PreTrainedModel, decode: DecodeSettings) -> int:
    positions = getattr(model.config, "max_position_embeddings", decode.max_tokens)
    return min(decode.max_tokens, positions)


def _loss(
    model: PreTrainedModel,
    codec: Codec,
    examples: Sequence[Example],
    batch: int,
    summed: Summed,
    advance: Callable[[int], None],
) -> float:
    collate, total, labels = Collate(codec.pad), 0.0, 0
    for places in _batches(examples, batch):
        tensors = collate([examples[place] for place in places])
        total += float(summed({name: tensor.to(model.device) for name, tensor in tensors.items()}))
        labels += sum(len(examples[place].labels) for place in places)
        advance(len(places))
    return total / max(labels, 1)


def _batches(examples: Sequence[Example], batch: int) -> Iterator[list[int]]:
    """Yield the places of examples of about one length together: a batch is as long as its longest."""
    order = sorted(range(len(examples)), key=lambda place: len(examples[place].source))
    for first in range(0, len(order), batch):
        yield order[first : first + batch]
