"""A Whisper model of any shape, its weights random: what it says is noise, what it weighs and takes is real.

    python scripts/shapes.py large-v3 FOLDER [--like BASE_FOLDER] [--seed 0]

Memory depends on the shapes alone, so that the large models can be measured without downloading them. The
layout of model.bin, and the names of what is in it, are those of a real model (`like`, the embedded base).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bili2text.files import whole
from bili2text.models.catalog import Dims, card_named
from bili2text.models.store import Places, find
from bili2text.models.weights import read_dims
from bili2text.paths import cache_dir

_HALF = 4  # CTranslate2's number for float16 (include/ctranslate2/types.h)
_NOISE = (1 << 20) + 7  # numbers that are drawn; odd, so that no two rows of a matrix begin alike
_SCALE = 0.02  # standard deviation; openai/whisper's weights are of this size, and nothing overflows
_YUE = 50358  # where large-v3 has one language more than the models before it
_EXTRACTOR = "preprocessor_config.json"


@dataclass(frozen=True, slots=True)
class Variable:
    """One entry of model.bin; `raw` is kept for the settings, which are single numbers."""

    name: str
    shape: tuple[int, ...]
    kind: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a real model.bin holds, its large arrays left out."""

    version: int
    revision: int
    variables: tuple[Variable, ...]
    aliases: tuple[tuple[str, str], ...]


def make(folder: Path, dims: Dims, like: Path, seed: int = 0) -> None:
    """Write a model of these dimensions into `folder`, as float16, that faster-whisper loads.

    `like` is the folder of a real model whose vocabulary has as many tokens, or one less (large-v3's has one
    language more than base's). Raises ValueError for any other, StorageError when the disk does not take it.
    """
    model = read_dims(like / "model.bin")
    added = dims.vocab - model.vocab
    if added not in (0, 1):
        raise ValueError(f"a vocabulary of {model.vocab} tokens cannot become one of {dims.vocab}")
    folder.mkdir(parents=True, exist_ok=True)
    _write_texts(folder, dims, like, shift=bool(added))
    noise = np.random.default_rng(seed).normal(0.0, _SCALE, _NOISE).astype("<f2")
    pattern = read_pattern(like / "model.bin")
    with whole(folder / "model.bin") as temporary, temporary.open("wb") as file:
        _write_model(file, pattern, list(_resized(pattern, model, dims)), noise)


def read_pattern(model_bin: Path) -> Pattern:
    """Return what is in a model.bin (CTranslate2's specs/model_spec.py, `_serialize`), without its arrays."""
    with model_bin.open("rb") as file:
        version, _, revision = _number(file, "<I"), _text(file), _number(file, "<I")
        variables = tuple(_variable(file) for _ in range(_number(file, "<I")))
        aliases = tuple((_text(file), _text(file)) for _ in range(_number(file, "<I")))
    return Pattern(version, revision, variables, aliases)


def _variable(file: BinaryIO) -> Variable:
    name = _text(file)
    shape = tuple(_number(file, "<I") for _ in range(_number(file, "<B")))
    kind, length = _number(file, "<B"), _number(file, "<I")
    if not shape:
        return Variable(name, shape, kind, file.read(length))
    file.seek(length, os.SEEK_CUR)
    return Variable(name, shape, kind, b"")


def _resized(pattern: Pattern, old: Dims, new: Dims) -> Iterator[Variable]:
    """Yield the variables of a model of `new` dimensions."""
    sizes = {times * old.width: times * new.width for times in (1, 2, 3, 4)}
    sizes |= {old.vocab: new.vocab, old.mels: new.mels, 448: 448, 1500: 1500, 3: 3}
    layers = {"encoder": new.encoder_layers, "decoder": new.decoder_layers}
    for one in pattern.variables:
        numbered = re.match(r"(encoder|decoder)/layer_(\d+)/", one.name)
        if numbered and numbered[2] != "0":
            continue
        raw = struct.pack("<H", new.heads) if one.name.endswith("/num_heads") else one.raw
        shape = tuple(sizes[size] for size in one.shape)
        for layer in range(layers[numbered[1]] if numbered else 1):
            yield Variable(one.name.replace("layer_0", f"layer_{layer}"), shape, one.kind, raw)


