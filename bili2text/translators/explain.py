"""What `translate --check` shows: the card, each model found or not, its need, the choice and why. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bili2text.errors import Bili2TextError
from bili2text.files import clean_text
from bili2text.translators.gpu_memory import GpuMemory
from bili2text.translators.values import TranslatorCandidate, TranslatorPlan

_FITS = {"taken": "yes", "fits": "yes", "too large": "no", "ruled out": "-"}


@dataclass(frozen=True, slots=True)
class Server:
    """A server that has the model."""

    model: str
    url: str
    engine: str  # "api": not known
    precision: str
    batch_size: int  # sentences it is asked for at once
    device_name: str
    why: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found: a plan, or a server, or the error that says why there is neither."""

    memory: GpuMemory
    walk: tuple[TranslatorCandidate, ...] = ()
    faults: tuple[str, ...] = ()  # of folders that should be models and cannot be used
    plan: TranslatorPlan | None = None
    server: Server | None = None
    error: Bili2TextError | None = None


def check_lines(found: Checked) -> tuple[str, ...]:
    """Return the check for a person."""
    lines = [f"GPU: {found.memory}"]
    if found.walk:
        lines += ["", *_table(found.walk)]
    if found.faults:
        lines += ["", *(f"not usable: {fault}" for fault in found.faults)]
    lines += ["", *_choice(found), "reason:", *(f"  {reason}" for reason in _reasons(found))]
    return tuple(_safe(line) for line in lines)


def check_json(found: Checked) -> dict[str, Any]:
    """Return the check for a program; MiB, but for the card's memory, which is in GiB."""
    return {
        "gpu": asdict(found.memory),
        "models": [asdict(one) for one in found.walk],
        "faults": list(found.faults),
        "choice": _chosen(found),
        "reasons": list(found.plan.reasons if found.plan else _reasons(found)),
    }


def _choice(found: Checked) -> Iterator[str]:
    if found.plan is not None:
        plan = found.plan
        where = f"{plan.precision}, batch {plan.batch_size}, on {plan.device_name}"
        yield f"choice: {plan.model.name}, {where}"
        yield f"  {plan.model.path}"
    elif found.server is not None:
        server = found.server
        known = f", {server.precision}, on {server.device_name}" if server.engine != "api" else ""
        yield f"choice: {server.model}{known}, at {server.url}"
    else:
        yield "choice: none"


def _reasons(found: Checked) -> Iterator[str]:
    if found.plan is not None:
        yield from found.plan.reasons
        yield f"needs {found.plan.arithmetic}"
        yield f"may use {found.plan.room.arithmetic}"
        if ways := found.plan.model.ways:
            yield f"translates {' and '.join(ways)} alone, each sentence by itself: no glossary, no context"
        if found.plan.model.card and found.plan.model.card.remark:
            yield found.plan.model.card.remark
    if found.server is not None:
        yield found.server.why
    if found.error is not None:
        yield found.error.message
        if found.error.hint:
            yield f"what to do: {found.error.hint}"


def _chosen(found: Checked) -> dict[str, Any] | None:
    if found.plan is not None:
        plan = found.plan
        return {
            "model": plan.model.name,
            "path": str(plan.model.path),
            "engine": plan.model.engine,
            "profile": plan.model.profile,
            "directions": list(plan.model.ways),
            "device": plan.device if plan.device == "cpu" else f"cuda:{plan.device_index}",
            "precision": plan.precision,
            "batch_size": plan.batch_size,
            "need_mib": plan.need_mib,
            "room_mib": plan.room.mib,
        }
    if found.server is not None:
        server = found.server
        return {
            "model": server.model,
            "url": server.url,
            "engine": server.engine,
            "device_name": server.device_name,
            "precision": server.precision,
            "batch_size": server.batch_size,
        }
    return None


def _table(walk: Sequence[TranslatorCandidate]) -> list[str]:
    """Return a line for each model at each place: found, name, needs, fits, why."""
    rows = [("found", "model", "where", "needs", "fits", "")]
    for one in walk:
        needs = f"{one.need_mib} MiB" if one.need_mib else "-"
        fits = _FITS.get(one.verdict) or ("yes" if 0 < one.need_mib <= one.room_mib else "no")
        why = "<- taken" if one.verdict == "taken" else one.why
        where = f"{one.place} {one.precision}".strip()
        rows.append(("yes" if one.found else "no", clean_text(one.name), where, needs, fits, why))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[5]]).rstrip()
        for row in rows
    ]


def _safe(line: str) -> str:
    """Return a line that nothing in it, of a folder's name say, breaks or colours; its indent stays."""
    indent = len(line) - len(line.lstrip(" "))
    return " " * indent + "".join(one if one.isprintable() else "?" for one in line[indent:])
