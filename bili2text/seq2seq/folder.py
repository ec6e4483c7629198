"""The folder of a small translator for CTranslate2: what its record says, held against its files.

It holds model.bin and CTranslate2's own files, the vocabulary in `vocabulary/`, and a record, bili2text.json.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bili2text.errors import ModelError
from bili2text.files import clean_text, write_whole
from bili2text.models.ct2_file import BROKEN, Table, read_table
from bili2text.models.json_object import read_json
from bili2text.seq2seq.values import WAYS, Way

RECORD = "bili2text.json"
VOCABULARY = "vocabulary"
CONVERTED = ("ct2-int8", "ct2-float32")  # in a run's folder, the one that is preferred first
_KIND, _FORMAT = "workshop", 1
_TRAINED = "model"  # in a run's folder: what was trained, before it is converted
_SPEC = "TransformerSpec"  # CTranslate2's class of an encoder with a decoder
_MATRIX = "decoder/layer_0/self_attention/linear_0/weight"
_KINDS = ("float32", "float16", "bfloat16", "int8")
_OWN_FILES = (("shared_vocabulary.json",), ("source_vocabulary.json", "target_vocabulary.json"))
_MOST = 1 << 40  # of any number in a record; beyond is a mistake, and would make sums that mean nothing


@dataclass(frozen=True, slots=True)
class Product:
    """A small translator that can be run."""

    folder: Path  # of the model itself, where a run's folder was named, too
    name: str
    ways: tuple[Way, ...]
    positions: int  # tokens of a source, and of a target
    parameters: int
    precision: str  # of its matrices: "int8", "float32" ...
    weight_bytes: int  # of model.bin


def read_product(path: Path) -> Product:
    """Return the translator in a folder: one of ours for CTranslate2, or the best of a run's.

    Of a run that is the int8 one, else the one in float32. No weights are read. Raises ModelError.
    """
    folder = _converted(path)
    told = _record(folder)
    try:
        table = read_table(folder / "model.bin")
    except FileNotFoundError as error:
        raise ModelError(f"incomplete model, model.bin is missing: {_shown(folder)}") from error
    except OSError as error:
        raise ModelError(f"cannot read model.bin: {error.strerror or error}: {_shown(folder)}") from error
    except BROKEN as error:
        raise ModelError(f"not a whole model of CTranslate2: {_shown(folder)}") from error
    _refuse_incomplete(folder)
    return Product(
        folder=folder,
        name=clean_text(str(told.get("name", "")))[:80] or folder.name,
        ways=_ways(told, folder),
        positions=_number(told, "positions", folder),
        parameters=_number(told, "parameters", folder),
        precision=_precision(table, folder),
        weight_bytes=(folder / "model.bin").stat().st_size,
    )


def write_product(folder: Path, *, name: str, ways: Sequence[Way], positions: int, parameters: int) -> None:
    """Write the record of a converted model; one that is there is replaced. Raises StorageError."""
    told = {
        "kind": _KIND,
        "format": _FORMAT,
        "name": name,
        "ways": list(ways),
        "positions": positions,
        "parameters": parameters,
    }
    write_whole(folder / RECORD, json.dumps(told, ensure_ascii=False, indent=1) + "\n", overwrite=True)


def holds_product(path: Path) -> bool:
    """Return whether a folder, or a run's, says that it holds one of ours; it may be damaged still."""
    return any(is_product(place) for place in (path, *(path / name for name in CONVERTED)))


def is_run(path: Path) -> bool:
    """Return whether a folder is that of a training, converted or not yet."""
    trained = path / _TRAINED / "config.json"
    return holds_product(path) or (trained.is_file() and not (path / "config.json").exists())


def is_product(folder: Path) -> bool:
    """Return whether a folder itself says that it is one of ours; it may be damaged still."""
    try:
        return (folder / RECORD).is_file() and read_json(folder / RECORD).get("kind") == _KIND
    except (ModelError, OSError):
        return False


def _converted(path: Path) -> Path:
    """Return the model's own folder. Raises ModelError where there is none."""
    if not path.is_dir():
        raise ModelError(f"no folder of a trained model: {_shown(path)}", hint="name a run's folder")
    if (path / RECORD).exists():
        return path
    for name in CONVERTED:
        if (path / name / RECORD).exists():
            return path / name
    if (path / _TRAINED).is_dir():
        raise ModelError(
            f"trained, but not converted yet: {_shown(path)}",
            hint=f"bili2text workshop quantize {_shown(path)}",
        )
    raise ModelError(
        f"no model of the workshop: {_shown(path)}",
        hint="name the folder that `workshop finetune` or `workshop distil` wrote, --out",
    )


def _record(folder: Path) -> Mapping[str, Any]:
    told = read_json(folder / RECORD)
    if told.get("kind") != _KIND:
        raise ModelError(
            f"a model, but none of the workshop: {_shown(folder)}", hint="--model-path takes chat models"
        )
    if told.get("format") != _FORMAT:
        raise ModelError(
            f"this model was written by another version: {_shown(folder)}",
            hint="update bili2text, or convert the run again: bili2text workshop quantize RUN",
        )
    return told


def _refuse_incomplete(folder: Path) -> None:
    if not any(all((folder / name).is_file() for name in names) for names in _OWN_FILES):
        raise ModelError(f"incomplete model, {_OWN_FILES[0][0]} is missing: {_shown(folder)}")
    if not (folder / VOCABULARY).is_dir():
        raise ModelError(f"incomplete model, {VOCABULARY}/ is missing: {_shown(folder)}")


def _ways(told: Mapping[str, Any], folder: Path) -> tuple[Way, ...]:
    said = told.get("ways")
    found = tuple(way for way in WAYS if isinstance(said, list) and way in said)
    if not found:
        raise ModelError(f"damaged model, {RECORD} names no direction: {_shown(folder)}")
    return found


def _number(told: Mapping[str, Any], key: str, folder: Path) -> int:
    value = told.get(key)
    if type(value) is not int or not 1 <= value <= _MOST:
        raise ModelError(f"damaged model, {RECORD} does not tell its {key}: {_shown(folder)}")
    return value


def _precision(table: Table, folder: Path) -> str:
    if table.spec != _SPEC or _MATRIX not in table.variables:
        raise ModelError(f"damaged model, model.bin holds another kind of network: {_shown(folder)}")
    kind = table.variables[_MATRIX].kind
    if kind not in _KINDS:
        raise ModelError(f"a model in {kind}, which is not run here: {_shown(folder)}")
    return kind


def _shown(path: Path) -> str:
    return clean_text(str(path))
