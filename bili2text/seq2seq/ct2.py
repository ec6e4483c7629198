"""A small encoder-decoder on CTranslate2: texts in, translations out. The only file that runs its Translator.

CTranslate2 counts the forced language and the end among the tokens of a translation, and fails at the first
position beyond those the model was made with: both are minded here.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ctranslate2

from bili2text.errors import PrecisionFailure, RuntimeFailure, UsageError
from bili2text.seq2seq.cut import cut
from bili2text.seq2seq.folder import VOCABULARY, read_product
from bili2text.seq2seq.open import open_codec
from bili2text.seq2seq.output import BLANK, Output, joined
from bili2text.seq2seq.search import Sampling, Search, choice
from bili2text.seq2seq.values import Way
from bili2text.transcribe.ct2_errors import Advice, translated

__all__ = ["Output", "Seq2Seq"]
_AGAIN = "convert the run again: bili2text workshop quantize RUN --overwrite"
_ADVICE = Advice(
    engine="the translator",
    smaller="use a smaller model",
    fewer="use --batch-size 1 or a smaller model",
    usual="leave the precision at auto",
    half="use the precision float16",
    whole=_AGAIN,
    other=_AGAIN,
)
_PULSE = 0.0002  # seconds between two looks whether a batch is done: what it may add to a latency
_SHORT = 4  # tokens of a source: one no longer that fills all positions is a loop, no long sentence


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a text that fits the model."""

    of: int  # the place of its text
    text: str
    source: tuple[int, ...]


