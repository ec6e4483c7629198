"""Why a translator was chosen and the others were not, in lines. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bili2text.files import clean_text
from bili2text.translators.catalog import NOWHERE
from bili2text.translators.values import TranslatorCandidate, Verdict
from bili2text.translators.ways import Look, Way


def one_line(text: str) -> str:
    """Return a reason without what a folder's or a card's name could do to a terminal."""
    return clean_text(text)


def fitted(way: Way, *, guide: bool = False) -> str:
    """Return the guide's line: "selected Qwen3-4B-FP8 (needs 6.0 GB, 12.00 GB free)"."""
    card = way.model.card
    needs = card.guide_gb if guide and card and card.guide_gb else way.need_mib / 1024
    where = "" if way.place.device else " of RAM"
    free = way.place.room.free_mib / 1024
    return f"selected {way.model.name} (needs {needs:.1f} GB, {free:.2f} GB free{where})"


def overruled(taken: Way, seen: Sequence[Look]) -> tuple[str, ...]:
    """Return a line for each model that goes before the one taken, and for FP8 that cannot be FP8."""
    at = next(i for i, one in enumerate(seen) if one.model is taken.model and one.place is taken.place)
    lines = [f"{one.model.name} on {one.place.name}: {_against(one)}" for one in seen[:at] if not one.best]
    if seen[at].why:
        lines.append(f"{seen[at].why}: {taken.model.name} is run in {taken.precision}")
    lines += [
        f"{one.why}: {one.model.name} would be run in {one.least.precision}"
        for one in seen[at + 1 :]
        if one.model.quantization == "fp8" and one.place is taken.place and one.why and one.least
    ]
    return tuple(lines)


def shortage(seen: Sequence[Look]) -> str:
    """Return by how little the least of all models does not fit, or why none may run at all."""
    ways = [one.least for one in seen if one.least is not None]
    if not ways:
        return "; ".join(dict.fromkeys(f"{one.model.name}: {one.why}" for one in seen))
    least = min(ways, key=lambda way: way.need_mib - way.place.room.mib)
    return f"{least.model.name} needs {least.need_mib} MiB in {least.precision}, {_room(least)}"


def walk(seen: Sequence[Look], taken: Way | None) -> tuple[TranslatorCandidate, ...]:
    """Return every model at every place it was looked at; those at `NOWHERE` are not on the disk."""
    return tuple(_candidate(one, taken) for one in seen)


def _candidate(one: Look, taken: Way | None) -> TranslatorCandidate:
    mine = taken is not None and one.model is taken.model and one.place is taken.place
    way = taken if mine else one.best or one.least
    found = one.model.path != NOWHERE
    return TranslatorCandidate(
        name=one.model.name,
        found=found,
        engine=one.model.engine,
        precision=way.precision if way else "",
        place=one.place.name,
        need_mib=way.need_mib if way else 0,
        room_mib=one.place.room.mib,
        verdict=_verdict(one, found=found, taken=mine),
        why=one.why or ("" if way is None or way.fits else _room(way)),
    )


def _verdict(one: Look, *, found: bool, taken: bool) -> Verdict:
    if taken:
        return "taken"
    if not found:
        return "missing"
    if one.least is None:
        return "ruled out"
    return "fits" if one.best else "too large"


def _against(one: Look) -> str:
    """Return why a model that is there is not run."""
    if one.least is None:
        return one.why
    because = f" ({one.why})" if one.why else ""
    return f"needs {one.least.need_mib} MiB in {one.least.precision}{because}, {_room(one.least)}"


def _room(way: Way) -> str:
    return f"{way.place.room.mib} MiB may be used of {way.place.name}"
