"""What `translate --check` shows: the card, each model found or not, its need, the choice and why. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bili2text.files import clean_text
from bili2text.translators.gpu_memory import GpuMemory
from bili2text.translators.values import TranslatorCandidate, TranslatorPlan

_FITS = {"taken": "yes", "fits": "yes", "too large": "no", "ruled out": "-"}


def check_lines(memory: GpuMemory, plan: TranslatorPlan, faults: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the check for a person. `faults` are of folders that should be models and cannot be used."""
    lines = [f"GPU: {memory}", "", *_table(plan.walk)]
    lines += ["", *(f"not usable: {fault}" for fault in faults)] if faults else []
    where = f"{plan.precision}, batch {plan.batch_size}, on {plan.device_name}"
    lines += ["", f"choice: {plan.model.name}, {where}", f"  {plan.model.path}", "reason:"]
    lines += [f"  {reason}" for reason in plan.reasons]
    lines += [f"  needs {plan.arithmetic}", f"  may use {plan.room.arithmetic}"]
    if plan.model.card and plan.model.card.remark:
        lines.append(f"  {plan.model.card.remark}")
    return tuple(_safe(line) for line in lines)


def check_json(memory: GpuMemory, plan: TranslatorPlan, faults: Sequence[str] = ()) -> dict[str, Any]:
    """Return the check for a program; MiB, but for the card's memory, which is in GiB."""
    return {
        "gpu": asdict(memory),
        "models": [asdict(one) for one in plan.walk],
        "faults": list(faults),
        "choice": {
            "model": plan.model.name,
            "path": str(plan.model.path),
            "engine": plan.model.engine,
            "device": plan.device if plan.device == "cpu" else f"cuda:{plan.device_index}",
            "precision": plan.precision,
            "batch_size": plan.batch_size,
            "need_mib": plan.need_mib,
            "room_mib": plan.room.mib,
        },
        "reasons": list(plan.reasons),
    }


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
