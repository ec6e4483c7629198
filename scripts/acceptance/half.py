"""Section `half`: half precision against float32 on real weights: memory, agreement, speed."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import translation_precision

from acceptance.bench import Bench, remaining
from acceptance.children import command
from acceptance.values import Check, Deadline, Found, Json, Row

PRECISIONS = ("float32", "bfloat16", "float16", "mixed")
_HALVES = ("bfloat16", "float16")
_QUALITY = 0.95  # of float32's chrF that half precision shall keep
_SAVED = 0.40  # of float32's weights that it shall save


def half(
    bench: Bench,
    deadline: Deadline,
    lines: int = 40,
    device: str = "cuda",
    precisions: Sequence[str] = PRECISIONS,
) -> Iterator[Found]:
    """Run scripts/translation_precision.py on each real translator that was given, as far as time goes."""
    real = [one for one in bench.translators.plain() if one.real] if bench.translators.given else []
    if not real or bench.translators.pairs is None:
        yield Check("half precision keeps the quality", None, "not measured: pass --translators and --pairs")
        return
    for number, given in enumerate(real):
        deadline.check()
        options = ["--lines", str(lines), "--device", device, "--precisions", ",".join(precisions)]
        words = [str(given.model.path), str(bench.translators.pairs), *options]
        rows, wrong = _compared(bench, words, remaining(deadline, len(real) - number))
        for row in rows:
            # the replies are for those who measure; here they would only be long
            yield Row({"model": given.model.name, **{name: row[name] for name in row if name != "replies"}})
        yield from judged(given.model.name, rows, wrong)


def judged(name: str, rows: Sequence[Json], wrong: str = "") -> Iterator[Check]:
    """Yield whether half precision is as good as float32 and takes as little as it should."""
    found = {row["precision"]: row for row in rows}
    full = found.get("float32")
    for one in _HALVES:
        mine = found.get(one)
        if full is None or mine is None:
            yield Check(f"{name}: {one} keeps the quality", None, wrong or "not measured")
            continue
        kept = mine["chrf"] / full["chrf"] if full["chrf"] else 0.0
        yield Check(f"{name}: {one} keeps {_QUALITY:.0%} of float32's chrF", kept >= _QUALITY, f"{kept:.1%}")
        saved = 1 - mine["weights_mib"] / full["weights_mib"]
        yield Check(f"{name}: {one} saves {_SAVED:.0%} of the weights", saved >= _SAVED, f"{saved:.1%}")


def _compared(bench: Bench, options: list[str], seconds: float) -> tuple[list[Json], str]:
    """Return the script's rows, and what went wrong, or ""."""
    with tempfile.TemporaryDirectory(prefix="half-") as folder:
        target = Path(folder, "found.json")
        words = [translation_precision.__file__, *options, "--json", str(target)]
        _, wrong = command(words, bench.environ, max(5.0, seconds))
        if not target.is_file():
            return [], wrong or "it wrote nothing"
        rows: list[Json] = json.loads(target.read_text(encoding="utf-8"))["results"]
        return rows, ""
