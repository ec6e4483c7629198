"""How good translations are, how many needed which repair, and what they cost: on sentences with references.

    python scripts/translation_quality.py MODEL... --pairs FILE.tsv [--to en] [--json FILE]
    python scripts/translation_quality.py MODEL... --pairs hsk --reverse --to zh
    python scripts/translation_quality.py MODEL... --sources dev.zh --references dev.en --to en

A MODEL is a folder for transformers or CTranslate2. One after the other translates the same sentences as a
file's are: planned, loaded in a process of its own, checked, repaired, journaled, every option at its default
but --threads. The sentences are a sample and have nothing to do with each other, so none is told with those
before it, unless --context says so. --json adds the results to what the file has. Tokens, seconds and memory
are those of the translator's process; a second of CPU is one core's, and steadier than a second where other
programs use the cores, too. Needs the extra `dev`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from accuracy import processor
from parallel_text import Pair, add_options, asked_for

from bili2text.errors import Bili2TextError, OutOfMemory
from bili2text.jobs.journal import Journal
from bili2text.progress import Silent
from bili2text.settings import environment
from bili2text.translate.context import tasks
from bili2text.translate.manner import Manner
from bili2text.translate.records import Pin, header
from bili2text.translate.told import Translated
from bili2text.translate.values import Direction, Piece, Sentence
from bili2text.translate.work import translate
from bili2text.translation_request import TranslationRequest
from bili2text.translator_loading import TranslatorLoader
from bili2text.translators.engine import GREEDY, Decoding, Prompt, Reply, Translator
from bili2text.translators.values import TranslatorWishes

MEASURED = Path(__file__).resolve().parent.parent / "docs" / "measurements" / "translation.json"
Row = dict[str, Any]


@dataclass(slots=True)
class Counted:
    """A translator that counts what it is asked and says."""

    inner: Translator
    precision: str
    tokens: int = 0
    replies: int = 0

    def generate(
        self,
        prompts: tuple[Prompt, ...],
        decoding: Decoding = GREEDY,
        told: Callable[[int, Reply], None] | None = None,
    ) -> tuple[Reply, ...]:
        """Return what the translator says."""
        replies = self.inner.generate(prompts, decoding, told)
        self.tokens += sum(reply.tokens for reply in replies)
        self.replies += len(replies)
        return replies

    def close(self) -> None:
        """Close the translator."""
        self.inner.close()


class Counting:
    """The real holder of a run, its translator counted. One that fails is not replaced."""

    def __init__(self, loader: TranslatorLoader) -> None:
        loader.begin(None)
        self._loader = loader
        self.translator = Counted(loader.translator, loader.translator.precision)
        self.engine = psutil.Process(loader.translator.pid)

    @property
    def pin(self) -> Pin:
        """The loader's."""
        return self._loader.pin

    def begin(self, pin: Pin | None) -> tuple[str, ...]:  # noqa: ARG002 - the protocol's names
        """Say nothing: it is loaded."""
        return ()

    def smaller(self, error: OutOfMemory) -> None:
        """Give up."""
        raise error

    def step_down(self, error: Bili2TextError) -> None:
        """Give up."""
        raise error

    def revive(self, error: Bili2TextError, group: int) -> bool:  # noqa: ARG002 - the protocol's names
        """Give up."""
        return False


def main() -> int:
    """Measure each model, print the figures, and add them to a file where asked."""
    options = _options()
    name, pairs = asked_for(options)
    rows = []
    for model in options.models:
        row, found = measured(model, pairs, options)
        rows.append({"set": name, **row})
        print(json.dumps(rows[-1], ensure_ascii=False, indent=1), flush=True)
        if options.lines:
            write_lines(options.lines, pairs, found)
    if options.json:
        add(options.json, rows)
    return 0


