"""What the files of the known models must be: manifest.json, read into values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

# What faster-whisper reads from a model's folder (`allow_patterns` in its utils.py); nothing else is fetched.
FILES = (
    "config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "vocabulary.json",
    "vocabulary.txt",
    "model.bin",
)


@dataclass(frozen=True, slots=True)
class Expected:
    """What one file must be. A field is None when nobody said."""

    name: str
    size: int | None = None  # bytes
    sha256: str | None = None  # hexadecimal
    git_sha1: str | None = None  # of the git blob; all that a hub declares for a file outside LFS

    @property
    def hashed(self) -> bool:
        """Whether the bytes can be told from any others."""
        return bool(self.sha256 or self.git_sha1)


@dataclass(frozen=True, slots=True)
class Pins:
    """One known model: where it is and what its files are, the largest last."""

    name: str
    repo: str
    revision: str  # commit, 40 hexadecimal digits
    files: tuple[Expected, ...]

    @property
    def complete(self) -> bool:
        """Whether every file can be checked without asking a hub."""
        return all(file.sha256 for file in self.files)


def pins_of(name: str) -> Pins | None:
    """Return what is pinned for the model called `name` (a card's name), or None."""
    entry = _models().get(name)
    return _pins(name, entry) if entry else None


def all_pins() -> tuple[Pins, ...]:
    """Return every known model's pins."""
    return tuple(_pins(name, entry) for name, entry in _models().items())


def is_model_file(name: str) -> bool:
    """Return whether `name`, as a hub spelled it, is a file we want: never a path, never a link out."""
    return name in FILES


def _models() -> Mapping[str, Any]:
    text = resources.files("bili2text.models").joinpath("manifest.json").read_text(encoding="utf-8")
    models: Mapping[str, Any] = json.loads(text)["models"]
    return models


def _pins(name: str, entry: Mapping[str, Any]) -> Pins:
    files = tuple(Expected(file, pin["size"], pin["sha256"]) for file, pin in entry["files"].items())
    return Pins(name, entry["repo"], entry["revision"], files)
