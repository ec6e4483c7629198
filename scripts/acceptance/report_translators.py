"""What was measured of translators, as Markdown for docs/gpu.md."""

from __future__ import annotations

import json
from pathlib import Path

from acceptance.report import NOTHING, RESULTS, checks, rows_of, told
from acceptance.run import TRANSLATION
from acceptance.values import Json


def translators_table(path: Path = RESULTS) -> str:
    """Return what was measured of translators on a card; "not measured" where nothing was."""
    if not path.is_file():
        return NOTHING
    found = json.loads(path.read_text(encoding="utf-8"))
    if not any(name in found["sections"] for name in TRANSLATION):
        return NOTHING
    card, versions = found["card"], found["versions"]
    head = (
        f"{card['name']}, {card['total_mib']} MiB, driver {card['driver']}, torch {versions.get('torch')}, "
        f"transformers {versions.get('transformers')}, CTranslate2 {versions['ctranslate2']}, "
        f"{found['measured']}. Prompts of 384 tokens, replies of 128.\n"
    )
    parts = (_needs(found), _choices(found), _half(found), _runs(found), checks(found, TRANSLATION))
    return "\n".join((head, *("\n".join(part) + "\n" for part in parts)))


def _needs(found: Json) -> list[str]:
    lines = [
        "| translator | weights | precision | batch | computed MiB | peak MiB | peak/computed | tokens/s |",
        "|---" * 8 + "|",
    ]
    rows = rows_of(found, "needs")
    for row in rows:
        about = (row["model"], row.get("weights", ""), row["precision"])
        if "skipped" in row:
            lines.append(f"| {' | '.join(about)} | {_cell(row['skipped'])} | | | | |")
            continue
        share = "not measured" if row["share"] is None else f"{row['share']:.0%}"
        peak = _cell(row["wrong"] or told(row["peak_mib"]))
        cells = (*about, row["batch"], row["computed_mib"], peak, share, told(row["tokens_per_second"]))
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines if rows else ["What translators take: not measured."]


def _choices(found: Json) -> list[str]:
    rows = [row for row in rows_of(found, "choice") if "target_gib" in row]
    if not rows:
        return ["What is chosen: not measured."]
    lines = ["| free GiB | choice | guide |", "|---|---|---|"]
    for row in rows:
        if "model" not in row:
            lines.append(f"| {row['target_gib']} | {_cell(row.get('skipped') or row['wrong'])} | |")
            continue
        taken = f"{row['model']}, {row['precision']}, batch {row['batch_size']}, {row['device']}"
        lines.append(f"| {row['target_gib']} | {taken} | {_cell(row['guide'])} |")
    return lines


def _half(found: Json) -> list[str]:
    rows = rows_of(found, "half")
    if not rows:
        return ["Half precision against float32: not measured."]
    names = {
        "model": "translator", "precision": "precision", "weights_mib": "weights MiB", "peak_mib": "peak MiB",
        "tokens_per_second": "tokens/s", "equal": "same replies",
        "chrf_to_first": "chrF to float32", "chrf": "chrF",
    }  # fmt: skip
    lines = [f"| {' | '.join(names.values())} |", "|---" * len(names) + "|"]
    return lines + [f"| {' | '.join(told(row.get(name)) for name in names)} |" for row in rows]


def _runs(found: Json) -> list[str]:
    """Return a line for each run of the whole program."""
    lines = []
    for row in rows_of(found, "handover"):
        done = row["wrong"] or f"{len(row['translated'])} translated"
        lines.append(f"- hand-over, {row['run']}: {done}, {told(row['free_mib'])} MiB free at the beginning")
    for row in rows_of(found, "squeeze"):
        done = row["wrong"] or f"{told(row['sentences'])} sentences, {told(row['lines'])} lines"
        steps = "; ".join(row["steps"] or row["warnings"] or ["no step down"])
        lines.append(f"- {row['run']}: {done}; {steps}")
    for row in rows_of(found, "torch"):
        pool = row["pool"] or {}
        high = (
            f"{told(pool.get('used_high'))} MiB used, {told(pool.get('reserved_high'))} reserved at the peak"
        )
        lines.append(f"- torch's allocator, {row['run']}: {row['wrong'] or high}")
    return lines or ["Hand-over, a card that fills up, torch's allocator: not measured."]


def _cell(text: str) -> str:
    return text.replace("|", "/")