class Seq2Seq:
    """A loaded model. Not for use from several threads."""

    def __init__(
        self,
        folder: Path,
        device: str = "cpu",
        device_index: int = 0,
        precision: str = "default",
        threads: int = 0,
    ) -> None:
        """Load the model of a folder (`read_product`).

        `precision` is CTranslate2's compute_type, "default" what the folder holds; `threads` 0 is the
        library's choice. Raises ModelError, DependencyError, PrecisionFailure, OutOfMemory or RuntimeFailure.
        """
        self.product = read_product(folder)
        self.codec = open_codec(self.product.folder / VOCABULARY)
        self._where = {"device": device, "device_index": device_index, "intra_threads": threads}
        self._wished = precision
        self._sampled = False  # whether this load of the model drew random numbers
        self._held: list[ctranslate2.Translator] = [self._loaded()]
        self.precision = str(self._translator.compute_type)

    def translate(
        self,
        texts: Sequence[str],
        way: Way,
        *,
        beams: int = 1,
        max_tokens: int = 256,
        batch: int = 32,
        sampling: Sampling | None = None,
        repetition_penalty: float = 1.0,
        suppress: Sequence[int] = (),
        whole: bool = False,
    ) -> tuple[Output, ...]:
        """Return the translation of each text, in order.

        `max_tokens` bounds those of one translation, the end included; the model's positions do, too. Texts
        are computed `batch` at a time, the longest first; one with more tokens than positions is cut where it
        reads best, and its pieces' translations are joined. With `whole` so is one whose translation fills
        all positions before it ends. `sampling` knows no beam. `suppress`: tokens that are never written.
        Raises UsageError for a direction the model does not know, OutOfMemory, PrecisionFailure for NaN, and
        what else CTranslate2's errors mean.
        """
        if way not in self.product.ways:
            known = ", ".join(self.product.ways)
            raise UsageError(f"{self.product.name} translates {known} alone, not {way}")
        if sampling is not None:
            self._reseed(sampling.seed)
        options = {
            "max_input_length": 0,
            "repetition_penalty": repetition_penalty,
            "suppress_sequences": [[name] for name in self.codec.tokens(suppress)] or None,
            "return_end_token": True,
            "return_scores": True,
            **choice(beams, sampling),
        }
        most = min(self.product.positions, max(1, max_tokens) + len(self._prefix(way)))
        return self._translated(texts, Search(way, max(1, batch), whole, most, options))

    def close(self) -> None:
        """Let go of the model and its memory; after that it is of no use."""
        if self._held:
            self._held.pop().unload_model()

    @property
    def _translator(self) -> ctranslate2.Translator:
        if not self._held:
            raise RuntimeFailure("the translator was closed")
        return self._held[0]

    def _understood(self) -> AbstractContextManager[None]:
        return translated("the GPU" if self._where["device"] == "cuda" else "memory", _ADVICE)

    def _loaded(self) -> ctranslate2.Translator:
        # it remarks on weights in a precision that the device does not compute in; `precision` tells
        ctranslate2.set_log_level(logging.ERROR)
        with self._understood():
            return ctranslate2.Translator(str(self.product.folder), compute_type=self._wished, **self._where)

    def _reseed(self, seed: int) -> None:
        """Begin the seed's numbers anew. CTranslate2 seeds a worker once; a new model has new workers."""
        if self._sampled:
            self.close()
            self._held.append(self._loaded())
        self._sampled = True
        ctranslate2.set_random_seed(seed & 0xFFFFFFFF)

    def _prefix(self, way: Way) -> list[str]:
        first = self.codec.first(way)
        return [] if first is None else self.codec.tokens([first])

    def _translated(self, texts: Sequence[str], search: Search) -> tuple[Output, ...]:
        positions = self.product.positions
        pieces = [
            one for of, text in enumerate(texts) for one in self._pieces(of, text, search.way, positions)
        ]
        outputs = self._searched([one.source for one in pieces], search)
        if search.whole:
            outputs = self._in_halves(pieces, outputs, search)
        parts: list[list[Output]] = [[] for _ in texts]
        for piece, output in zip(pieces, outputs, strict=True):
            parts[piece.of].append(output)
        return tuple(joined(one, search.way) for one in parts)

    def _pieces(self, of: int, text: str, way: Way, most: int) -> list[_Piece]:
        """Return a text as what the encoder reads, in as many pieces as `most` tokens each make necessary."""
        source = self.codec.source
        whole = source(text, way)
        if len(whole) <= most:
            return [_Piece(of, text, tuple(whole))] if text.strip() else []
        parts = cut(text, lambda part: len(source(part, way)) <= most)
        found = ((part, tuple(source(part, way))) for part in parts)
        # what cannot be cut further, one character of very many bytes, loses its last tokens
        return [
            _Piece(of, part, ids if len(ids) <= most else (*ids[: most - 1], ids[-1])) for part, ids in found
        ]

    def _in_halves(self, pieces: Sequence[_Piece], outputs: Sequence[Output], search: Search) -> list[Output]:
        """Return the outputs; those that had no room are replaced by what two pieces or more of each give."""
        found = list(outputs)
        if search.most < self.product.positions:
            return found
        parts: dict[int, list[str]] = {}
        for place, (piece, output) in enumerate(zip(pieces, outputs, strict=True)):
            if not output.finished and len(piece.source) > _SHORT:
                half = self._pieces(place, piece.text, search.way, len(piece.source) // 2 + 1)
                if len(half) > 1:
                    parts[place] = [one.text for one in half]
        if not parts:
            return found
        again = iter(self._translated([one for place in parts for one in parts[place]], search))
        for place, texts in parts.items():
            found[place] = joined([next(again) for _ in texts], search.way)
        return found

    def _searched(self, sources: Sequence[Sequence[int]], search: Search) -> list[Output]:
        """Return the translation of each source, in order; those of about one length are together."""
        found = [BLANK] * len(sources)
        ordered = sorted(range(len(sources)), key=lambda place: -len(sources[place]))
        for start in range(0, len(ordered), search.batch):
            places = ordered[start : start + search.batch]
            outputs = self._batch([sources[place] for place in places], search)
            for place, output in zip(places, outputs, strict=True):
                found[place] = output
        return found

    def _batch(self, sources: Sequence[Sequence[int]], search: Search) -> list[Output]:
        prefix = self._prefix(search.way)
        with self._understood():
            waiting = self._translator.translate_batch(
                [self.codec.tokens(one) for one in sources],
                target_prefix=[prefix] * len(sources) if prefix else None,
                max_decoding_length=search.most,
                asynchronous=True,
                **search.options,
            )
            results = [_waited(one) for one in waiting]
        return [
            self._output(result, len(source), len(prefix))
            for source, result in zip(sources, results, strict=True)
        ]

    def _output(self, result: Any, read: int, forced: int) -> Output:  # noqa: ANN401 - it has no types
        score = float(result.scores[0])
        if math.isnan(score):
            raise PrecisionFailure(
                f"{self.precision} gives no text on this device, only NaN",
                hint="use another precision: int8_float32 or float32",
            )
        ids = self.codec.ids(result.hypotheses[0])[forced:]
        finished = bool(ids) and ids[-1] == self.codec.end
        kept = tuple(ids[:-1] if finished else ids)
        return Output(self.codec.text(kept), kept, read, len(ids), score, finished)


def _waited(waiting: Any) -> Any:  # noqa: ANN401 - it has no types
    """Return a result when it is there; unlike `result()` this hears Ctrl-C."""
    while not waiting.done():
        time.sleep(_PULSE)
    return waiting.result()
