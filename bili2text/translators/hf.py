"""A translator on transformers: the reference. Meant for a process of its own, with one card visible."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bili2text.errors import UsageError
from bili2text.translators.chat import Chat
from bili2text.translators.engine import GREEDY, Decoding, Load, Prompt, Reply
from bili2text.translators.hf_errors import running
from bili2text.translators.hf_load import loaded
from bili2text.translators.hf_memory import clear, refuse_too_many
from bili2text.translators.hf_torch import Config, Model, Tensor, libraries
from bili2text.translators.hf_watch import BeamOver, Ended, FirstLook, Over, Watch, Without, cut
from bili2text.translators.scripts_of import tokens_of_scripts

Told = Callable[[int, Reply], None]
Rows = list[list[int]]  # tokens


class HfTranslator:
    """A Translator over one loaded model."""

    def __init__(self, load: Load) -> None:
        """Load the model. Raises as hf_load.loaded does; ModelError for a folder without a chat template."""
        self._chat = Chat.read(load.folder)
        found = loaded(load, os.environ)
        self.precision = found.precision
        self._model: Model = found.model
        self._device = found.device
        self._batch = max(1, load.batch_size)
        self._place = "the GPU" if load.device == "cuda" else "memory"
        self._pad = min(self._chat.end_ids)  # any token: what is padded is masked
        self._scripts: dict[tuple[str, ...], Tensor] = {}

    def generate(
        self, prompts: tuple[Prompt, ...], decoding: Decoding = GREEDY, told: Told | None = None
    ) -> tuple[Reply, ...]:
        """Return the reply to each prompt, in order; see the protocol.

        With beams, replies are told at the end of each batch. The repetition penalty
        counts what was generated: the prompt holds the words of the translation, too.
        """
        replies: dict[int, Reply] = {}
        for first, batch in _cut(prompts, self._batch):

            def tell(row: int, ended: Ended, first: int = first) -> None:
                reply = Reply(self._chat.text(ended.tokens), len(ended.tokens), ended.finished)
                replies[first + row] = reply
                if told is not None:
                    told(first + row, reply)

            with running(self._place):
                self._generate(batch, decoding, tell)
        return tuple(replies[place] for place in range(len(prompts)))

    def weight_bytes(self) -> int:
        """Return the bytes of the weights as they are in memory."""
        return sum(one.numel() * one.element_size() for one in self._model.parameters())

    def close(self) -> None:
        """Let go of the model and its memory; the process keeps what CUDA itself takes."""
        self._model = None
        self._scripts.clear()
        gc.collect()  # a model's modules refer to each other
        clear(self._device)

    def _generate(
        self, batch: Sequence[Prompt], decoding: Decoding, tell: Callable[[int, Ended], None]
    ) -> None:
        torch, _ = libraries()
        rows = [self._tokens(prompt) for prompt in batch]
        limits = [max(1, prompt.max_new_tokens) for prompt in batch]
        width = max(map(len, rows))
        clear(self._device)
        refuse_too_many(
            self._model.config, self._device, len(rows) * max(1, decoding.beam_size), width + max(limits)
        )
        try:
            with torch.inference_mode():
                if decoding.temperature > 0:
                    torch.manual_seed(decoding.seed)
                if decoding.beam_size > 1:
                    self._beams(rows, limits, decoding, tell)
                else:
                    watch = Watch(width, limits, self._chat.end_ids, tell)
                    self._run(rows, limits, decoding, watch, Over(watch))
        finally:
            clear(self._device)

    def _beams(
        self, rows: Rows, limits: list[int], decoding: Decoding, tell: Callable[[int, Ended], None]
    ) -> None:
        width = max(map(len, rows))
        found = self._run(rows, limits, decoding, FirstLook(), BeamOver(width, limits))
        ended = [
            cut(said, limit, self._chat.end_ids)
            for said, limit in zip(found[:, width:].tolist(), limits, strict=True)
        ]
        for row, one in enumerate(ended):
            tell(row, one)

    def _run(
        self,
        rows: Rows,
        limits: list[int],
        decoding: Decoding,
        look: Watch | FirstLook,
        over: Over | BeamOver,
    ) -> Tensor:
        _, transformers = libraries()
        ids, mask = self._padded(rows)
        return self._model.generate(
            input_ids=ids,
            attention_mask=mask,
            generation_config=self._config(max(limits), decoding),
            logits_processor=transformers.LogitsProcessorList([look, *self._shaping(decoding, ids.shape[1])]),
            stopping_criteria=transformers.StoppingCriteriaList([over]),
        )

    def _config(self, limit: int, decoding: Decoding) -> Config:
        _, transformers = libraries()
        sampled = decoding.temperature > 0
        how: dict[str, Any] = {
            "do_sample": sampled,
            "num_beams": max(1, decoding.beam_size),
            "use_cache": True,
        }
        if sampled:
            how |= {"temperature": decoding.temperature, "top_p": decoding.top_p, "top_k": decoding.top_k}
        return transformers.GenerationConfig(
            max_new_tokens=limit, eos_token_id=sorted(self._chat.end_ids), pad_token_id=self._pad, **how
        )

    def _shaping(self, decoding: Decoding, start: int) -> Iterator[object]:
        if decoding.repetition_penalty != 1.0:
            _, transformers = libraries()
            yield transformers.RepetitionPenaltyLogitsProcessor(
                float(decoding.repetition_penalty), prompt_ignore_length=start
            )
        if decoding.without:
            yield Without(self._suppressed(decoding.without))

    def _suppressed(self, scripts: tuple[str, ...]) -> Tensor:
        torch, _ = libraries()
        if scripts not in self._scripts:
            found = tokens_of_scripts(self._chat, scripts)
            self._scripts[scripts] = torch.tensor(found, dtype=torch.long, device=self._device)
        return self._scripts[scripts]

    def _tokens(self, prompt: Prompt) -> list[int]:
        text = self._chat.prompt(prompt.messages)
        found: list[int] = self._chat.tokenizer.encode(text, add_special_tokens=False).ids
        most = getattr(self._model.config, "max_position_embeddings", 0)
        if most and len(found) >= most:
            raise UsageError(
                f"a prompt of {len(found)} tokens: the model reads {most}",
                hint="give it less context or fewer terms",
            )
        return found

    def _padded(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """Return ids and mask; rows end together, so that the next token of each is at the same place."""
        torch, _ = libraries()
        width = max(map(len, rows))
        ids = [[self._pad] * (width - len(row)) + row for row in rows]
        mask = [[0] * (width - len(row)) + [1] * len(row) for row in rows]
        return torch.tensor(ids, device=self._device), torch.tensor(mask, device=self._device)


def _cut(items: Sequence[Any], size: int) -> Iterator[tuple[int, Sequence[Any]]]:
    for first in range(0, len(items), size):
        yield first, items[first : first + size]
