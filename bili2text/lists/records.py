"""Entries and what was asked <-> the records of a manifest; what makes no sense is refused. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, replace
from typing import TYPE_CHECKING, Any

from bili2text.lists.values import KINDS, STATES, Asked, Entry

if TYPE_CHECKING:
    from bili2text.subtitles.writers import Json

HEADER: dict[str, Json] = {"what": "list", "format": 1}
_FATE = frozenset({field.name for field in fields(Entry)} - {"place", "link", "index", "address"})
_DEFAULTS = {
    field.name: list(field.default) if isinstance(field.default, tuple) else field.default
    for field in fields(Entry)
    if field.default is not MISSING
}
_STRINGS = ("link", "name", "why", "job", "language")
_NUMBERS = ("index", "code", "tries", "deaths", "gained")


class Senseless(ValueError):
    """A record that this program did not write."""


def added(entry: Entry) -> dict[str, Json]:
    """Return the record of a new entry."""
    return {"what": "entry", **asdict(entry), "place": list(entry.place), "paths": list(entry.paths)}


def changed(before: Entry, now: Entry) -> dict[str, Json]:
    """Return the record of what is different about an entry now."""
    old, new = asdict(before), asdict(now)
    fate = {name: new[name] for name in new if name in _FATE and new[name] != old[name]}
    if "paths" in fate:
        fate["paths"] = list(fate["paths"])
    return {"what": "change", "place": list(now.place), "now": fate}


def asked(what: Asked) -> dict[str, Json]:
    """Return the record of how the list was asked for."""
    return {"what": "asked", **asdict(what), "command": list(what.command)}


def entry_of(record: Mapping[str, Any]) -> Entry:
    """Return the entry of an `added` record. Raises Senseless."""
    facts = {name: value for name, value in record.items() if name != "what"}
    place = facts.get("place")
    if not isinstance(place, list) or not place or not all(_is_count(one) and one for one in place):
        raise Senseless("place")
    return _entry({**facts, "place": tuple(place)})


def change_of(record: Mapping[str, Any], entries: Mapping[tuple[int, ...], Entry]) -> Entry:
    """Return an entry as a `changed` record says. Raises Senseless."""
    place, now = record.get("place"), record.get("now")
    if not isinstance(place, list) or not isinstance(now, dict) or not now.keys() <= _FATE:
        raise Senseless("change")
    try:
        before = entries[tuple(place)]
    except (KeyError, TypeError) as error:
        raise Senseless("a change of nothing") from error
    return _entry({**asdict(before), "paths": list(before.paths), **now})


def asked_of(record: Mapping[str, Any]) -> Asked:
    """Return what an `asked` record says. Raises Senseless."""
    facts = {name: value for name, value in record.items() if name != "what"}
    if facts.keys() != {field.name for field in fields(Asked)}:
        raise Senseless("asked")
    command = facts["command"]
    texts = (facts["mark"], facts["folder"], facts["at"])
    if not _are_texts(command) or not _are_texts(list(texts)) or not isinstance(facts["redacted"], bool):
        raise Senseless("asked")
    return replace(Asked(**facts), command=tuple(command))


def _entry(facts: dict[str, Any]) -> Entry:
    facts = {**_DEFAULTS, **facts}  # what a version before this one did not know
    if facts.keys() != {field.name for field in fields(Entry)} or not _sane(facts):
        raise Senseless("entry")
    return Entry(**{**facts, "paths": tuple(facts["paths"]), "seconds": float(facts["seconds"])})


def _sane(facts: Mapping[str, Any]) -> bool:
    address, seconds = facts["address"], facts["seconds"]
    return (
        facts["kind"] in KINDS
        and facts["state"] in STATES
        and all(isinstance(facts[name], str) for name in _STRINGS)
        and all(_is_count(facts[name]) for name in _NUMBERS)
        and (address is None or isinstance(address, str))
        and _are_texts(facts["paths"])
        and type(seconds) in (int, float)
        and math.isfinite(seconds)
    )


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _are_texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(one, str) for one in values)
