"""The shape of what lies in a model's folder: which files, and what network model.bin holds."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import BinaryIO

from bili2text.errors import ModelError
from bili2text.models.catalog import Dims

_NEEDED = ("model.bin", "config.json", "tokenizer.json")  # without tokenizer.json faster-whisper fetches one
_VOCABULARIES = ("vocabulary.json", "vocabulary.txt")


def missing_file(folder: Path) -> str | None:
    """Return a file that any Whisper model needs and `folder` lacks, or None. An empty file is none."""
    for name in _NEEDED:
        if not _has(folder / name):
            return name
    return None if any(_has(folder / name) for name in _VOCABULARIES) else _VOCABULARIES[0]


def check_shape(folder: Path) -> Dims:
    """Return the dimensions of the model in `folder`, having read every file's structure but not its numbers.

    Raises ModelError when a file is missing, is not JSON, or when model.bin is cut short or no Whisper model.
    """
    missing = missing_file(folder)
    if missing:
        raise ModelError(f"incomplete model, {missing} is missing: {folder}")
    for name in ("config.json", "tokenizer.json", "preprocessor_config.json", "vocabulary.json"):
        if (folder / name).exists():
            _check_json(folder / name)
    return read_dims(folder / "model.bin")


def read_dims(model_bin: Path) -> Dims:
    """Return the dimensions in a CTranslate2 file's table of variables; the numbers themselves are skipped.

    The layout is CTranslate2's binary version 4 to 6 (its specs/model_spec.py, `_serialize`).
    Raises ModelError when the file is cut short, has bytes too many, or holds no Whisper model.
    """
    try:
        with model_bin.open("rb") as file:
            shapes = _walk(file, model_bin.stat().st_size)
        return _dims(shapes)
    except (struct.error, UnicodeDecodeError, ValueError, KeyError, IndexError) as error:
        raise ModelError(f"not a whole Whisper model for CTranslate2: {model_bin}") from error
    except OSError as error:
        raise ModelError(f"cannot read {model_bin}: {error.strerror or error}") from error


def _walk(file: BinaryIO, size: int) -> dict[str, tuple[int, ...]]:
    version = _number(file, "<I")
    if not 4 <= version <= 6 or not _text(file).startswith("WhisperSpec"):
        raise ValueError(version)
    _number(file, "<I")  # revision of the specification
    shapes: dict[str, tuple[int, ...]] = {}
    for _ in range(_number(file, "<I")):
        name = _text(file)
        rank = _number(file, "<B")
        shapes[name] = tuple(_number(file, "<I") for _ in range(rank))
        _number(file, "<B")  # type of the numbers
        length = _number(file, "<I")
        if file.seek(length, 1) > size:
            raise ValueError(name)
    for _ in range(_number(file, "<I")):  # aliases: variables that share their numbers with another
        alias, target = _text(file), _text(file)
        shapes[alias] = shapes[target]
    if file.tell() != size:
        raise ValueError(size)
    return shapes


def _number(file: BinaryIO, kind: str) -> int:
    (number,) = struct.unpack(kind, file.read(struct.calcsize(kind)))
    return int(number)


def _text(file: BinaryIO) -> str:
    length = _number(file, "<H")
    raw = file.read(length)
    if len(raw) != length:
        raise ValueError(length)
    return raw.rstrip(b"\0").decode("utf-8")


def _dims(shapes: dict[str, tuple[int, ...]]) -> Dims:
    vocab, width = shapes["decoder/embeddings/weight"]
    mels = shapes["encoder/conv1/weight"][1]
    return Dims(_layers(shapes, "encoder"), _layers(shapes, "decoder"), width, width // 64, mels, vocab)


def _layers(shapes: dict[str, tuple[int, ...]], part: str) -> int:
    found = (re.match(rf"{part}/(layer_\d+)/", name) for name in shapes)
    return len({match[1] for match in found if match})


def _has(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size > 0
    except OSError:
        return False


def _check_json(path: Path) -> None:
    try:
        json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"damaged model, {path.name} is not JSON: {path.parent}") from error
