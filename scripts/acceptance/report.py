"""What was measured: JSON that is valid after every section, a table for docs/gpu.md, and a picture."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from dataclasses import asdict
from pathlib import Path

from acceptance.run import WHISPER
from acceptance.values import Json, Section
from bili2text.files import write_whole

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "measurements" / "gpu_acceptance.json"
NOTHING = "not measured\n"


def earlier(path: Path, about: Json) -> Json:
    """Return the sections of an earlier run that still count: same card, driver and versions."""
    try:
        found: Json = json.loads(path.read_text(encoding="utf-8"))
        same = all(found[name] == about[name] for name in ("card", "versions"))
        return dict(found["sections"]) if same else {}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def write(path: Path, about: Json, kept: Json, sections: Sequence[Section]) -> None:
    """Write all that is known so far over what was `kept`. Raises StorageError when the disk refuses."""
    found = {**about, "sections": {**kept, **{one.name: asdict(one) for one in sections}}}
    write_whole(path, json.dumps(found, indent=1, ensure_ascii=False) + "\n", overwrite=True)


def failures(sections: Sequence[Section]) -> list[str]:
    """Return a line for each assertion that did not hold, and for each section that failed to tell."""
    lines = [f"{one.name}: {one.state}: {one.why}" for one in sections if _silent(one)]
    return lines + [
        f"{one.name}: {check.what}: {check.figure}"
        for one in sections
        for check in one.checks
        if check.held is False
    ]


def gpu_table(path: Path = RESULTS) -> str:
    """Return what was measured as Markdown for docs/gpu.md; "not measured" where nothing was."""
    if not path.is_file():
        return NOTHING
    found = json.loads(path.read_text(encoding="utf-8"))
    if not any(name in found["sections"] for name in WHISPER):
        return NOTHING
    card = found["card"]
    head = (
        f"{card['name']}, {card['total_mib']} MiB, driver {card['driver']}, "
        f"CTranslate2 {found['versions']['ctranslate2']}, {found['measured']}. The rest of the card was "
        "held by another process; every text was made as long as the decoder allows.\n"
    )
    return "\n".join((head, *_sweep(found), "", *_stages(found), "", *checks(found, WHISPER))) + "\n"


def plot(path: Path, target: Path) -> bool:
    """Draw plan and peak over the free memory, SVG or PNG by the name; False where nothing can be drawn."""
    rows = [
        row for row in rows_of(json.loads(path.read_text(encoding="utf-8")), "sweep") if row.get("peak_mib")
    ]
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    if not rows:
        return False
    figure = Figure(figsize=(8, 0.45 * len(rows) + 1.2), layout="constrained")
    axes = figure.subplots()
    names = [f"{row['target_gib']} GiB: {_plan(row)}" for row in rows]
    axes.barh(names, [row["free_mib"] / 1024 for row in rows], color="0.88", label="free")
    for key, mark, label in (("peak_mib", "o", "measured peak"), ("need_mib", "|", "planned")):
        axes.scatter([row[key] / 1024 for row in rows], names, marker=mark, s=60, label=label)
    axes.invert_yaxis()
    axes.set_xlabel("memory of the card, GiB")
    axes.legend()
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target)
    return True


def _silent(section: Section) -> bool:
    told = any(check.held is not None for check in section.checks)
    return section.state == "failed" or (section.state == "out of time" and not told)


def rows_of(found: Json, section: str) -> list[Json]:
    """Return a section's rows; none where it was not run."""
    rows: list[Json] = found["sections"].get(section, {}).get("rows", [])
    return rows


def _sweep(found: Json) -> list[str]:
    lines = [
        "| free GiB | plan | weights | planned MiB | peak MiB | peak/plan | x realtime | next larger |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows_of(found, "sweep"):
        if "skipped" in row:
            lines.append(f"| {row['target_gib']} | {row['skipped']} | | | | | | |")
            continue
        share = "not measured" if row["share"] is None else f"{row['share']:.0%}"
        peak = row["wrong"] or told(row["peak_mib"]) + (" (cut short)" if row["cut"] else "")
        cells = (
            row["target_gib"], _plan(row), row["weights"], row["need_mib"],
            peak.replace("|", "/"), share, told(row["speed"]), _next(row["larger"]),
        )  # fmt: skip
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


def _plan(row: Json) -> str:
    return f"{row['model']}, {row['compute_type']}, batch {row['batch']}, beam {row['beam']}"


def _next(larger: Json | None) -> str:
    if larger is None:
        return "none"
    fits = {True: "would have fitted", False: "would not have fitted", None: "not known whether it fits"}
    over = f"{larger['over_room_mib']} MiB over the plan's room"
    return f"{larger['model']}, {larger['compute_type']}: {over}, {fits[larger['fits_at_this_share']]}"


def _stages(found: Json) -> list[str]:
    rows = rows_of(found, "footprint")
    if not rows:
        return ["The stages one by one: not measured."]
    names = tuple(rows[0]["stages"])
    lines = [f"| measured / computed MiB | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for row in rows:
        cells = [f"{told(one.get('used'))} / {one['computed']}" for one in row["stages"].values()]
        lines.append(f"| {row['model']}, {row['compute_type']}, batch {row['batch']} | {' | '.join(cells)} |")
    return lines


def checks(found: Json, names: Container[str]) -> list[str]:
    """Return how many assertions of these sections held, and a line for each that did not."""
    there = {name: section for name, section in found["sections"].items() if name in names}
    made = [(name, one) for name, section in there.items() for one in section["checks"]]
    held = sum(one["held"] is True for _, one in made)
    lines = [f"Of {len(made)} assertions {held} held."]
    for said, verdict in (("did not hold", False), ("could not be told", None)):
        some = [
            f"- {said}: {name}: {one['what']}: {one['figure']}"
            for name, one in made
            if one["held"] is verdict
        ]
        lines += some
    return lines


def told(value: object) -> str:
    """Return a figure as a cell."""
    return "not measured" if value is None else str(value)
