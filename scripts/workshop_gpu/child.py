"""`python -m workshop_gpu.child ERRAND`: measures one row and says it as a line of JSON.

Nothing is downloaded: memory and speed do not depend on the weights' values.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from acceptance.children import say
from safetensors.numpy import save

from bili2text.workshop.course import course
from bili2text.workshop.distillation.labels import Opinion
from bili2text.workshop.train.rehearsal import Rehearsal, rehearsal
from workshop_gpu.lengths import drawn
from workshop_gpu.values import LABEL_TOKENS, Errand, errand_of

_GIB = 2**30
_LABEL_BATCH = 64


@dataclass(frozen=True, slots=True)
class _Place:
    """Where it is computed; on a CPU nothing of its memory is told."""

    device: torch.device

    def cap(self, gib: float | None) -> None:
        if gib and self._is_card:
            total = torch.cuda.get_device_properties(self.device).total_memory
            torch.cuda.set_per_process_memory_fraction(min(gib * _GIB / total, 1.0))

    def wait(self) -> None:
        if self._is_card:
            torch.cuda.synchronize()

    def peak(self) -> dict[str, float | None]:
        if not self._is_card:
            return {"allocated_gib": None, "reserved_gib": None}
        return {
            "allocated_gib": round(torch.cuda.max_memory_allocated() / _GIB, 3),
            "reserved_gib": round(torch.cuda.max_memory_reserved() / _GIB, 3),
        }

    @property
    def _is_card(self) -> bool:
        return bool(self.device.type == "cuda")


def main(text: str) -> None:
    """Measure what the errand says."""
    asked = errand_of(text)
    place = _Place(torch.device(asked.device))
    place.cap(asked.cap_gib)
    measure = {"memory": _memory, "speed": _speed, "labels": _labels}[asked.kind]
    try:
        say({**measure(asked, place), **place.peak(), "out_of_memory": False})
    except torch.cuda.OutOfMemoryError:
        say({**place.peak(), "out_of_memory": True})


def _memory(asked: Errand, place: _Place) -> dict[str, Any]:
    """Do two steps: in the second, Adam's means and the gradients of earlier batches are there."""
    found = _rehearsal(asked, place)
    for _ in range(2):
        for _ in range(asked.train.accumulate):
            found.micro(asked.tokens, asked.tokens)
        found.step()
    place.wait()
    return {}


def _speed(asked: Errand, place: _Place) -> dict[str, Any]:
    found = _rehearsal(asked, place)
    batches = _batches(asked)
    accumulate = asked.train.accumulate
    begun, tokens = 0.0, 0
    for step in range(asked.warm + asked.steps):
        if step == asked.warm:
            place.wait()
            begun, tokens = time.perf_counter(), 0
        for _ in range(accumulate):
            batch = next(batches)
            tokens += 2 * int(batch.sum())
            found.micro(int(batch.max()), int(batch.max()))
        found.step()
    place.wait()
    seconds = time.perf_counter() - begun
    examples = asked.steps * accumulate * asked.train.batch
    return {
        "seconds": round(seconds, 3),
        "steps": asked.steps,
        "examples_per_second": round(examples / seconds, 2),
        "tokens_per_second": round(tokens / seconds, 1),  # of both sides, padding not counted
    }


def _labels(asked: Errand, place: _Place) -> dict[str, Any]:
    """Let a decoder with random weights tell its likeliest tokens, as `workshop label` keeps them."""
    from bili2text.workshop.train.teacher import opinion_of  # a loader of models comes with it

    model = _teacher(asked, place)
    ids = torch.randint(
        5, min(1000, asked.teacher.vocab), (_LABEL_BATCH, 2 * LABEL_TOKENS), device=place.device
    )
    begun, size = 0.0, 0
    for number in range(asked.warm + asked.steps):
        if number == asked.warm:
            place.wait()
            begun, size = time.perf_counter(), 0
        with torch.inference_mode():
            logits = model(input_ids=ids, use_cache=False, logits_to_keep=LABEL_TOKENS).logits
            opinions = [opinion_of(row, asked.likely) for row in logits]
        size += len(save({name: _joined(opinions, name) for name in ("tokens", "logits", "whole")}))
    seconds = time.perf_counter() - begun
    samples = asked.steps * _LABEL_BATCH
    return {
        "seconds": round(seconds, 3),
        "samples_per_second": round(samples / seconds, 2),
        "bytes_per_sample": round(size / samples, 1),
        "positions": LABEL_TOKENS,
        "k": asked.likely,
    }


def _rehearsal(asked: Errand, place: _Place) -> Rehearsal:
    return rehearsal(asked.shape, asked.train, place.device, stock=asked.stock, likely=asked.likely)


def _batches(asked: Errand) -> Iterator[np.ndarray[Any, np.dtype[np.int64]]]:
    """Yield the lengths of each batch, in the order a training takes them."""
    count = (asked.warm + asked.steps) * asked.train.batch * asked.train.accumulate
    lengths = np.array(drawn(count, asked.mean, asked.longest), np.int64)
    yield from lengths[course(lengths, asked.train, seed=1)].reshape(-1, asked.train.batch)


def _teacher(asked: Errand, place: _Place) -> Any:  # noqa: ANN401 - a model of transformers
    from transformers import Qwen2Config, Qwen2ForCausalLM

    told = asked.teacher
    config = Qwen2Config(
        vocab_size=told.vocab,
        hidden_size=told.width,
        num_hidden_layers=told.layers,
        num_attention_heads=told.heads,
        num_key_value_heads=told.heads,
        intermediate_size=told.ffn,
        tie_word_embeddings=False,
    )
    half = torch.bfloat16 if place.device.type == "cuda" else torch.float32
    with place.device:
        return Qwen2ForCausalLM(config).to(half).eval()


def _joined(opinions: list[Opinion], name: str) -> np.ndarray[Any, np.dtype[Any]]:
    return np.concatenate([getattr(one, name) for one in opinions])


if __name__ == "__main__":
    main(sys.argv[1])
