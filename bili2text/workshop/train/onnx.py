"""A trained model as two ONNX graphs of a fixed length, and as transformers runs it. Imports onnx.

The graphs are made so that an NPU can run them: no dynamic shape, no loop, no cache, positions that are
constants, and masks that are sums instead of comparisons. Of the decoder only the last token's logits leave:
with a vocabulary of 151,936 all 64 positions would be 39 MB at each step.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
import transformers
from torch import Tensor, nn

from bili2text.errors import ModelError
from bili2text.seq2seq.codec import Codec
from bili2text.workshop.exports.exported import INT8, PARTS, WHOLE, Part, file_name, inputs_of, outputs_of
from bili2text.workshop.train.convert import MARIAN, opened

OPSET = 17  # what rknn-toolkit2 2.5 and onnx up to 1.18 read without conversion
# Added to the score of a token that is not there. e^-80 is nothing in float32. Not the usual -3e38 nor -1e4:
# int8 spreads its 256 steps over all scores, and the lowest cosine of the encoder's states was then 0.83
# instead of 0.999 (docs/workshop.md)
FAR = -80.0
_LARGEST = (1 << 31) - 1  # bytes of a protobuf message, which a graph with its weights is

Numbers = npt.NDArray[np.float32]


class Original:
    """The model of a folder, float32 on the CPU: traced for export, and asked for what it would say."""

    def __init__(self, folder: Path, codec: Codec) -> None:
        """Load it. Raises ModelError for what is none or does not fit the codec."""
        self._model: Any = opened(folder, codec, "eager")
        config = self._model.config
        self._marian = config.model_type == MARIAN
        self.width = int(config.d_model)
        self.vocabulary = int(self._model.lm_head.weight.shape[0])
        self.begin = int(config.decoder_start_token_id)
        # opus-mt begins with the pad token and never writes it
        self.never = (codec.pad,) if self._marian else ()

    def write(self, folder: Path, seq: int) -> None:
        """Write encoder.onnx and decoder.onnx, checked by onnx. Raises ModelError, OSError."""
        for part in PARTS:
            path = folder / file_name(part, WHOLE, "onnx")
            self._trace(path, part, seq)
            _refuse_unlike(path, part, seq, self.width, self.vocabulary)

    def states(self, source: Sequence[int]) -> Numbers:
        """Return the encoder's states [tokens, width], computed by transformers without padding."""
        with torch.inference_mode():
            found = self._model.get_encoder()(input_ids=torch.tensor([list(source)])).last_hidden_state
        return found[0].numpy()  # type: ignore[no-any-return]

    def logits(self, source: Sequence[int], tokens: Sequence[int]) -> Numbers:
        """Return the logits [tokens, vocabulary] after each of the decoder's tokens, without padding."""
        with torch.inference_mode():
            found = self._model(
                input_ids=torch.tensor([list(source)]),
                decoder_input_ids=torch.tensor([list(tokens)]),
                use_cache=False,
            ).logits
        return found[0].numpy()  # type: ignore[no-any-return]

    def _trace(self, path: Path, part: Part, seq: int) -> None:
        graph = (_Encoder if part == "encoder" else _Decoder)(self._model, seq, marian=self._marian).eval()
        size = sum(one.numel() * one.element_size() for one in {*graph.parameters(), *graph.buffers()})
        if size > _LARGEST:
            raise ModelError(
                f"the {part} takes {size / 2**30:.1f} GiB, an ONNX file holds less than 2",
                hint="train with trim_vocab, or export with --to ct2",
            )
        made = {
            "int32": torch.ones(1, seq, dtype=torch.int32),
            "float32": torch.zeros(1, seq, self.width, dtype=torch.float32),
        }
        inputs = inputs_of(part, seq, self.width)
        outputs = outputs_of(part, seq, self.width, self.vocabulary)
        with torch.inference_mode(), _quiet():
            torch.onnx.export(
                graph,
                tuple(made[one.kind] for one in inputs),
                str(path),
                input_names=[one.name for one in inputs],
                output_names=[one.name for one in outputs],
                opset_version=OPSET,
                dynamo=False,  # what the newer exporter writes, the converters of NPUs do not read
            )


class _Encoder(nn.Module):  # type: ignore[misc]  # it has no types
    def __init__(self, model: Any, seq: int, *, marian: bool) -> None:  # noqa: ANN401, ARG002 - both are made alike
        super().__init__()
        self.encoder = model.get_encoder()
        self.marian = marian

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        found = self.encoder(
            **_read(self.encoder, input_ids, self.marian), attention_mask=_far(attention_mask)
        )
        return found.last_hidden_state


