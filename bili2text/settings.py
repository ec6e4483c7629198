"""The user's settings: a TOML file, then the environment, then the command line; the later wins."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bili2text.errors import UsageError
from bili2text.files import write_whole

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

    value: str  # as on the command line
    origin: str  # the path of the file, or the name of the environment variable


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


def write(path: Path, name: str, value: str | float | bool) -> None:
    """Put one setting into the file, keeping every other line and every remark as it is.

    Raises UsageError when the file is no TOML, StorageError when it cannot be written.
    """
    import tomlkit

    path = path.resolve()  # the file that a link in a folder of dotfiles leads to, not the link
    table = tomlkit.parse(_text(path))
    spelled = next((key for key in table if key.replace("_", "-") == name), name)
    table[spelled] = value
    write_whole(path, tomlkit.dumps(table), overwrite=True)


def remove(path: Path, name: str) -> bool:
    """Take one setting out of the file, keeping every other line; return whether it was there.

    Raises UsageError when the file is no TOML, StorageError when it cannot be written.
    """
    import tomlkit

    path = path.resolve()
    table = tomlkit.parse(_text(path))
    spelled = [key for key in table if key.replace("_", "-") == name]
    for key in spelled:
        del table[key]
    if spelled:
        write_whole(path, tomlkit.dumps(table), overwrite=True)
    return bool(spelled)


def _file(path: Path, known: frozenset[str]) -> dict[str, str]:
    """Return what the file says, each value as it would be written on the command line."""
    table = tomllib.loads(_text(path))
    found = {}
    for key, value in table.items():
        name = key.replace("_", "-")
        if name not in known:
            raise UsageError(
                f"unknown setting {key!r} in {path}", hint="`bili2text config show` lists those there are"
            )
        found[name] = _plain(key, value, path)
    return found


def _text(path: Path) -> str:
    """Return the file's text, valid TOML; "" when there is none."""
    try:
        text = path.read_text(encoding="utf-8")
        tomllib.loads(text)
    except FileNotFoundError:
        return ""
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"the settings are not valid TOML: {path}: {error}", hint="mend that line"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the settings: {path}", hint="check the file, or remove it") from error
    return text


def _plain(key: str, value: object, path: Path) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float)):
        return str(value)
    if isinstance(value, list) and all(isinstance(one, (str, int, float)) for one in value):
        return ",".join(str(one) for one in value)
    raise UsageError(f"the setting {key!r} in {path} is no plain value", hint=f"write {key} = ...")


def environment() -> Mapping[str, str]:
    """Return the process's environment; the one place that reads it."""
    return os.environ
