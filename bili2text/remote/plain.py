"""Our frozen values <-> what JSON can hold, checked against their type hints. Pure.

A field that is added to a value travels with it. Numbers stay what they were, to the last bit: Python writes
the shortest decimal that reads back as the same float.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Value = TypeVar("Value")


def plain(value: object) -> object:
    """Return a value as dicts, lists and what JSON has. Raises TypeError for what has no such form."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (tuple, list)):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {_name(name): plain(one) for name, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"a {type(value).__name__} has no plain form")


def typed(kind: type[Value], found: object) -> Value:
    """Return what `plain` made of a value of this kind as that value again.

    `kind` is a frozen dataclass or a hint such as tuple[float, ...]. Raises ValueError, naming the place, for
    anything else: a field too many or too few, a word where a number belongs.
    """
    made: Value = _made(kind, found, "")
    return made


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a {type(name).__name__} cannot be a name")
    return name


def _made(hint: Any, found: object, where: str) -> Any:  # noqa: ANN401 - whatever the hint says
    if is_dataclass(hint):
        return _dataclass(hint, found, where)
    if get_origin(hint) is Literal:
        return _literal(hint, found, where)
    if get_origin(hint) in (Union, UnionType):
        return _optional(hint, found, where)
    if get_origin(hint) in (tuple, dict):
        return _several(hint, found, where)
    return _single(hint, found, where)


def _dataclass(kind: Any, found: object, where: str) -> Any:  # noqa: ANN401 - whatever the hint says
    hints = _hints(kind)
    if not isinstance(found, dict) or found.keys() != hints.keys():
        raise _wrong(kind, found, where)
    return kind(**{name: _made(hint, found[name], f"{where}.{name}") for name, hint in hints.items()})


def _literal(hint: Any, found: object, where: str) -> object:  # noqa: ANN401 - whatever the hint says
    if found not in get_args(hint):
        raise _wrong(hint, found, where)
    return found


def _optional(hint: Any, found: object, where: str) -> Any:  # noqa: ANN401 - whatever the hint says
    (inner,) = (one for one in get_args(hint) if one is not NoneType)
    return None if found is None else _made(inner, found, where)


def _several(hint: Any, found: object, where: str) -> Any:  # noqa: ANN401 - whatever the hint says
    if get_origin(hint) is dict and isinstance(found, dict):
        inner = get_args(hint)[1]
        return {name: _made(inner, one, f"{where}[{name!r}]") for name, one in found.items()}
    if get_origin(hint) is tuple and isinstance(found, list):
        inner = get_args(hint)[0]
        return tuple(_made(inner, one, f"{where}[{index}]") for index, one in enumerate(found))
    raise _wrong(hint, found, where)


def _single(hint: Any, found: object, where: str) -> Any:  # noqa: ANN401 - whatever the hint says
    if hint is object:
        return found
    if hint is Path and isinstance(found, str):
        return Path(found)
    # a bool is an int to Python, and an int will do for a float, but not here the other way round
    wanted = (int, float) if hint is float else hint
    if isinstance(found, bool) == (hint is bool) and isinstance(found, wanted):
        return found
    raise _wrong(hint, found, where)


def _wrong(hint: Any, found: object, where: str) -> ValueError:  # noqa: ANN401 - whatever the hint says
    name = getattr(hint, "__name__", str(hint))
    return ValueError(f"{where.lstrip('.') or 'value'}: {name} expected, not {type(found).__name__}")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return {name: hint for name, hint in get_type_hints(kind).items() if name in _names(kind)}


def _names(kind: Any) -> set[str]:  # noqa: ANN401 - a dataclass
    return {field.name for field in fields(kind)}
