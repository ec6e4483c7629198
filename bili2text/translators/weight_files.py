"""Whether a model's safetensors are all there, to the byte, by their headers; the weights are not read."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from bili2text.errors import ModelError
from bili2text.models.json_object import read_json

_INDEX = "model.safetensors.index.json"
_WHOLE = "model.safetensors"
_POINTER = b"version https://git-lfs"  # the first words of a git-lfs pointer
_HEADER_BYTES = 100_000_000  # safetensors' own limit
_BEGUN = (".part", ".aria2", ".incomplete", ".crdownload", ".download")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt")
_AGAIN = "download it again, it goes on where it stopped"


def bytes_of(folder: Path) -> int:
    """Return the bytes of the weights in a folder, all of whose files are there and whole.

    Raises ModelError when a file is missing, cut short, still being downloaded or a git-lfs pointer, and
    when there are no safetensors: pickles would run code as they load, GGUF is for other programs.
    """
    names = _names(folder)
    _refuse_begun(folder, names)
    return sum(_checked(folder / name) for name in names)


def is_pointer(path: Path) -> bool:
    """Return whether a file is what git leaves in place of a large one when git-lfs is not installed."""
    with path.open("rb") as file:
        return file.read(len(_POINTER)) == _POINTER


def refuse_pointer(path: Path) -> None:
    """Raise ModelError for a git-lfs pointer, or a file that cannot be read."""
    try:
        pointer = is_pointer(path)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror or error}") from error
    if pointer:
        raise ModelError(
            f"{path.name} is a git-lfs pointer, not the weights: {path.parent}",
            hint="install git-lfs and run `git lfs pull` in that folder",
        )


def _names(folder: Path) -> tuple[str, ...]:
    if (folder / _INDEX).exists():
        refuse_pointer(folder / _INDEX)
        placed = read_json(folder / _INDEX).get("weight_map")
        names = sorted({str(name) for name in placed.values()}) if isinstance(placed, dict) else []
        if not names or any(Path(name).name != name for name in names):
            raise ModelError(f"damaged model, {_INDEX} names no files: {folder}")
        return tuple(names)
    if (folder / _WHOLE).exists():
        return (_WHOLE,)
    others = sorted(path.name for path in folder.iterdir() if path.suffix == ".safetensors")
    if others:
        if any("-of-" in name for name in others):
            raise ModelError(f"incomplete model, {_INDEX} is missing: {folder}", hint=_AGAIN)
        return tuple(others)
    raise _without(folder)


def _without(folder: Path) -> ModelError:
    """Return the error for a folder without safetensors, by what is there instead."""
    names = [path.name for path in folder.iterdir()]
    if any(name.endswith(_BEGUN) for name in names):
        return ModelError(f"incomplete model, a download is not finished: {folder}", hint=_AGAIN)
    if any(name.endswith(".gguf") for name in names):
        return ModelError(
            f"GGUF alone, which is for llama.cpp: {folder}",
            hint="serve it with llama-server or Ollama and use --api-base, or get the safetensors",
        )
    if any(name.endswith(_PICKLES) for name in names):
        return ModelError(
            f"only pickled weights, which run code as they load: {folder}",
            hint="get the model as safetensors",
        )
    return ModelError(f"incomplete model, there are no weights: {folder}", hint=_AGAIN)


def _refuse_begun(folder: Path, names: tuple[str, ...]) -> None:
    for name in names:
        if any((folder / (name + suffix)).exists() for suffix in _BEGUN):
            raise ModelError(
                f"incomplete model, the download of {name} is not finished: {folder}", hint=_AGAIN
            )
        if not (folder / name).is_file():
            raise ModelError(f"incomplete model, {name} is missing: {folder}", hint=_AGAIN)


def _checked(path: Path) -> int:
    """Return a file's size, having held it against its header: length, then JSON, then the numbers."""
    refuse_pointer(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length)) if length <= _HEADER_BYTES else None
        whole = header is not None and 8 + length + _end(header) == size
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror or error}") from error
    except (struct.error, ValueError, TypeError, AttributeError, KeyError, RecursionError):
        whole = False
    if not whole:
        raise ModelError(f"damaged model, {path.name} is cut short: {path.parent}", hint=_AGAIN)
    return size


def _end(header: dict[str, Any]) -> int:
    tensors = (value for name, value in header.items() if name != "__metadata__")
    return max((int(value["data_offsets"][1]) for value in tensors), default=0)
