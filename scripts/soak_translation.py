"""What becomes of translations whose runs are killed at random lines: each has to be that of a run without.

    python scripts/soak_translation.py MODEL LINES [--source zh] [--target en] [--kills 50] [--batch 8]
        [--json FILE]

MODEL is a folder in CTranslate2's format, best in int8: its replies depend on their batches, so a run that
went on with other batches would be seen. LINES is a text file with a sentence on each line. Linux and macOS.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bili2text.errors import Bili2TextError
from bili2text.jobs.journal import NAME, Journal
from bili2text.progress import Silent
from bili2text.remote.plain import plain
from bili2text.translate.manner import Manner
from bili2text.translate.records import Pin, header
from bili2text.translate.values import Direction, Piece, Sentence, Task
from bili2text.translate.work import translate
from bili2text.translators.ct2 import Ct2Translator
from bili2text.translators.engine import Load

MEASURED = Path(__file__).resolve().parent.parent / "docs" / "measurements" / "translation_soak.json"
_LATE = 0.5  # seconds after the line that a kill waited for, at most
_LOOK = 0.02  # seconds between two looks at the journal


@dataclass(frozen=True, slots=True)
class Asked:
    """What is translated, and how."""

    model: Path
    lines: Path
    source: str
    target: str
    batch: int
    threads: int
    thinks: bool  # the model does, unless it is told not to

    def command(self, folder: Path) -> list[str]:
        """Return the command that does the job in a folder."""
        words = [sys.executable, __file__, str(self.model), str(self.lines), "--work", str(folder)]
        for name in ("source", "target", "batch", "threads"):
            words += [f"--{name}", str(getattr(self, name))]
        return [*words, *(["--thinks"] if self.thinks else [])]


class Kept:
    """The one translator of this process: what it cannot do is not helped."""

    def __init__(self, asked: Asked) -> None:
        load = Load(asked.model, "ctranslate2", "cpu", batch_size=asked.batch, threads=asked.threads)
        self.translator = Ct2Translator(load)
        digest = str((asked.model / "model.bin").stat().st_size)
        precision = self.translator.precision
        self.pin = Pin(asked.model.name, digest, "ctranslate2", precision, asked.batch, "cpu", "CPU")

    def begin(self, pin: Pin | None) -> tuple[str, ...]:  # noqa: ARG002 - the protocol's names
        """Say nothing: it is loaded."""
        return ()

    def smaller(self, error: Bili2TextError) -> None:
        """Give up."""
        raise error

    def step_down(self, error: Bili2TextError) -> None:
        """Give up."""
        raise error

    def revive(self, error: Bili2TextError, group: int) -> bool:  # noqa: ARG002 - the protocol's names
        """Give up."""
        return False


def work(asked: Asked, folder: Path) -> None:
    """Do the job, or go on with it, and write what was said beside its journal."""
    manner = Manner(Direction(asked.source, asked.target), "qwen3" if asked.thinks else "qwen")
    with Journal.open(folder, header()) as journal:
        found = translate(tasks(asked.lines), manner, Kept(asked), journal, Silent())
    (folder / "said.json").write_text(json.dumps(plain(found.said)))


def tasks(path: Path) -> tuple[Task, ...]:
    """Return the sentences of a file, each with the two before it."""
    texts = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return tuple(
        Task(Sentence(number, text, (Piece(number, text, 1.0),)), tuple(texts[max(0, number - 2) : number]))
        for number, text in enumerate(texts)
    )


def soak(asked: Asked, place: Path, kills: int, seed: int) -> dict[str, Any]:
    """Kill runs until that many were hit, and return what was seen."""
    began = time.monotonic()
    subprocess.run(asked.command(place / "whole"), check=True)
    alone = time.monotonic() - began
    whole, most = (place / "whole" / "said.json").read_text(), _records(place / "whole")
    chance = random.Random(seed)  # noqa: S311 - moments, no secrets
    seen, job = Counter[str](), 0
    while seen["kills"] < kills:
        folder = place / str(job)
        before = _records(folder)
        process = subprocess.Popen(asked.command(folder))
        line = chance.randint(before, max(before, most) + 1)  # the one after the last: it may end by itself
        code = _killed_at(process, folder, line, chance)
        seen["kills"] += code == -signal.SIGKILL
        seen["kills that found work done"] += code == -signal.SIGKILL and _records(folder) > before
        if seen["kills"] == kills and code:
            code = subprocess.run(asked.command(folder), check=False).returncode
        if code == 0:
            seen["jobs"] += 1
            seen["different"] += (folder / "said.json").read_text() != whole
            job += 1
        elif code != -signal.SIGKILL:
            seen["failed"] += 1
            job += 1
    said = json.loads(whole)
    return {
        "measured": time.strftime("%Y-%m-%d"),
        "machine": platform.machine(),
        "model": asked.model.name,
        "batch": asked.batch,
        "sentences": len(said),
        "repaired": Counter(one["repair"] for one in said if one["repair"]),
        "needs review": sum(bool(one["faults"]) for one in said),
        "seconds of a run without": round(alone, 1),
        **{
            name: seen[name]
            for name in ("kills", "kills that found work done", "jobs", "different", "failed")
        },
    }


def main(words: Sequence[str] | None = None) -> int:
    """Kill, print what was seen, and return 0 when no result was different and no run failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("lines", type=Path)
    parser.add_argument("--source", default="zh")
    parser.add_argument("--target", default="en")
    for name, value in (("batch", 8), ("threads", 2), ("kills", 50), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--thinks", action="store_true", help="for a Qwen3 that thinks unless told not to")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    found = parser.parse_args(words)
    way = found.source, found.target
    asked = Asked(found.model, found.lines, *way, found.batch, found.threads, found.thinks)
    if found.work:
        work(asked, found.work)
        return 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        seen = soak(asked, Path(place), found.kills, found.seed)
    print(json.dumps(seen, indent=1, ensure_ascii=False))
    if found.json:
        found.json.write_text(json.dumps(seen, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if seen["different"] or seen["failed"] else 0


def killed_table() -> str:
    """Return what was seen, for docs/translation.md."""
    found = json.loads(MEASURED.read_text(encoding="utf-8"))
    lines = [
        "| kills | of these, runs that had written lines | jobs | different | failed |",
        "|---" * 5 + "|",
    ]
    names = ("kills", "kills that found work done", "jobs", "different", "failed")
    lines.append(f"| {' | '.join(str(found[name]) for name in names)} |")
    return "\n".join([*lines, "", f"{found['sentences']} sentences, batch {found['batch']}.", ""])


def _killed_at(process: subprocess.Popen[bytes], folder: Path, records: int, chance: random.Random) -> int:
    """Kill a run soon after its journal has so many records, unless it ends by itself; return its code."""
    while process.poll() is None and _records(folder) < records:
        time.sleep(_LOOK)
    try:
        return process.wait(chance.random() * _LATE)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _records(folder: Path) -> int:
    path = folder / NAME
    return path.read_bytes().count(b"\n") if path.exists() else 0


if __name__ == "__main__":
    sys.exit(main())
