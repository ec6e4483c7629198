"""The shape of a decoder in a CTranslate2 file: its table of variables, the weights skipped.

The layout is CTranslate2's binary version 4 to 6 (its specs/model_spec.py, `_serialize`).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bili2text.errors import ModelError
from bili2text.translators.values import Shape

_SPEC = "TransformerDecoderSpec"
_TYPES = ("float32", "int8", "int16", "int32", "float16", "bfloat16")  # CTranslate2's include/types.h
_SCALAR = 8  # bytes: what is no longer is a setting, and read
_FEW = 100_000  # variables, at most: an 8B has 700
_LAYER = re.compile(r"decoder/layer_(\d+)/")
_FIRST = "decoder/layer_0"


@dataclass(frozen=True, slots=True)
class Decoder:
    """What a model.bin says of itself."""

    shape: Shape
    precision: str  # of the matrices: "int8", "float16" ...


@dataclass(frozen=True, slots=True)
class _Variable:
    shape: tuple[int, ...]
    kind: str
    value: bytes  # of settings; empty for what is long


def read_decoder(model_bin: Path) -> Decoder:
    """Return the shape and the precision of a decoder's file.

    Raises ModelError when the file is cut short, has bytes too many, or holds another kind of network:
    Whisper, or an encoder with a decoder.
    """
    try:
        with model_bin.open("rb") as file:
            return _decoder(_table(file, model_bin.stat().st_size, model_bin))
    except (struct.error, UnicodeDecodeError, ValueError, KeyError, IndexError, ZeroDivisionError) as error:
        raise ModelError(f"not a whole model of CTranslate2: {model_bin}") from error
    except OSError as error:
        raise ModelError(f"cannot read {model_bin}: {error.strerror or error}") from error


def _table(file: BinaryIO, size: int, path: Path) -> dict[str, _Variable]:
    if not 4 <= _number(file, "<I") <= 6:
        raise ValueError(size)
    if (spec := _text(file)) != _SPEC:
        kind = "Whisper" if spec.startswith("Whisper") else "an encoder with a decoder, not supported yet"
        raise ModelError(f"this model is no chat model but {kind}: {path.parent}")
    _number(file, "<I")  # revision of the specification
    found: dict[str, _Variable] = {}
    for _ in range(_bounded(_number(file, "<I"))):
        name = _text(file)
        shape = tuple(_number(file, "<I") for _ in range(_number(file, "<B")))
        kind, length = _TYPES[_number(file, "<B")], _number(file, "<I")
        value = file.read(length) if length <= _SCALAR else b""
        if not value and file.seek(length, 1) > size:
            raise ValueError(name)
        found[name] = _Variable(shape, kind, value)
    for _ in range(_bounded(_number(file, "<I"))):  # aliases: variables that share their numbers
        alias, target = _text(file), _text(file)
        found[alias] = found[target]
    if file.tell() != size:
        raise ValueError(size)
    return found


def _decoder(found: dict[str, _Variable]) -> Decoder:
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


def _setting(variable: _Variable) -> int:
    return int.from_bytes(variable.value, "little", signed=True)


def _bounded(count: int) -> int:
    if count > _FEW:
        raise ValueError(count)
    return count


def _number(file: BinaryIO, kind: str) -> int:
    (number,) = struct.unpack(kind, file.read(struct.calcsize(kind)))
    return int(number)


def _text(file: BinaryIO) -> str:
    length = _number(file, "<H")
    raw = file.read(length)
    if len(raw) != length:
        raise ValueError(length)
    return raw.rstrip(b"\0").decode("utf-8")