def _write_model(
    file: BinaryIO, pattern: Pattern, variables: Sequence[Variable], noise: NDArray[np.float16]
) -> None:
    file.write(struct.pack("<I", pattern.version))
    _put(file, "WhisperSpec")
    file.write(struct.pack("<II", pattern.revision, len(variables)))
    for one in variables:
        _put(file, one.name)
        file.write(struct.pack(f"<B{len(one.shape)}I", len(one.shape), *one.shape))
        if one.raw:
            file.write(struct.pack("<BI", one.kind, len(one.raw)) + one.raw)
            continue
        count = int(np.prod(one.shape, dtype=np.int64))
        file.write(struct.pack("<BI", _HALF, 2 * count))
        if "layer_norm" in one.name:
            file.write(np.full(count, one.name.endswith("gamma"), "<f2").tobytes())
            continue
        for begin in range(0, count, _NOISE):
            file.write(noise[: count - begin].tobytes())
    file.write(struct.pack("<I", len(pattern.aliases)))
    for alias, target in pattern.aliases:
        _put(file, alias)
        _put(file, target)


def _write_texts(folder: Path, dims: Dims, like: Path, *, shift: bool) -> None:
    """Write the small files: with `shift` there is a token more, and all behind it move up by one."""
    vocabulary = (like / "vocabulary.txt").read_bytes().split(b"\n")
    config: dict[str, Any] = json.loads((like / "config.json").read_text(encoding="utf-8"))
    tokenizer: dict[str, Any] = json.loads((like / "tokenizer.json").read_text(encoding="utf-8"))
    if shift:
        vocabulary.insert(_YUE, b"<|yue|>")
        for name in ("lang_ids", "suppress_ids", "suppress_ids_begin"):
            config[name] = [one + (one >= _YUE) for one in config[name]]
        config["lang_ids"].append(_YUE)
        tokenizer["added_tokens"] = _shifted(tokenizer["added_tokens"])
    # openai-whisper times words with some heads of the upper layers; which ones was learned model by model
    layer = dims.decoder_layers - 1
    config["alignment_heads"] = [[layer, head] for head in range(min(10, dims.heads))]
    extractor = {"feature_size": dims.mels, "sampling_rate": 16000, "hop_length": 160}
    extractor |= {"chunk_length": 30, "n_fft": 400}
    (folder / "vocabulary.txt").write_bytes(b"\n".join(vocabulary))
    for name, value in (("config.json", config), ("tokenizer.json", tokenizer), (_EXTRACTOR, extractor)):
        (folder / name).write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def _shifted(tokens: list[dict[str, Any]]) -> list[dict[str, Any]]:
    moved = [{**one, "id": one["id"] + (one["id"] >= _YUE)} for one in tokens]
    like = next(one for one in moved if one["content"] == "<|su|>")
    return sorted([*moved, {**like, "id": _YUE, "content": "<|yue|>"}], key=lambda one: int(one["id"]))


def _number(file: BinaryIO, kind: str) -> int:
    (number,) = struct.unpack(kind, file.read(struct.calcsize(kind)))
    return int(number)


def _text(file: BinaryIO) -> str:
    return file.read(_number(file, "<H")).rstrip(b"\0").decode("utf-8")


def _put(file: BinaryIO, text: str) -> None:
    raw = text.encode("utf-8") + b"\0"
    file.write(struct.pack("<H", len(raw)) + raw)


def main() -> int:
    """Return 0, or 1 when the name or the place will not do."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--like", type=Path, help="folder of a real model; the embedded base when left out")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    card = card_named(options.model)
    like = options.like or _embedded()
    if card is None or like is None:
        print("no such model" if like else "pass --like: the model base is not here", file=sys.stderr)
        return 1
    try:
        make(options.folder, card.dims, like, options.seed)
    except BaseException:
        shutil.rmtree(options.folder, ignore_errors=True)
        raise
    return 0


def _embedded() -> Path | None:
    found = find("base", Places(cache_dir(os.environ), None, os.environ))
    return found.path if found else None


if __name__ == "__main__":
    sys.exit(main())
