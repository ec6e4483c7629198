"""Presets as TOML: those that come with the program, and the user's own. An unknown key is an error."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

import tomlkit

from bili2text.errors import UsageError
from bili2text.files import write_whole
from bili2text.seq2seq.values import WAYS
from bili2text.workshop.students import STUDENTS
from bili2text.workshop.values import (
    Claims,
    DataSettings,
    DecodeSettings,
    ModelSettings,
    Preset,
    Schedule,
    TrainPrecision,
    TrainSettings,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent / "presets"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))
DEFAULT = "rtx4080s"
_SECTIONS = {
    "model": ModelSettings,
    "data": DataSettings,
    "train": TrainSettings,
    "decode": DecodeSettings,
    "claims": Claims,
}
_CHOICES = {
    "precision": get_args(TrainPrecision),
    "schedule": get_args(Schedule),
    # what a plan computes, and what was tried: the same bytes after a kill
    "optim": ("adamw_torch", "adamw_torch_fused"),
}
_RANGES = {"vram_gib", "hours", "bleu"}
_MAY_BE_ZERO = {
    "wmt19", "opus100", "trim_vocab", "seed", "warmup", "weight_decay", "label_smoothing", "loss_chunk",
    "workers", "patience", "distil_weight", "max_grad_norm",
}  # fmt: skip
_SHARES = {"warmup", "label_smoothing", "distil_weight"}


def preset(name: str) -> Preset:
    """Return the preset of that name, or that of a TOML file. Raises UsageError, in one line."""
    path = FOLDER / f"{name}.toml" if name in NAMES else Path(name).expanduser()
    if path.suffix != ".toml":
        raise UsageError(f"no preset {name}", hint=f"there are {', '.join(NAMES)}, or pass a .toml file")
    return read(path)


def usual(model: str | None) -> str:
    """Return the name of the preset that is taken for a model where none is told."""
    return "student" if model in STUDENTS else DEFAULT


def read(path: Path) -> Preset:
    """Return the preset in a file. Raises UsageError for what is not there, no TOML, or makes no sense."""
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows' editors begin with a mark
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is no TOML: {error}") from error
    return made(told, path.stem)


def made(told: Mapping[str, Any], name: str) -> Preset:
    """Return the preset that TOML's tables say. Raises UsageError for an unknown key or a bad value."""
    for section in told:
        if section not in _SECTIONS:
            raise UsageError(f"{name}: unknown section [{section}]", hint=f"known are {', '.join(_SECTIONS)}")
    parts = {key: _section(kind, told.get(key, {}), f"{name} [{key}]") for key, kind in _SECTIONS.items()}
    return Preset(name, **parts)


def changed(base: Preset, section: str, **settings: object) -> Preset:
    """Return a preset with other settings in one section; those that are None stay. Raises UsageError."""
    given = {key: value for key, value in settings.items() if value is not None}
    for key, value in given.items():
        _check(key, value, f"{base.name} [{section}]")
    return replace(base, **{section: replace(getattr(base, section), **given)})


def save(found: Preset, path: Path) -> None:
    """Write a preset with every setting it resolved to. Raises StorageError."""
    document = tomlkit.document()
    for name, kind in _SECTIONS.items():
        table = tomlkit.table()
        for one in fields(kind):
            value = getattr(getattr(found, name), one.name)
            if value is not None:
                table[one.name] = list(value) if isinstance(value, tuple) else value
        document[name] = table
    write_whole(path, tomlkit.dumps(document), overwrite=True)


def _section(kind: type, told: object, where: str) -> Any:  # noqa: ANN401 - one of the settings' classes
    if not isinstance(told, Mapping):
        raise UsageError(f"{where} is no table")
    known = {one.name: one for one in fields(kind)}
    types = get_type_hints(kind)
    for key in told:
        if key not in known:
            raise UsageError(f"{where}: unknown key {key}", hint=f"known are {', '.join(known)}")
    for one in known.values():
        if _needed(one) and one.name not in told:
            raise UsageError(f"{where}: {one.name} is missing")
    values = {key: _value(key, value, types[key], where) for key, value in told.items()}
    return kind(**values)


def _needed(one: Field[Any]) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


def _value(key: str, value: object, kind: object, where: str) -> object:
    if isinstance(value, list):
        value = tuple(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    wanted = {int: int, float: float, bool: bool, str: str}.get(kind)  # type: ignore[call-overload]
    if wanted is not None and type(value) is not wanted:
        raise UsageError(f"{where}: {key} must be of type {wanted.__name__}, not {value!r}")
    _check(key, value, where)
    return value


def _check(key: str, value: object, where: str) -> None:
    """Raise UsageError for a value that no training can use."""
    wrong = _wrong(key, value)
    if wrong:
        raise UsageError(f"{where}: {key} {wrong}, not {value!r}")


def _wrong(key: str, value: object) -> str:
    """Return what a value would have to be, or nothing if it is that."""
    if key in _CHOICES and value not in _CHOICES[key]:
        return f"must be one of {', '.join(_CHOICES[key])}"
    if key == "directions" and not _are_ways(value):
        return f"must be a list of {', '.join(WAYS)}"
    if key == "temperature" and value not in (1.0, 2.0):
        return "must be 1 or 2"
    if key in _RANGES and not _is_range(value):
        return "must be two numbers above 0, the lower one first"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        low = 0 if key in _MAY_BE_ZERO else sys.float_info.min
        most = 1.0 if key in _SHARES else math.inf
        if not low <= value <= most or math.isinf(value):
            least = "at least 0" if key in _MAY_BE_ZERO else "above 0"
            return f"must be {least}" + " and at most 1" * (most == 1)
    return ""


def _are_ways(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and 0 < len(value) <= len(WAYS)
        and all(value.count(one) == 1 and one in WAYS for one in value)
    )


def _is_range(value: object) -> bool:
    numbers = value if isinstance(value, tuple) else ()
    if not all(type(one) in (int, float) for one in numbers):
        return False
    return len(numbers) == 2 and 0 < numbers[0] <= numbers[1] < math.inf
