"""An exported pair of ONNX graphs, run by onnxruntime, numpy and its vocabulary: as a device's program does.

The encoder is run once for a sentence, the decoder once for each token, over the whole of its fixed length:
there is no cache of keys and values. Only the last token's logits leave the graph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bili2text.errors import DependencyError, ModelError, UsageError
from bili2text.files import clean_text
from bili2text.seq2seq.folder import VOCABULARY
from bili2text.seq2seq.open import open_codec
from bili2text.seq2seq.values import Way
from bili2text.workshop.exports.exported import PARTS, WHOLE, Graph, Manifest, Part, first_of, read_manifest

Ids = npt.NDArray[np.int32]
Numbers = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A source, padded, and what the encoder made of it."""

    ids: Ids  # [1, seq]
    mask: Ids  # [1, seq]
    states: Numbers  # [1, seq, width]


@dataclass(frozen=True, slots=True)
class Said:
    """A greedy translation, and the logits that led to each of its tokens; of all sentences they are GBs."""

    source: tuple[int, ...]
    before: tuple[int, ...]  # what the decoder's input began with
    ids: tuple[int, ...]  # without the language and the end
    finished: bool  # it ended by itself, not at the graph's length
    encoded: Encoded
    logits: tuple[Numbers, ...]  # [vocabulary] each; the end's, too

    @property
    def inputs(self) -> tuple[tuple[int, ...], ...]:
        """The decoder's input at each step."""
        start, whole = len(self.before), (*self.before, *self.ids)
        return tuple(whole[: start + step] for step in range(len(self.ids) + self.finished))


def padded(tokens: Sequence[int], seq: int, filling: int) -> Ids:
    """Return tokens as int32 [1, seq]. Raises UsageError for more than `seq`."""
    if len(tokens) > seq:
        raise UsageError(
            f"{len(tokens)} tokens do not fit the {seq} of this export",
            hint="cut the text, or export with --seq",
        )
    return np.array([[*tokens, *[filling] * (seq - len(tokens))]], dtype=np.int32)


class OnnxPair:
    """The encoder and the decoder of an export, loaded."""

    def __init__(self, folder: Path, precision: str = WHOLE, threads: int = 1) -> None:
        """Load what `export --to onnx` wrote. Raises ModelError, DependencyError without onnxruntime."""
        self.manifest: Manifest = read_manifest(folder)
        self.codec = open_codec(folder / VOCABULARY)
        graphs = {one.part: one for one in self.manifest.graphs if one.precision == precision}
        self._sessions = {part: _session(folder, graphs.get(part), precision, threads) for part in PARTS}

    def encode(self, source: Sequence[int]) -> Encoded:
        """Return what the encoder makes of `Codec.source`. Raises UsageError for more tokens than fit."""
        seq = self.manifest.seq
        ids = padded(source, seq, self.manifest.tokens.pad)
        mask = padded([1] * len(source), seq, 0)
        return Encoded(ids, mask, self._run("encoder", {"input_ids": ids, "attention_mask": mask}))

    def step(self, encoded: Encoded, tokens: Sequence[int]) -> Numbers:
        """Return the logits [vocabulary] of the token that follows `tokens`."""
        seq = self.manifest.seq
        fed = {
            "input_ids": padded(tokens, seq, self.manifest.tokens.pad),
            "attention_mask": padded([1] * len(tokens), seq, 0),
            "encoder_states": encoded.states,
            "encoder_attention_mask": encoded.mask,
        }
        found: Numbers = self._run("decoder", fed)[0]
        return found

    def greedy(self, source: Sequence[int], way: Way) -> Said:
        """Return the likeliest tokens one after another. Raises UsageError, ModelError."""
        tokens = self.manifest.tokens
        before = first_of(tokens, way)
        encoded = self.encode(source)
        written, logits = list(before), []
        finished = False
        while not finished and len(written) <= self.manifest.seq:
            found = self.step(encoded, written)
            logits.append(found)
            allowed = found.copy()
            allowed[list(tokens.never)] = -np.inf
            written.append(int(allowed.argmax()))
            finished = written[-1] == tokens.end
        ids = written[len(before) : -1 if finished else None]
        return Said(tuple(source), before, tuple(ids), finished, encoded, tuple(logits))

    def translate(self, text: str, way: Way) -> str:
        """Return the translation of a text that fits. Raises UsageError, ModelError."""
        return self.codec.text(self.greedy(self.codec.source(text, way), way).ids)

    def _run(self, part: Part, fed: Mapping[str, npt.NDArray[Any]]) -> Numbers:
        found: Numbers = self._sessions[part].run(None, dict(fed))[0]
        return found


def _session(folder: Path, graph: Graph | None, precision: str, threads: int) -> Any:  # noqa: ANN401 - onnxruntime
    try:
        import onnxruntime
    except ImportError as error:
        raise DependencyError(
            f"ONNX graphs need onnxruntime: {error}", hint='pip install "bili2text[workshop]"'
        ) from error
    if graph is None:
        raise ModelError(f"this export holds no {precision} graphs: {clean_text(str(folder))}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors
    path = folder / Path(graph.file).name
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no class
        raise ModelError(f"onnxruntime cannot load {clean_text(str(path))}") from error
