"""Write docs/measurements/memory.csv from the formula, and give the tables of docs/memory.md.

    python scripts/footprints.py [--check]

memory.csv has a line for each model, precision, batch, beam and number of samples, on a card with 60
multiprocessors, in whole MiB: weights, padding (the second output layer), context (CUDA, kernels, cuBLAS),
encoder, decoder, again (one window decoded again), and peak, which is the first three and the largest of the
rest. With --check nothing is written, and a file that is out of date is an error.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bili2text.models.catalog import CARDS, Dims, card_named
from bili2text.plan import stages
from bili2text.plan.footprint import Setting, on_card, on_cpu

MEASUREMENTS = Path(__file__).resolve().parent.parent / "docs" / "measurements"
_CSV = MEASUREMENTS / "memory.csv"
_SMS = 60
_PRECISIONS = ("float32", "float16", "bfloat16", "int8_float16", "int8_bfloat16", "int8_float32")
_BATCHES, _BEAMS, _SAMPLES = (1, 2, 4, 8, 16, 32), (1, 5), (1, 5)
_PARTS = ("weights", "padding", "context", "encoder", "decoder", "again", "peak")
_STAGES = ("load", "encoder", "decoder", "again", "words")
_MIB = 2**20
_MARKS = 4  # tokens before the text: it begins, in a language, as a task; and that text was told

# Tokens in a decoder when the published figures were taken, told and said: chosen to fit, see docs/memory.md.
_ALONE, _BATCHED = 200, 100


@dataclass(frozen=True, slots=True)
class Case:
    """A published figure, in MiB, and the formula's."""

    source: str
    card: str
    setting: str
    published: int
    computed: float

    @property
    def error(self) -> float:
        """By what part of the published figure the formula is over it, or under."""
        return self.computed / self.published - 1


def main() -> int:
    """Return 0, or 1 when --check finds the file out of date."""
    wanted = table()
    if "--check" not in sys.argv[1:]:
        _CSV.write_text(wanted, encoding="utf-8")
        return 0
    if _CSV.exists() and _CSV.read_text(encoding="utf-8") == wanted:
        return 0
    print("docs/measurements/memory.csv is out of date: run scripts/footprints.py", file=sys.stderr)
    return 1


def table() -> str:
    """Return memory.csv."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("model", "compute_type", "batch_size", "beam_size", "best_of", *_PARTS))
    settings = [Setting(*one) for one in itertools.product(_PRECISIONS, _BATCHES, _BEAMS, _SAMPLES)]
    for card, one in itertools.product(CARDS, settings):
        taken = on_card(card.dims, one, _SMS)
        parts = (round(getattr(taken, part)) for part in _PARTS)
        rows.writerow((card.name, one.compute_type, one.batch_size, one.beam_size, one.best_of, *parts))
    return text.getvalue()


def published() -> Iterator[Case]:
    """Yield the published figures, each with what the formula says of faster-whisper as it was then."""
    for one in _measured("published.json")["cases"]:
        card = card_named(one["model"])
        if card is None:
            raise KeyError(one["model"])
        setting = Setting(one["compute_type"], one["batch_size"], one["beam_size"])
        how = f"batch {one['batch_size']}" if one["batch_size"] > 1 else "one by one"
        name = f"{one['model']} {one['compute_type']}, {how}, beam {one['beam_size']}"
        yield Case(one["source"], one["card"], name, one["mib"], _then(card.dims, setting, one["sms"]))


def _then(dims: Dims, setting: Setting, sms: int) -> float:
    """Return the peak, in MiB, of faster-whisper on the CTranslate2 of that time, before 4.7.

    The scores of the encoder were there twice (#2066), int8 was not padded (#1982). faster-whisper decodes a
    window again from five samples when it goes one by one, and never in a batch.
    """
    number = 2
    frame_vectors = stages.FRAMES * dims.width * number
    scores = dims.heads * stages.FRAMES**2 * number
    encoder = setting.batch_size * (stages.encoding(dims, number) + scores - frame_vectors)
    tokens = _ALONE if setting.batch_size == 1 else _BATCHED
    rows = setting.batch_size * setting.beam_size
    decoder = stages.decoding(dims, setting.batch_size, rows, number, tokens)
    parts = [encoder, decoder + setting.batch_size * frame_vectors]
    if setting.batch_size == 1:
        parts.append(stages.sampling(dims, setting.best_of, number, tokens))
    now = on_card(dims, setting, sms)
    padding = 0.0 if setting.compute_type.startswith("int8") else now.padding
    return now.weights + padding + now.context + max(parts) / _MIB


def median_error() -> float:
    """Return the median of the errors' sizes: 0.05 is 5 %."""
    return statistics.median(abs(case.error) for case in published())


def published_table() -> str:
    """Return the comparison with published figures, as the table in docs/memory.md."""
    lines = ["| published by | card | setting | MiB | formula | error |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {case.source} | {case.card} | {case.setting} | {case.published} | {case.computed:.0f} "
        f"| {100 * case.error:+.1f} % |"
        for case in published()
    ]
    return "\n".join(lines) + f"\n\nMedian size of the error: {100 * median_error():.1f} %.\n"


def cpu_table() -> str:
    """Return what a CPU was measured to take, and the formula's bound, as the table in docs/memory.md."""
    measured = _measured("cpu_memory.json")
    head = (
        f"{measured['machine']}, {measured['cores']} cores, CTranslate2 {measured['versions']['ctranslate2']}"
    )
    lines = [f"Peak MiB on {head}, {measured['measured']}:", ""]
    lines += [
        f"| model | precision | batch | told | {' | '.join(_STAGES)} | formula | over |",
        "|---" * 11 + "|",
    ]
    lines += [_cpu_line(one) for one in measured["runs"]]
    return "\n".join(lines) + "\n"


def _cpu_line(run: dict[str, Any]) -> str:
    peaks = [run["stages"][stage]["peak_mib"] for stage in _STAGES]
    bound = cpu_bound(run)
    shown = " | ".join(f"{peak:.0f}" for peak in peaks)
    over = 100 * (bound / max(peaks) - 1)
    how = f"{run['model']} | {run['compute_type']} | {run['batch']} | {run['told']}"
    return f"| {how} | {shown} | {bound:.0f} | {over:+.0f} % |"


def cpu_bound(run: dict[str, Any]) -> float:
    """Return the formula's peak, in MiB, of a run of cpu_memory.json, with as many tokens as it decoded."""
    card = card_named(run["model"])
    if card is None:
        raise KeyError(run["model"])
    setting = Setting(run["compute_type"], run["batch"], word_timestamps=True)
    tokens = int(run["stages"]["decoder"]["tokens"]) + run["told"] + _MARKS
    return on_cpu(card.dims, setting, tokens).peak


def _measured(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((MEASUREMENTS / name).read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    sys.exit(main())
