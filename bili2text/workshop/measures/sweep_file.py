"""A sweep as TOML says it. An unknown key is an error; paths begin where the file lies.

data = "data"
students = ["tiny", "small"]
preset = "student"
runs = ["../finished"]
max_steps = 2000

[tests]
flores = "flores.tsv"
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from bili2text.errors import UsageError
from bili2text.workshop.students import student

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


PRESET = "student"


@dataclass(frozen=True, slots=True)
class SweepFile:
    """What a sweep compares."""

    data: Path | None = None  # prepared pairs
    students: tuple[str, ...] = ()
    preset: str = PRESET
    runs: tuple[Path, ...] = ()
    tests: tuple[str, ...] = ()  # NAME=FILE
    max_steps: int | None = None
    vocabulary: Path | None = None  # a Qwen's tokenizer.json, for the students of that vocabulary


def read(path: Path) -> SweepFile:
    """Return what a file asks for. Raises UsageError, in one line."""
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no TOML: {error}") from error
    known = [one.name for one in fields(SweepFile)]
    for key in told:
        if key not in known:
            raise UsageError(f"{path}: unknown key {key}", hint=f"known are {', '.join(known)}")
    data, vocabulary = (_text(told, key, path) for key in ("data", "vocabulary"))
    steps = told.get("max_steps")
    if steps is not None and (type(steps) is not int or steps < 1):
        raise UsageError(f"{path}: max_steps must be a number above 0, not {steps!r}")
    return SweepFile(
        data=None if data is None else path.parent / data,
        students=tuple(student(name).name for name in _texts(told, "students", path)),
        preset=_text(told, "preset", path) or PRESET,
        runs=tuple(path.parent / name for name in _texts(told, "runs", path)),
        tests=_tests(told, path),
        max_steps=steps,
        vocabulary=None if vocabulary is None else path.parent / vocabulary,
    )


def _text(told: Mapping[str, Any], key: str, path: Path) -> str | None:
    found = told.get(key)
    if found is not None and not isinstance(found, str):
        raise UsageError(f"{path}: {key} must be text, not {found!r}")
    return found


def _texts(told: Mapping[str, Any], key: str, path: Path) -> tuple[str, ...]:
    found = told.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise UsageError(f"{path}: {key} must be a list of texts, not {found!r}")
    return tuple(found)


def _tests(told: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    found = told.get("tests", {})
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise UsageError(f"{path}: [tests] must be a table of names and files")
    wrong = next((name for name in found if "=" in name or not name.strip()), None)
    if wrong is not None:
        raise UsageError(f"{path}: {wrong!r} is no name of a test set", hint="a name without =")
    return tuple(f"{name}={path.parent / file}" for name, file in found.items())