class _Decoder(nn.Module):  # type: ignore[misc]  # it has no types
    """The decoder without a cache. Its own mask says no more than which token is the last."""

    def __init__(self, model: Any, seq: int, *, marian: bool) -> None:  # noqa: ANN401 - transformers'
        super().__init__()
        self.decoder = model.get_decoder()
        self.weight = model.lm_head.weight
        self.marian = marian
        self.register_buffer("later", torch.full((seq, seq), FAR).triu(1)[None, None], persistent=False)
        bias = getattr(model, "final_logits_bias", None)
        # with a bias it becomes one Gemm, which shares the embedding's bytes; a MatMul keeps a turned copy
        zeros = torch.zeros(len(self.weight))
        self.register_buffer("bias", zeros if bias is None else bias.reshape(-1), persistent=False)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        encoder_states: Tensor,
        encoder_attention_mask: Tensor,
    ) -> Tensor:
        states = self.decoder(
            **_read(self.decoder, input_ids, self.marian),
            attention_mask=self.later,
            encoder_hidden_states=encoder_states,
            encoder_attention_mask=_far(encoder_attention_mask),
            use_cache=False,
        ).last_hidden_state
        # 1 at the last token and 0 elsewhere: a product, since an index that is computed runs on no NPU
        after = torch.cat([attention_mask[:, 1:], torch.zeros_like(attention_mask[:, :1])], dim=1)
        last = (attention_mask - after).to(torch.float32)
        chosen = torch.matmul(last.reshape(1, 1, -1), states).reshape(1, states.shape[-1])
        return nn.functional.linear(chosen, self.weight, self.bias)


def _read(half: Any, ids: Tensor, marian: bool) -> Mapping[str, Tensor]:  # noqa: ANN401 - transformers'
    """Return what a half reads: of M2M100 embeddings, so that no position depends on what is padding."""
    return {"input_ids": ids} if marian else {"inputs_embeds": half.embed_tokens(ids)}


def _far(mask: Tensor) -> Tensor:
    return ((1.0 - mask.to(torch.float32)) * FAR)[:, None, None, :]


def quantized(folder: Path) -> None:
    """Write the graphs beside themselves with int8 weights, by onnxruntime's dynamic quantization.

    Raises ModelError.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    for part in PARTS:
        whole, small = (folder / file_name(part, precision, "onnx") for precision in (WHOLE, INT8))
        try:
            with _quiet():
                graph = _unshared(onnx.load(str(whole)))
                quantize_dynamic(graph, small, per_channel=True, weight_type=QuantType.QInt8)
        except Exception as error:  # the library's errors share no class
            line = " ".join(str(error).split())[:160]
            raise ModelError(f"onnxruntime cannot quantize the {part}: {line}") from error


def _unshared(model: Any) -> Any:  # noqa: ANN401 - onnx's
    """Return a graph whose output layer has weights of its own.

    onnxruntime's quantizer turns the weights of a Gemm round where they lie, and with them the embedding that
    shares them: what it writes then cannot be loaded (seen with 1.31).
    """
    weights = {one.name: one for one in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Gemm" and node.input[1] in weights:
            own = onnx.TensorProto()
            own.CopyFrom(weights[node.input[1]])
            own.name = f"{own.name}.head"
            model.graph.initializer.append(own)
            node.input[1] = own.name
    return model


def versions() -> dict[str, str]:
    """Return the versions of what makes the graphs."""
    return {"torch": torch.__version__, "transformers": transformers.__version__, "onnx": onnx.__version__}


def _refuse_unlike(path: Path, part: Part, seq: int, width: int, vocabulary: int) -> None:
    """Raise ModelError unless a graph is sound and takes and gives exactly what its manifest will say."""
    try:
        onnx.checker.check_model(str(path))
    except onnx.checker.ValidationError as error:
        raise ModelError(f"the {part} is no sound graph: {' '.join(str(error).split())[:160]}") from error
    graph = onnx.load(str(path), load_external_data=False).graph
    wanted = [
        (one.name, one.kind, one.shape)
        for one in (*inputs_of(part, seq, width), *outputs_of(part, seq, width, vocabulary))
    ]
    found = [_told(one) for one in (*graph.input, *graph.output)]
    if found != wanted:
        raise ModelError(f"the {part}'s graph takes and gives {found}, not {wanted}")


def _told(value: Any) -> tuple[str, str, tuple[int, ...]]:  # noqa: ANN401 - onnx's
    kind = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
    return value.name, str(kind), tuple(one.dim_value for one in value.type.tensor_type.shape.dim)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what tracing always says: that shapes are fixed, which is what we want."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
