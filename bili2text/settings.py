"""The user's settings: a TOML file, then the environment, then the command line; the later wins."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bili2text.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PREFIX = "BILI2TEXT_"
# Environment names with our prefix that are not command-line options.
PLACES = ("BILI2TEXT_CACHE_DIR", "BILI2TEXT_CONFIG")


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and where it came from."""

    value: Any
    origin: str  # "settings.toml", or the name of the environment variable


def read(path: Path, environ: Mapping[str, str], known: frozenset[str]) -> dict[str, Setting]:
    """Return the settings named in `known` (dashes), the environment's over the file's.

    The file holds `name = value` lines; dashes and underscores are the same. Raises UsageError when
    it is no TOML, or holds a name or a kind of value that means nothing here.
    """
    found = {name: Setting(value, str(path)) for name, value in _file(path, known).items()}
    for name in known:
        variable = PREFIX + name.upper().replace("-", "_")
        if environ.get(variable, "").strip() and variable not in PLACES:
            found[name] = Setting(environ[variable], variable)
    return found


def write(path: Path, values: Mapping[str, str | int | float | bool]) -> None:
    """Put `values` into the file, keeping every other line and comment as it is.

    Raises StorageError when the folder cannot take it.
    """
    from bili2text.files import write_whole

    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for name, value in values.items():
        line = f"{name} = {_toml(value)}"
        at = next((i for i, old in enumerate(lines) if _name(old) == name), None)
        if at is None:
            lines.append(line)
        else:
            lines[at] = line
    write_whole(path, "\n".join(lines) + "\n", overwrite=True)


def _file(path: Path, known: frozenset[str]) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the settings: {path}", hint="check the file, or remove it") from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"the settings are not valid TOML: {path}: {error}", hint="mend that line"
        ) from error
    found = {key.replace("_", "-"): value for key, value in table.items()}
    strange = sorted(set(found) - known)
    if strange:
        raise UsageError(
            f"unknown setting {strange[0]!r} in {path}", hint="`bili2text config show` lists those there are"
        )
    nested = sorted(name for name, value in found.items() if isinstance(value, dict))
    if nested:
        raise UsageError(f"the setting {nested[0]!r} in {path} must be a plain value, not a table")
    return found


def _name(line: str) -> str:
    key, sign, _ = line.partition("=")
    return key.strip().replace("_", "-") if sign and not line.lstrip().startswith("#") else ""


def _toml(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def environment() -> Mapping[str, str]:
    """Return the process's environment; the one place that reads it."""
    return os.environ
