"""A translator on CTranslate2's Generator: no torch at run time. The only file here that imports it.

A prompt's tokens that all of a batch share are computed once (`static_prompt`), a reply is told as soon as
it ends, and a batch is computed in the engine's own thread, so that Ctrl-C is heard within it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import ctranslate2

from bili2text.errors import RuntimeFailure
from bili2text.transcribe.ct2_errors import Advice, translated
from bili2text.translators.chat import Chat
from bili2text.translators.ct2_replies import Listener, reply_of
from bili2text.translators.engine import GREEDY, Decoding, Load, Prompt, Reply
from bili2text.translators.scripts_of import tokens_of_scripts

_ADVICE = Advice(
    engine="the translator",
    smaller="use a smaller model (--model-path)",
    fewer="use --batch-size 1 or a smaller model (--model-path)",
    usual="leave the precision at auto",
    half="use the precision float16",
    whole="convert the model again: bili2text models convert",
    other="try another model (--model-path)",
)
# CTranslate2 keeps the state of every static prompt until the model is unloaded (LanguageModel's
# DecoderStateCache has no bound): 144 KiB a token for Qwen3-4B. What comes after these is computed each time.
_KEPT = 4
_WORTH = 8  # tokens; a shorter beginning is not worth a pass of its own


class Ct2Translator:
    """A Translator over one loaded model in CTranslate2's format."""

    def __init__(self, load: Load) -> None:
        """Load the model.

        Raises ModelError, DependencyError, PrecisionFailure, OutOfMemory or RuntimeFailure.
        """
        self._load = load
        self._chat = Chat.read(load.folder)
        self._kept: set[tuple[str, ...]] = set()  # beginnings whose state the model holds
        self._forbidden: dict[frozenset[str], list[list[str]]] = {}
        self._sampled = False  # whether this load of the model drew random numbers
        # Its thread holds on to the last batch's callback. Were it still there when Python ends, it would
        # have to let go of that without Python, and take the process down ("terminate called").
        self._held: list[ctranslate2.Generator] = [self._loaded()]
        weakref.finalize(self, self._held.clear)
        self.precision = str(self._generator.compute_type)

    def generate(
        self,
        prompts: tuple[Prompt, ...],
        decoding: Decoding = GREEDY,
        told: Callable[[int, Reply], None] | None = None,
    ) -> tuple[Reply, ...]:
        """Return the reply to each prompt, in order; see the protocol.

        `told` is called from the thread that called this one: with a beam of 1 as each reply ends, with more
        at the end of each batch. Replies depend on the prompts, how they are cut to batches and the decoding,
        not on what was computed before. Greedy ones in float32 do not depend on the batch either; those of a
        beam do where prompts differ in length, and those with a repetition penalty, which counts the tokens
        by which a prompt is longer than the shortest.
        """
        if decoding.temperature > 0:
            self._reseed(decoding.seed)
        found: list[Reply] = []
        size = max(1, self._load.batch_size)
        for start in range(0, len(prompts), size):
            first = start  # of this batch, for the replies that it tells

            def tell(place: int, reply: Reply, first: int = first) -> None:
                if told is not None:
                    told(first + place, reply)

            found += self._batch(prompts[start : start + size], decoding, tell)
        return tuple(found)

    def close(self) -> None:
        """Let go of the model and its memory; after that the translator is of no use."""
        if self._held:
            self._held.pop().unload_model()
        self._kept.clear()

    @property
    def _generator(self) -> ctranslate2.Generator:
        if not self._held:
            raise RuntimeFailure("the translator was closed")
        return self._held[0]

    def _understood(self) -> AbstractContextManager[None]:
        return translated("the GPU" if self._load.device == "cuda" else "memory", _ADVICE)

    def _loaded(self) -> ctranslate2.Generator:
        load = self._load
        with self._understood():
            return ctranslate2.Generator(
                str(load.folder),
                device=load.device,
                device_index=load.device_index,
                compute_type="default" if load.precision == "auto" else load.precision,
                intra_threads=load.threads,
            )

    def _reseed(self, seed: int) -> None:
        """Make the next sampling draw from the start of the seed's numbers, by loading the model anew.

        CTranslate2 keeps one generator for each worker thread and seeds it once, when it is first asked
        (src/random.cc, src/cuda/random.cu); `unload_model` keeps the threads. A new model has new ones.
        """
        if self._sampled:
            self.close()  # first: there may be no room for two
            self._held.append(self._loaded())
        self._sampled = True
        ctranslate2.set_random_seed(seed & 0xFFFFFFFF)

    def _batch(
        self, prompts: Sequence[Prompt], decoding: Decoding, tell: Callable[[int, Reply], None]
    ) -> list[Reply]:
        tokens = [self._chat.tokens(prompt.messages) for prompt in prompts]
        limits = [max(1, prompt.max_new_tokens) for prompt in prompts]
        options = {
            **self._beginning([prompt.messages for prompt in prompts], tokens),
            **_search(decoding),
            "repetition_penalty": decoding.repetition_penalty,
            "suppress_sequences": self._suppressed(decoding.without),
            "max_length": max(limits),
            "end_token": list(self._chat.ends),
            "return_end_token": True,
            "include_prompt_in_result": False,
            "return_scores": True,
        }
        known = len(options["static_prompt"] or ())
        rest = [list(one[known:]) for one in tokens]
        if options["beam_size"] > 1:
            return self._searched(rest, options, limits, tell)
        listener = Listener(limits, self._chat, self.precision)
        with self._understood():
            waiting = self._generator.generate_batch(
                rest, **options, callback=listener.hear, asynchronous=True
            )
        try:
            for place, reply in listener.replies(waiting[0].done):
                tell(place, reply)
        finally:
            listener.stop()  # where all is said, nothing is left to stop
            with self._understood():
                for one in waiting:
                    one.result()
        return listener.all()

    def _searched(
        self,
        rest: list[list[str]],
        options: dict[str, Any],
        limits: list[int],
        tell: Callable[[int, Reply], None],
    ) -> list[Reply]:
        """Return the replies of a beam search, which are known only when all of them are."""
        with self._understood():
            results = self._generator.generate_batch(rest, **options)
        found = [
            reply_of(result.sequences_ids[0], float(result.scores[0]), limit, self._chat, self.precision)
            for result, limit in zip(results, limits, strict=True)
        ]
        for place, reply in enumerate(found):
            tell(place, reply)
        return found

    def _beginning(self, batch: Sequence[Any], tokens: Sequence[tuple[str, ...]]) -> dict[str, Any]:
        """Return what is computed once for a batch, and whether the model keeps it for the next ones."""
        shared = self._chat.shared(batch, tokens)
        if len(shared) < _WORTH:
            return {"static_prompt": None, "cache_static_prompt": False}
        keep = shared in self._kept or len(self._kept) < _KEPT
        if keep:
            self._kept.add(shared)
        return {"static_prompt": list(shared), "cache_static_prompt": keep}

    def _suppressed(self, scripts: Sequence[str]) -> list[list[str]] | None:
        wanted = frozenset(scripts)
        if not wanted:
            return None
        if wanted not in self._forbidden:
            name = self._chat.tokenizer.id_to_token
            names = [name(number) for number in tokens_of_scripts(self._chat, wanted)]
            self._forbidden[wanted] = [[one] for one in names if one is not None]
        return self._forbidden[wanted]


def _search(decoding: Decoding) -> dict[str, Any]:
    """Return how the next token is chosen; sampling knows no beam."""
    if decoding.temperature <= 0:
        return {"beam_size": max(1, decoding.beam_size)}
    return {
        "beam_size": 1,
        "sampling_temperature": decoding.temperature,
        "sampling_topk": decoding.top_k,
        "sampling_topp": decoding.top_p,
    }
