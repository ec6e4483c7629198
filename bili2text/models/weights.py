"""The shape of what lies in a model's folder: which files, and what network model.bin holds."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from bili2text.errors import ModelError
from bili2text.models.catalog import Dims
from bili2text.models.ct2_file import BROKEN, read_table
from bili2text.models.json_object import read_json

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

    Raises ModelError when the file is cut short, has bytes too many, or holds no Whisper model.
    """
    try:
        table = read_table(model_bin)
        if not table.spec.startswith("WhisperSpec"):
            raise ValueError(table.spec)
        return _dims({name: one.shape for name, one in table.variables.items()})
    except BROKEN as error:
        raise ModelError(f"not a whole Whisper model for CTranslate2: {model_bin}") from error
    except OSError as error:
        raise ModelError(f"cannot read {model_bin}: {error.strerror or error}") from error


def _dims(shapes: Mapping[str, tuple[int, ...]]) -> Dims:
    vocab, width = shapes["decoder/embeddings/weight"]
    mels = shapes["encoder/conv1/weight"][1]
    return Dims(_layers(shapes, "encoder"), _layers(shapes, "decoder"), width, width // 64, mels, vocab)


def _layers(shapes: Mapping[str, tuple[int, ...]], part: str) -> int:
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


def can_align(folder: Path) -> bool:
    """Return whether a model says which of its heads follow the sound, and has these heads.

    Without them CTranslate2 aligns nothing; of one that is not there its process dies (SYSTRAN/faster-whisper
    #557, #688). Raises ModelError for a model.bin or a config.json that is damaged.
    """
    config, dims = folder / "config.json", read_dims(folder / "model.bin")
    heads = read_json(config).get("alignment_heads") if config.is_file() else None
    known = [[layer, head] for layer in range(dims.decoder_layers) for head in range(dims.heads)]
    return isinstance(heads, list) and bool(heads) and all(head in known for head in heads)
