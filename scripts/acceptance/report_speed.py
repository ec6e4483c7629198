"""How fast a card was, as Markdown for docs/gpu.md."""

from __future__ import annotations

import json
from pathlib import Path

from acceptance.report import NOTHING, RESULTS, checks, rows_of, told
from acceptance.run import SPEED
from acceptance.values import Json


def speed_table(path: Path = RESULTS) -> str:
    """Return what was measured of the speed on a card; "not measured" where nothing was."""
    if not path.is_file():
        return NOTHING
    found = json.loads(path.read_text(encoding="utf-8"))
    rows = [row for row in rows_of(found, "speed") if "model" in row]
    if not rows:
        return NOTHING
    card, versions = found["card"], found["versions"]
    head = (
        f"{card['name']}, {card['total_mib']} MiB, driver {card['driver']}, CTranslate2 "
        f"{versions['ctranslate2']}, faster-whisper {versions['faster-whisper']}, {found['measured']}. "
        "Seconds of sound a second, medians; with random weights both sides decode as many tokens.\n"
    )
    lines = [
        "| model | weights | precision | batch | ours | faster-whisper, batched | ratio | rounds |",
        "|---" * 8 + "|",
        *map(_line, rows),
    ]
    guide = [
        f"- {one['what']}: {one['figure']}"
        for one in found["sections"]["speed"]["checks"]
        if "the guide's" in one["what"]
    ]
    return "\n".join((head, *lines, "", *guide, "", *checks(found, SPEED))) + "\n"


def _line(row: Json) -> str:
    if "skipped" in row:
        cells = (row["model"], "", row["compute_type"], row["batch"], row["skipped"], "", "", "")
    else:
        cells = (
            row["model"], row["weights"], row["compute_type"], row["batch"],
            row["wrong"] or _times(row["ours_speed"]), _times(row["theirs_speed"]),
            "not measured" if row["ratio"] is None else f"{row['ratio']:.2f}", row["rounds"],
        )  # fmt: skip
    return f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |"


def _times(speed: float | None) -> str:
    return told(None if speed is None else f"{speed:.1f}x")
