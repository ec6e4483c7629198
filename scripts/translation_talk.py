"""Whether every line of real transcripts has its translation, with its time: what came of them, counted.

    python scripts/translation_talk.py MODEL TRANSCRIPT.json... [--threads 2] [--json FILE]

A TRANSCRIPT is what `bili2text audio` wrote; Chinese is translated into English, all else into Chinese, as
`bili2text translate` does it. Nothing is kept but the counts.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from accuracy import processor

from bili2text.captions.read import read
from bili2text.progress import Silent
from bili2text.settings import environment
from bili2text.translating import Translating
from bili2text.translation_request import Translation, TranslationOutput, TranslationRequest
from bili2text.translators.values import TranslatorWishes

MEASURED = Path(__file__).resolve().parent.parent / "docs" / "measurements" / "translation_talk.json"


def main() -> int:
    """Measure each transcript, print what came of it, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("transcripts", nargs="+", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = [counted(options.model, path, options.threads) for path in options.transcripts]
    text = json.dumps(
        {"measured": time.strftime("%Y-%m-%d"), "machine": processor(), "files": rows}, indent=1
    )
    print(text)
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")
    return 1 if any(row["lines_without"] or row["times_changed"] for row in rows) else 0


def counted(model: Path, path: Path, threads: int) -> dict[str, Any]:
    """Return what came of one transcript."""
    captions = read(path)
    target = "en" if captions.language == "zh" else "zh"
    with tempfile.TemporaryDirectory() as place:
        request = TranslationRequest(
            target,
            wishes=TranslatorWishes(model_path=model, threads=threads),
            output=TranslationOutput(folder=place, formats="json"),
            resident=False,
            fresh=True,
        )
        translating = Translating(request, Silent(), environment())
        try:
            found = translating.file(path)
        finally:
            translating.close()
        if not isinstance(found, Translation):
            raise SystemExit(f"{path.name}: {found.why}")
        written = json.loads(found.paths[0].read_text(encoding="utf-8"))["lines"]
    before = [(line.start, line.end) for line in captions.lines]
    return {
        "file": path.stem,
        "direction": f"{found.source} to {found.target}",
        "model": model.name,
        "precision": found.details["precision"],
        "lines": found.lines,
        "lines_written": len(written),
        "lines_without": sum(not line["target"] for line in written),
        "times_changed": sum(
            (line["start"], line["end"]) != times for line, times in zip(written, before, strict=True)
        ),
        "lines_for_review": sum(bool(line["review"]) for line in written),
        "sentences": found.sentences,
        "sentences_for_review": found.review,
        "missing": found.missing,
        "repaired": dict(found.repaired),
        "seconds": round(found.seconds, 1),
    }


def talk_table() -> str:
    """Return the table of what was measured, for docs/translation.md."""
    found = json.loads(MEASURED.read_text(encoding="utf-8"))
    lines = [
        "| transcript | lines | without a translation | time changed | sentences | repaired | for review |"
    ]
    lines.append("|---" * 7 + "|")
    for row in found["files"]:
        mended = ", ".join(f"{count} {repair}" for repair, count in sorted(row["repaired"].items())) or "none"
        cells = (
            f"{row['file']}, {row['direction']}",
            row["lines"],
            row["lines_without"],
            row["times_changed"],
            row["sentences"],
            mended,
            row["sentences_for_review"],
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