def measured(model: Path, pairs: Sequence[Pair], options: argparse.Namespace) -> tuple[Row, Translated]:
    """Return what a model did with the sentences, and its translations."""
    sentences = [
        Sentence(number, pair.source, (Piece(number, pair.source, 1.0),)) for number, pair in enumerate(pairs)
    ]
    direction = Direction("en" if options.to.startswith("zh") else "zh", options.to)
    wishes = TranslatorWishes(
        model_path=model,
        device=options.device,
        precision=options.precision,
        threads=options.threads,
        batch_size=options.batch_size,
    )
    loader = TranslatorLoader(TranslationRequest(options.to, wishes=wishes), Silent(), environment())
    try:
        holder = Counting(loader)
        manner = Manner(direction, loader.profile, Decoding(beam_size=options.beam_size))
        asked = tasks(sentences, (), before=options.context)
        began = used(holder.engine)
        with tempfile.TemporaryDirectory() as place, Journal.open(Path(place, "job"), header()) as journal:
            found = translate(asked, manner, holder, journal, Silent(), lambda task, said: None)  # noqa: ARG005
        worked = used(holder.engine) - began
        peak, pin = loader.translator.stats().peak_rss_mib, holder.pin
    finally:
        loader.close()
    row = {
        "direction": f"{direction.source} to {direction.target}",
        "context": options.context,
        "beam": options.beam_size,
        "model": model.name,
        "engine": pin.engine,
        "precision": pin.precision,
        "batch": pin.batch_size,
        "threads": options.threads,
        **scores([said.text for said in found.said], [pair.target for pair in pairs], options.to),
        **repairs(found),
        "replies": holder.translator.replies,
        "tokens": holder.translator.tokens,
        "tokens_per_second": round(holder.translator.tokens / found.work, 1),
        "tokens_per_cpu_second": round(holder.translator.tokens / worked, 1),
        "peak_mib": peak,
        "seconds": round(found.work, 1),
        "cpu_seconds": round(worked, 1),
        "measured": time.strftime("%Y-%m-%d"),
        "machine": processor(),
    }
    return row, found


def used(process: psutil.Process) -> float:
    """Return the seconds of CPU that a process took."""
    times = process.cpu_times()
    return float(times.user + times.system)


def scores(said: list[str], references: list[str], target: str) -> Row:
    """Return chrF and BLEU, with the signatures by which sacrebleu computes them again."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    row: Row = {}
    bleu = BLEU(tokenize="zh" if target.startswith("zh") else "13a", force=True)
    for name, metric in (("chrf", CHRF()), ("bleu", bleu)):
        row[name] = round(metric.corpus_score(said, [references]).score, 2)
        row[f"{name}_signature"] = str(metric.get_signature())
    return row


def repairs(found: Translated) -> Row:
    """Return how many sentences were good at once, or by which repair, and what is wrong with the others."""
    good = [one for one in found.said if not one.needs_review]
    return {
        "sentences": len(found.said),
        "good_at_once": sum(not one.repair for one in good),
        "repaired": dict(Counter(one.repair for one in good if one.repair)),
        "needs_review": len(found.failed),
        "faults": dict(Counter(fault for one in found.failed for fault in one.faults)),
        "missing": sum(not one.text for one in found.said),
    }


def write_lines(path: Path, pairs: Sequence[Pair], found: Translated) -> None:
    """Write each sentence, its translation, its reference, and what was the matter with it."""
    with path.open("a", encoding="utf-8") as file:
        for pair, said in zip(pairs, found.said, strict=True):
            cells = (pair.source, said.text, pair.target, said.repair, ",".join(said.faults))
            file.write("\t".join(cells) + "\n")


def add(path: Path, rows: Sequence[Row]) -> None:
    """Add rows to those of a file; one that was measured before is replaced."""
    names = ("set", "direction", "context", "beam", "model", "engine", "precision", "sentences")
    old = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    known = {tuple(row[name] for name in names): row for row in (*old, *rows)}
    path.write_text(
        json.dumps({"runs": list(known.values())}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )


def quality_table() -> str:
    """Return the table of what was measured, for docs/translation.md."""
    found = json.loads(MEASURED.read_text(encoding="utf-8"))["runs"]
    heads = ["sentences", "model", "chrF", "BLEU", "good at once", "repaired", "for review"]
    heads += ["tokens / CPU s", "peak MiB"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in found:
        named = f"{row['sentences']} of {row['set']}, {row['direction']}"
        beam = f", beam {row['beam']}" * (row["beam"] > 1)
        told = f", {row['context']} told before" * bool(row["context"])
        cells = (
            named,
            f"{row['engine']} {row['precision']}, batch {row['batch']}{beam}{told}",
            f"{row['chrf']:.1f}",
            f"{row['bleu']:.1f}",
            f"{row['good_at_once'] / row['sentences']:.1%}".replace("%", " %"),
            _named(row["repaired"]),
            _named(row["faults"]),
            row["tokens_per_cpu_second"],
            row["peak_mib"],
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    signatures = {row[name] for row in found for name in ("chrf_signature", "bleu_signature")}
    days = ", ".join(sorted({f"{row['machine']}, {row['measured']}" for row in found}))
    return "\n".join([*lines, "", f"{days}; {'; '.join(sorted(signatures))}.", ""])


def _named(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    add_options(parser)
    parser.add_argument("--to", default="en", choices=("en", "zh", "zh-Hant"))
    parser.add_argument("--context", type=int, default=0)
    parser.add_argument("--beam-size", type=int, default=1)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--lines", type=Path, help="add each translation to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
