"""What was measured, as JSON and as tables for the documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from acceptance.report import told

EXAMPLES = {
    "rtx4080s": 22_000_000,
    "small": 33_000_000,
    "qwen-256": 33_000_000,
}  # 5.5M pairs, both directions


def tables(found: Mapping[str, Any]) -> str:
    """Return the tables of a measurement; a figure that is not there is "not measured"."""
    card = found.get("card", {}).get("name", "not measured")
    capped = f"of which {found['cap_gib']} GiB may be used" if found.get("cap_gib") else "not measured"
    rows = found.get("rows", [])
    parts = (_memory(rows), _speed(rows), _labels(rows))
    return "\n\n".join((f"{card}, {capped} for memory.", *("\n".join(part) for part in parts))) + "\n"


def _of(rows: list[Any], kind: str) -> list[Any]:
    return [row for row in rows if row["kind"] == kind]


def _memory(rows: list[Any]) -> Iterator[str]:
    yield "| tokens a side | loss | allocated GiB | reserved GiB |"
    yield "|---|---|---|---|"
    for row in _of(rows, "memory"):
        loss = "transformers'" if row["stock"] else "in chunks"
        if row.get("out_of_memory"):
            yield f"| {row['tokens']} | {loss} | out of memory | out of memory |"
        else:
            figures = (told(row.get("allocated_gib")), told(row.get("reserved_gib")))
            yield f"| {row['tokens']} | {loss} | {figures[0]} | {figures[1]} |"


def _speed(rows: list[Any]) -> Iterator[str]:
    yield "| training | examples a second | tokens a second | hours |"
    yield "|---|---|---|---|"
    for row in _of(rows, "speed"):
        name = row["name"] + (f", {row['likely']} likeliest tokens" if row["likely"] else "")
        each, examples = row.get("examples_per_second"), EXAMPLES.get(row["name"])
        hours = f"{examples / each / 3600:.1f} for {examples:,}" if each and examples else "not measured"
        yield f"| {name} | {told(each)} | {told(row.get('tokens_per_second'))} | {hours} |"


def _labels(rows: list[Any]) -> Iterator[str]:
    yield "| teacher | k | positions | samples a second | bytes a sample |"
    yield "|---|---|---|---|---|"
    for row in _of(rows, "labels"):
        cells = ("k", "positions", "samples_per_second", "bytes_per_sample")
        yield f"| {row['name']} | {' | '.join(told(row.get(cell)) for cell in cells)} |"
