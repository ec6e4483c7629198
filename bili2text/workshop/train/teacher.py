"""A causal language model that teaches: what it says to a source, and what it thinks of a translation."""

from __future__ import annotations

import gc
import inspect
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessorList

from bili2text.errors import ModelError
from bili2text.seq2seq.text_codec import TextCodec
from bili2text.seq2seq.values import UNKNOWN
from bili2text.translators.engine import Load, Reply
from bili2text.translators.hf_errors import running
from bili2text.translators.hf_load import loaded
from bili2text.translators.hf_memory import clear, refuse_too_many
from bili2text.translators.hf_watch import FirstLook, nonsense
from bili2text.workshop.distillation.labels import Opinion, Sample
from bili2text.workshop.train.voice import Voice

_LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True, slots=True)
class Teaching:
    """How a teacher is run."""

    device: str = "auto"  # "cpu", "cuda", "cuda:1"
    precision: str = "auto"  # hf_load's; "int8" takes bitsandbytes
    max_tokens: int = 64  # of a source, and of a target
    k: int = 16  # tokens of an opinion
    compile: bool = False  # by torch.compile: takes a C++ compiler, and minutes


class HfTeacher:
    """A Teacher (the protocol) over one loaded model of transformers."""

    def __init__(self, folder: Path, codec: TextCodec | None, how: Teaching) -> None:
        """Load the model. `codec` is needed for opinions: the student's vocabulary, made of this teacher's.

        Raises ModelError, OutOfMemory, DeviceFailure, PrecisionFailure or DependencyError as the loaders do.
        """
        self._how = how
        self._codec = codec
        self._voice = Voice.read(folder)
        device, index = _device(how.device)
        found = loaded(Load(folder, "transformers", device, index, how.precision), os.environ)
        self.precision: str = found.precision
        self._model: Any = found.model
        self._device = found.device
        self._place = "the GPU" if device == "cuda" else "memory"
        self._takes = set(inspect.signature(found.model.forward).parameters)
        if how.compile:
            self._model.compile(dynamic=True)
        self._own = None if codec is None else _inverse(codec)

    def replies(self, samples: Sequence[Sample]) -> Sequence[Reply | None]:
        """Return what it says to each source, greedily; None for one of more than the most tokens."""
        fits = [len(self._voice.ids(one.source)) <= self._how.max_tokens for one in samples]
        asking = [one for one, fit in zip(samples, fits, strict=True) if fit]
        said: Iterator[Reply] = iter(self._generated([self._voice.asked(one) for one in asking]))
        return [next(said) if fit else None for fit in fits]

    def opinions(self, samples: Sequence[Sample]) -> Sequence[Opinion | None]:
        """Return what it thinks of each target and its end; None where a side has too many tokens."""
        targets = [self._target(one) for one in samples]
        fits = [
            len(target) <= self._how.max_tokens and len(self._voice.ids(one.source)) <= self._how.max_tokens
            for one, target in zip(samples, targets, strict=True)
        ]
        chosen = [place for place, fit in enumerate(fits) if fit]
        rows = [(self._voice.asked(samples[place]), targets[place]) for place in chosen]
        found = dict(zip(chosen, self._thought(rows), strict=True))
        return [found.get(place) for place in range(len(samples))]

    def close(self) -> None:
        """Let go of the model and its memory."""
        self._model = None
        gc.collect()
        clear(self._device)

    def _generated(self, rows: Sequence[Sequence[int]]) -> list[Reply]:
        if not rows:
            return []
        limit = self._how.max_tokens + 1  # and its end
        ids, mask = self._padded(rows)
        refuse_too_many(self._model.config, self._device, len(rows), ids.shape[1] + limit)
        with running(self._place), torch.inference_mode():
            found = self._model.generate(
                input_ids=ids,
                attention_mask=mask,
                generation_config=GenerationConfig(
                    max_new_tokens=limit,
                    do_sample=False,
                    num_beams=1,
                    use_cache=True,
                    eos_token_id=sorted(self._voice.stops),
                    pad_token_id=self._voice.pad,
                ),
                logits_processor=LogitsProcessorList([FirstLook()]),
            )
        return [self._voice.reply(said) for said in found[:, ids.shape[1] :].tolist()]

    def _thought(self, rows: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[Opinion]:
        if not rows:
            return []
        ids, mask = self._padded([[*asking, *target] for asking, target in rows])
        last = max(len(target) for _, target in rows) + 1  # of each row's logits: its target's, and its end's
        asking: dict[str, Any] = {"input_ids": ids, "attention_mask": mask, "use_cache": False}
        if "position_ids" in self._takes:  # rows are padded in front: each counts from its own beginning
            asking["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)
        if "logits_to_keep" in self._takes:
            asking["logits_to_keep"] = last
        with running(self._place), torch.inference_mode():
            logits = self._model(**asking).logits
            return [
                opinion_of(logits[row, -len(target) - 1 :], self._how.k)
                for row, (_, target) in enumerate(rows)
            ]

    def _target(self, sample: Sample) -> list[int]:
        """Return the teacher's numbers of the tokens that the student's labels are."""
        if self._codec is None or self._own is None:
            raise ModelError("this teacher's vocabulary is none that a student can have")
        labels = self._codec.target(sample.target, sample.way)[1:-1]
        return [int(self._own[one]) for one in labels]

    def _padded(self, rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        width = max(map(len, rows))
        ids = [[self._voice.pad] * (width - len(row)) + list(row) for row in rows]
        mask = [[0] * (width - len(row)) + [1] * len(row) for row in rows]
        return torch.tensor(ids, device=self._device), torch.tensor(mask, device=self._device)


def opinion_of(logits: Tensor, k: int) -> Opinion:
    """Return the k likeliest tokens of each row of logits [rows, vocabulary], and what all are together.

    log-sum-exp is of float32, before the logits are rounded to float16. Raises PrecisionFailure for logits
    that are no numbers.
    """
    full = logits.float()
    if not bool(full.isfinite().all()):
        raise nonsense("what the teacher computes is not a number")
    best = full.topk(min(k, full.shape[-1]), dim=-1)
    whole = torch.stack((full.logsumexp(-1), (full / 2).logsumexp(-1)), dim=-1)
    return Opinion(
        tokens=best.indices.to(torch.int32).cpu().numpy(),
        logits=best.values.clamp(-_LARGEST, _LARGEST).half().cpu().numpy(),
        whole=whole.cpu().numpy(),
    )


def _inverse(codec: TextCodec) -> npt.NDArray[np.int32]:
    """Return the teacher's number for each of the student's tokens of text; -1 for the others."""
    if codec.renumbered is None:
        raise ModelError("the student's vocabulary was not made of this teacher's")
    found = np.full(codec.size, -1, np.int32)
    theirs = np.flatnonzero(codec.renumbered > UNKNOWN)
    found[codec.renumbered[theirs]] = theirs
    return found


def _device(wish: str) -> tuple[str, int]:
    if wish == "auto":
        return ("cuda", 0) if torch.cuda.is_available() else ("cpu", 0)
    name, _, index = wish.partition(":")
    return name, int(index) if index.isdigit() else 0
