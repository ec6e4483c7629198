"""The shape of a decoder in a CTranslate2 file, by its table of variables: a model's own, or an encoder's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bili2text.errors import ModelError
from bili2text.models.ct2_file import BROKEN, Variable, read_table
from bili2text.translators.values import Shape

_SPEC, _WITH_ENCODER = "TransformerDecoderSpec", "TransformerSpec"
_LAYER = re.compile(r"decoder/layer_(\d+)/")
_FIRST = "decoder/layer_0"


@dataclass(frozen=True, slots=True)
class Decoder:
    """What a model.bin says of itself."""

    shape: Shape
    precision: str  # of the matrices: "int8", "float16" ...


def read_decoder(model_bin: Path) -> Decoder:
    """Return the shape and the precision of a decoder's file.

    Raises ModelError when the file is cut short, has bytes too many, or holds another kind of network:
    Whisper, or an encoder with a decoder.
    """
    return _read(model_bin, _SPEC)


def read_network(model_bin: Path) -> Decoder:
    """Return the shape of the decoder of a file that also holds its encoder, and the precision of both.

    Raises ModelError as `read_decoder` does, and for a decoder alone.
    """
    return _read(model_bin, _WITH_ENCODER)


def _read(model_bin: Path, spec: str) -> Decoder:
    try:
        table = read_table(model_bin)
        if table.spec != spec:
            kind = "Whisper" if table.spec.startswith("Whisper") else "an encoder with a decoder, not ours"
            raise ModelError(f"this model is no chat model but {kind}: {model_bin.parent}")
        return _decoder(table.variables)
    except BROKEN as error:
        raise ModelError(f"not a whole model of CTranslate2: {model_bin}") from error
    except OSError as error:
        raise ModelError(f"cannot read {model_bin}: {error.strerror or error}") from error


def _decoder(found: Mapping[str, Variable]) -> Decoder:
    embedding = found["decoder/embeddings/weight"]
    vocab, hidden = embedding.shape
    rows = found[f"{_FIRST}/self_attention/linear_0/weight"].shape[0]
    inner = found[f"{_FIRST}/self_attention/linear_1/weight"].shape[1]
    heads = _setting(found["decoder/num_heads"])
    head_dim = inner // heads
    layers = {match[1] for name in found if (match := _LAYER.match(name))}
    shape = Shape(
        layers=len(layers),
        hidden=hidden,
        intermediate=found[f"{_FIRST}/ffn/linear_0/weight"].shape[0],
        heads=heads,
        kv_heads=(rows - inner) // 2 // head_dim,
        head_dim=head_dim,
        vocab=vocab,
        tied=found.get("decoder/projection/weight", embedding) is embedding,  # an alias is the very same
    )
    return Decoder(shape, found[f"{_FIRST}/self_attention/linear_0/weight"].kind)


def _setting(variable: Variable) -> int:
    return int.from_bytes(variable.value, "little", signed=True)
