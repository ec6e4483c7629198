"""The weights of one CTranslate2 model as a checkpoint of openai-whisper and as a file of whisper.cpp.

The numbers are the same (float16; each program computes in the type it takes by default), so that the
programs differ in what they do, not in what they know.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from benchmarking.values import CannotRunError
from bili2text.models.weights import read_dims

Arrays = Mapping[str, np.ndarray[Any, Any]]

_KINDS = {0: np.float32, 4: np.float16}  # CTranslate2's DataType (include/ctranslate2/types.h)
_MAGIC = 0x67676D6C  # "ggml": whisper.cpp's loader, src/whisper.cpp, whisper_model_load
_BYTE_PAIRS = 50257  # tokens of text in every multilingual vocabulary; those behind are special
_SINGLE = (
    "encoder.positional_embedding",
    "decoder.positional_embedding",
)  # float32 in whisper.cpp, and biases


def read(model_bin: Path) -> Arrays:
    """Return the floating point variables of a CTranslate2 file by name. Raises CannotRunError for int8 and
    other types: a float cannot be had back from them."""
    found: dict[str, np.ndarray[Any, Any]] = {}
    read_dims(model_bin)  # raises for what is no whole model
    with model_bin.open("rb") as file:
        _number(file, "<I"), _text(file), _number(file, "<I")  # version, specification, its revision
        for _ in range(_number(file, "<I")):
            name = _text(file)
            shape = [_number(file, "<I") for _ in range(_number(file, "<B"))]
            kind, raw = _number(file, "<B"), file.read(_number(file, "<I"))
            if not shape or "alignment" in name:
                continue
            if kind not in _KINDS:
                raise CannotRunError(f"{name} is neither float16 nor float32")
            found[name] = np.frombuffer(raw, _KINDS[kind]).reshape(shape)
    return found


def openai_names(variables: Arrays) -> dict[str, np.ndarray[Any, Any]]:
    """Return the variables under the names of openai-whisper (whisper/model.py), joined ones taken apart."""
    return dict(pair for name, array in variables.items() for pair in _renamed(name, array))


def dims_of(model_bin: Path, variables: Arrays) -> dict[str, int]:
    """Return openai-whisper's ModelDimensions."""
    dims = read_dims(model_bin)
    return {
        "n_mels": dims.mels,
        "n_audio_ctx": len(variables["encoder/position_encodings/encodings"]),
        "n_audio_state": dims.width,
        "n_audio_head": dims.heads,
        "n_audio_layer": dims.encoder_layers,
        "n_vocab": dims.vocab,
        "n_text_ctx": len(variables["decoder/position_encodings/encodings"]),
        "n_text_state": dims.width,
        "n_text_head": dims.heads,
        "n_text_layer": dims.decoder_layers,
    }


def write_ggml(folder: Path, path: Path) -> None:
    """Write the model in `folder` as whisper.cpp reads it: sizes, mel filters, vocabulary, tensors."""
    from faster_whisper.feature_extractor import FeatureExtractor

    variables = read(folder / "model.bin")
    dims = dims_of(folder / "model.bin", variables)
    order = ("n_vocab", "n_audio_ctx", "n_audio_state", "n_audio_head", "n_audio_layer",
             "n_text_ctx", "n_text_state", "n_text_head", "n_text_layer", "n_mels")  # fmt: skip
    filters = np.asarray(FeatureExtractor(feature_size=dims["n_mels"]).mel_filters, np.float32)
    with path.open("wb") as file:
        file.write(struct.pack("<12i", _MAGIC, *(dims[name] for name in order), 1))  # 1: mostly float16
        file.write(struct.pack("<2i", *filters.shape) + filters.tobytes())
        words = tuple(_words(folder / "tokenizer.json"))
        file.write(struct.pack("<i", len(words)))
        for word in words:
            file.write(struct.pack("<i", len(word)) + word)
        for name, array in openai_names(variables).items():
            _write_tensor(file, name, array)


def _write_tensor(file: BinaryIO, name: str, array: np.ndarray[Any, Any]) -> None:
    half = array.ndim > 1 and name not in _SINGLE
    if name in ("encoder.conv1.bias", "encoder.conv2.bias"):
        array = array.reshape(-1, 1)
    raw = name.encode()
    file.write(struct.pack("<3i", array.ndim, len(raw), int(half)))
    file.write(struct.pack(f"<{array.ndim}i", *reversed(array.shape)) + raw)
    file.write(array.astype(np.float16 if half else np.float32).tobytes())


def _words(tokenizer: Path) -> Iterator[bytes]:
    """Yield the bytes of each token of text, in order."""
    vocabulary = json.loads(tokenizer.read_text(encoding="utf-8"))["model"]["vocab"]
    spelled = {number: word for word, number in vocabulary.items()}
    bytes_of = _spelling()
    for number in range(_BYTE_PAIRS):
        yield bytes(bytes_of[letter] for letter in spelled[number])


def _spelling() -> dict[str, int]:
    """Return the byte that each letter of a byte-level vocabulary stands for: one that can be shown is
    itself, the others are numbered from 256 on (GPT-2's encoding)."""
    shown = {*range(33, 127), *range(161, 173), *range(174, 256)}
    hidden = (byte for byte in range(256) if byte not in shown)
    return {chr(byte): byte for byte in shown} | {chr(256 + n): byte for n, byte in enumerate(hidden)}


_WHOLE = {
    "encoder/conv1/": "encoder.conv1.",
    "encoder/conv2/": "encoder.conv2.",
    "encoder/position_encodings/encodings": "encoder.positional_embedding",
    "encoder/layer_norm/": "encoder.ln_post.",
    "decoder/embeddings/": "decoder.token_embedding.",
    "decoder/position_encodings/encodings": "decoder.positional_embedding",
    "decoder/layer_norm/": "decoder.ln.",
}
_IN_LAYER = {
    "self_attention/layer_norm": ("attn_ln",),
    "self_attention/linear_0": ("attn.query", "attn.key", "attn.value"),
    "self_attention/linear_1": ("attn.out",),
    "attention/layer_norm": ("cross_attn_ln",),
    "attention/linear_0": ("cross_attn.query",),
    "attention/linear_1": ("cross_attn.key", "cross_attn.value"),
    "attention/linear_2": ("cross_attn.out",),
    "ffn/layer_norm": ("mlp_ln",),
    "ffn/linear_0": ("mlp.0",),
    "ffn/linear_1": ("mlp.2",),
}


def _renamed(name: str, array: np.ndarray[Any, Any]) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    name = name.replace("/gamma", "/weight").replace("/beta", "/bias")
    for old, new in _WHOLE.items():
        if name.startswith(old):
            yield new + name[len(old) :], array
            return
    part, layer, below = name.split("/", 2)
    below, kind = below.rsplit("/", 1)
    parts = _IN_LAYER[below]
    for target, piece in zip(parts, np.split(array, len(parts)), strict=True):
        if not (target.endswith(".key") and kind == "bias"):  # keys have none; it is zero here
            yield f"{part}.blocks.{layer.removeprefix('layer_')}.{target}.{kind}", piece


def _number(file: BinaryIO, kind: str) -> int:
    (number,) = struct.unpack(kind, file.read(struct.calcsize(kind)))
    return int(number)


def _text(file: BinaryIO) -> str:
    return file.read(_number(file, "<H")).rstrip(b"\0").decode("utf-8")
