"""Measures the workshop on a CUDA card: whether a preset fits on 16 GB, and how fast it learns.

    python scripts/gpu_workshop.py [--cap 15.5] [--json docs/measurements/workshop-gpu.json] [--minutes 25]

The exact preset with random weights, for neither memory nor speed depends on their values: peaks at 32 to 256
tokens with transformers' loss and with ours, the memory capped as on a card of 16 GB; tokens a second over
200 steps on lengths as real text has them; a teacher's labels a second and their bytes; students' examples
a second. Each row in a process of its own, written down as soon as it is measured.
Exit codes: 0 measured, 1 a row failed, 2 usage, 4 no card.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from acceptance.bench import child_environ
from acceptance.children import ask
from gpu_acceptance import about
from workshop_gpu.report import tables
from workshop_gpu.values import Errand, errands

from bili2text.files import write_whole
from bili2text.gpu.probe import probe

RESULTS = Path(__file__).parents[1] / "docs" / "measurements" / "workshop-gpu.json"
CAP_GIB = 15.5  # what a card of 16 GB has free
_NO_CARD = 4


def main(arguments: list[str] | None = None) -> int:
    """Measure every row, and print the tables."""
    options = _options(arguments)
    cards = probe(os.environ)
    if not cards.devices:
        print(f"no card to measure: {cards.reason}", file=sys.stderr)
        return _NO_CARD
    facts = {**about(max(cards.devices, key=lambda card: card.free_mib)), "cap_gib": options.cap}
    return measured(errands(options.cap), facts, options.json, 60 * options.minutes)


def measured(rows: Sequence[Errand], facts: Mapping[str, Any], path: Path, seconds: float) -> int:
    """Measure rows one after the other within so many seconds, write them to `path`, and print the tables.

    Returns 1 if a row failed, which says so in its place, or was not reached; otherwise 0.
    """
    end = time.monotonic() + seconds
    found: dict[str, Any] = {**facts, "rows": []}
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="gpu-workshop-") as folder:
        environ = child_environ(os.environ, Path(folder))
        for row in rows:
            told = _row(row, environ, end - time.monotonic())
            wrong += "failed" in told
            found["rows"].append(told)
            write_whole(path, json.dumps(found, indent=1) + "\n", overwrite=True)
            print(told.get("failed") or f"{row.kind} {row.name}: measured", file=sys.stderr)
    print(tables(found), end="")
    return 1 if wrong else 0


def _row(row: Errand, environ: Mapping[str, str], seconds: float) -> dict[str, Any]:
    asked = {
        "kind": row.kind, "name": row.name, "tokens": row.tokens, "stock": row.stock, "likely": row.likely,
        "mean": row.mean,
    }  # fmt: skip
    if seconds <= 0:
        return {**asked, "failed": f"{row.kind} {row.name}: no time was left"}
    ended = ask("workshop_gpu.child", row.text(), environ, seconds)
    if ended.wrong or not ended.said:
        return {**asked, "failed": f"{row.kind} {row.name}: {ended.wrong or ended.how}"}
    return {**asked, **ended.said}


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cap", type=float, default=CAP_GIB, help="GiB of the card that may be used")
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--minutes", type=float, default=25.0)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
