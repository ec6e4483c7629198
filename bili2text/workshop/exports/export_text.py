"""What came of an export, as a person reads it, and as a program does. Pure."""

from __future__ import annotations

from typing import Any

from bili2text.remote.plain import plain
from bili2text.workshop.exports.export import Exported
from bili2text.workshop.exports.exported import MANIFEST, Check, Manifest
from bili2text.workshop.measures.evaluation_text import table
from bili2text.workshop.measures.targets import MB

_GRAPHS = ("file", "MB", "precision", "sha256")
_CHECKS = ("precision", "against", "sentences", "same text", "same token", "max difference", "lowest cosine")


def text(found: Exported) -> str:
    """Return what was made and how near it is; lines end with a newline."""
    lines = [str(found.folder)]
    if found.product is not None:
        one = found.product
        lines.append(f"{one.precision}, {one.weight_bytes / MB:.1f} MB, {', '.join(one.ways)}")
    if found.manifest is not None:
        shapes = f"batch 1, {found.manifest.seq} tokens; inputs and outputs are in {MANIFEST}"
        lines += ["", *_graphs(found.manifest), shapes, "", *_checks(found.manifest)]
    return "".join(f"{line}\n" for line in lines)


def values(found: Exported) -> dict[str, Any]:
    """Return the same as one JSON object."""
    return {"folder": str(found.folder), "product": plain(found.product), "manifest": plain(found.manifest)}


def _graphs(made: Manifest) -> list[str]:
    rows = [
        (
            one.file,
            f"{one.bytes / MB:.1f}",
            one.precision,
            one.sha256[:16],
        )
        for one in made.graphs
    ]
    return list(table([_GRAPHS, *rows]))


def _checks(made: Manifest) -> list[str]:
    rows = [
        (
            one.precision,
            one.against,
            str(one.sentences),
            "-" if one.equal is None else f"{one.equal} of {one.sentences}",
            f"{one.agreeing} of {one.steps}",
            f"{max(one.states.largest, one.logits.largest):.2g}",
            f"{min(one.states.cosine, one.logits.cosine):.6f}",
        )
        for one in made.checks
    ]
    return [*table([_CHECKS, *rows]), *(line for one in made.checks for line in _remarks(one))]


def _remarks(check: Check) -> list[str]:
    return [
        f"{check.precision}: the toolkit printed: {remark}; what that means only a board can tell"
        for remark in check.remarks
    ]
