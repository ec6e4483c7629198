"""A file of CTranslate2's: its table of variables, the weights skipped.

The layout is CTranslate2's binary version 4 to 6 (its specs/model_spec.py, `_serialize`).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_TYPES = ("float32", "int8", "int16", "int32", "float16", "bfloat16")  # CTranslate2's include/types.h
_SCALAR = 8  # bytes: what is no longer is a setting, and read
_MOST = 100_000  # variables: a model of 8 billion weights has 700
# What a file that is cut short, or none of CTranslate2's, makes of the reading here and of its table
BROKEN = (struct.error, UnicodeDecodeError, ValueError, KeyError, IndexError, ZeroDivisionError)


@dataclass(frozen=True, slots=True)
class Variable:
    """One entry of the table."""

    shape: tuple[int, ...]
    kind: str  # of its numbers: "int8", "float16" ...
    value: bytes  # of a setting; empty for what is long


@dataclass(frozen=True, slots=True)
class Table:
    """What a file says of itself."""

    spec: str  # the class of its network: "WhisperSpec", "TransformerDecoderSpec" ...
    variables: Mapping[str, Variable]  # an alias is the very variable that it is one of


def read_table(model_bin: Path) -> Table:
    """Return the table of a file. Raises OSError, and one of BROKEN where it is no whole file of its kind."""
    size = model_bin.stat().st_size
    with model_bin.open("rb") as file:
        if not 4 <= _number(file, "<I") <= 6:
            raise ValueError(size)
        spec = _text(file)
        _number(file, "<I")  # revision of the specification
        found = dict(_variable(file, size) for _ in range(_count(file)))
        for _ in range(_count(file)):
            alias, target = _text(file), _text(file)
            found[alias] = found[target]
        if file.tell() != size:
            raise ValueError(size)
    return Table(spec, found)


def _variable(file: BinaryIO, size: int) -> tuple[str, Variable]:
    name = _text(file)
    shape = tuple(_number(file, "<I") for _ in range(_number(file, "<B")))
    kind, length = _TYPES[_number(file, "<B")], _number(file, "<I")
    value = file.read(length) if length <= _SCALAR else b""
    if not value and file.seek(length, 1) > size:
        raise ValueError(name)
    return name, Variable(shape, kind, value)


def _count(file: BinaryIO) -> int:
    count = _number(file, "<I")
    if count > _MOST:
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
