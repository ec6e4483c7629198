"""What a precision costs and gives in translation: memory, speed, and how far its replies are from float32's.

    python scripts/translation_precision.py MODEL PAIRS.tsv [--precisions float32,bfloat16,float16,mixed]
        [--device cpu] [--threads 2] [--batch 8] [--lines 40] [--into English] [--json FILE]

MODEL is a folder for transformers; each line of PAIRS.tsv is a source, a tab, and its translation; `hsk` in
its place is a sample of the package hsk-sentences-audio. Each precision has a process of its own, and the
first one is what the others are compared with. Memory is the weights, and the peak: of the process on the
CPU, of torch's allocator on a card. Speed is that of greedy decoding, after one batch that does not count.
Needs the extra `qwen`, and sacrebleu.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from parallel_text import asked_for

from bili2text.errors import Bili2TextError
from bili2text.remote.stats import peak_rss_mib
from bili2text.translators.engine import Load, Message, Prompt

MEASURED = Path(__file__).resolve().parent.parent / "docs" / "measurements" / "translation_precision.json"
# What a smaller precision must keep of float32's chrF, and save of its memory, to be accepted
LEAST_QUALITY, LEAST_SAVED = 0.95, 0.4
_MIB = 1 << 20
_MOST = 128  # tokens of a reply


@dataclass(frozen=True, slots=True)
class Measured:
    """What one precision did."""

    precision: str
    load_seconds: float
    weights_mib: float
    peak_mib: float
    tokens_per_second: float
    tokens_per_cpu_second: float  # of one core; steadier where other work shares the cores
    replies: tuple[str, ...]


def main() -> int:
    """Measure each precision, print a table, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("pairs")
    parser.add_argument("--precisions", default="float32,bfloat16,float16,mixed")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--lines", type=int, default=40)
    parser.add_argument("--into", default="English")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(asdict(measured(options, options.child))))
        return 0
    references = [target for _, target in pairs(options)]
    found = [one for name in options.precisions.split(",") if (one := apart(name)) is not None]
    rows = [compared(one, found[0], references) for one in found]
    print(table(rows))
    if options.json:
        about = {
            "measured": time.strftime("%Y-%m-%d"),
            "machine": machine(options.device),
            "device": options.device,
            "threads": options.threads,
            "batch": options.batch,
            "lines": len(references),
        }
        options.json.write_text(json.dumps({**about, "results": rows}, ensure_ascii=False, indent=1) + "\n")
    return 0


def pairs(options: argparse.Namespace) -> list[tuple[str, str]]:
    """Return a sample of the lines that have a source and a translation: the same for every precision."""
    wanted = argparse.Namespace(pairs=options.pairs, reverse=False, count=options.lines, seed=1)
    return [(pair.source, pair.target) for pair in asked_for(wanted)[1]]


def apart(precision: str) -> Measured | None:
    """Measure one precision in a process of its own; None, said on standard error, where it fails."""
    command = [sys.executable, __file__, *sys.argv[1:], "--child", precision]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode:
        print(f"{precision}: failed", file=sys.stderr)
        return None
    told = json.loads(ended.stdout.splitlines()[-1])
    return Measured(**{**told, "replies": tuple(told["replies"])})


def measured(options: argparse.Namespace, precision: str) -> Measured:
    """Load the model in a precision, translate the lines, and return what that took."""
    from bili2text.translators.hf import HfTranslator

    prompts = tuple(asked(source, options.into) for source, _ in pairs(options))
    began = time.monotonic()
    try:
        translator = HfTranslator(
            Load(
                options.model,
                "transformers",
                options.device,
                precision=precision,
                batch_size=options.batch,
                threads=options.threads,
            )
        )
        loaded = time.monotonic() - began
        translator.generate(prompts[: options.batch])
        began, worked = time.monotonic(), time.process_time()
        replies = translator.generate(prompts)
    except Bili2TextError as error:
        sys.exit(f"{precision}: {error.message}")
    seconds, worked = time.monotonic() - began, time.process_time() - worked
    tokens = sum(reply.tokens for reply in replies)
    return Measured(
        translator.precision,
        round(loaded, 1),
        round(translator.weight_bytes() / _MIB),
        peak_mib(options.device),
        round(tokens / seconds, 1),
        round(tokens / worked, 1),
        tuple(reply.text for reply in replies),
    )


def asked(source: str, into: str) -> Prompt:
    """Return a plain prompt: what is compared is the arithmetic, not the wording."""
    system = f"You are a translator. Translate into {into}. Reply with the translation alone."
    return Prompt((Message("system", system), Message("user", source)), _MOST)


def peak_mib(device: str) -> int:
    """Return the most memory held: on the card by torch, or by this process; 0 where nobody tells."""
    if device == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated()) // _MIB
    return peak_rss_mib() or 0


def compared(one: Measured, first: Measured, references: list[str]) -> dict[str, Any]:
    """Return the figures of a precision, with how far its replies are from the first's."""
    from sacrebleu.metrics.chrf import CHRF

    equal = sum(mine == other for mine, other in zip(one.replies, first.replies, strict=True))
    return {
        **asdict(one),
        "equal": round(equal / len(first.replies), 3),
        "chrf_to_first": round(CHRF().corpus_score(list(one.replies), [list(first.replies)]).score, 1),
        "chrf": round(CHRF().corpus_score(list(one.replies), [references]).score, 1),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Return the figures as a table of Markdown."""
    first = rows[0]["precision"] if rows else "first"
    columns = {
        "precision": "precision",
        "load_seconds": "load s",
        "weights_mib": "weights MiB",
        "peak_mib": "peak MiB",
        "tokens_per_second": "tokens/s",
        "tokens_per_cpu_second": "tokens/CPU s",
        "equal": f"same as {first}",
        "chrf_to_first": f"chrF to {first}",
        "chrf": "chrF",
    }
    lines = [list(columns.values()), ["---"] * len(columns)]
    lines += [[str(row[key]) for key in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def precision_table() -> str:
    """Return the table of what was measured, with the verdict on each, for docs/translation.md."""
    found = json.loads(MEASURED.read_text(encoding="utf-8"))
    rows, first = found["results"], found["results"][0]
    lines = [table(rows), ""]
    for row in rows[1:]:
        kept, less = row["chrf"] / first["chrf"], 1 - row["weights_mib"] / first["weights_mib"]
        peak = 1 - row["peak_mib"] / first["peak_mib"]
        good = "accepted" if kept > LEAST_QUALITY and min(less, peak) >= LEAST_SAVED else "not accepted"
        lines.append(
            f"- {row['precision']}: {100 * kept:.1f} % of the quality, weights {100 * less:.0f} % smaller, "
            f"peak {100 * peak:.0f} % smaller: {good}."
        )
    about = f"{found['lines']} lines, batch {found['batch']}, threads: {found['threads']}, {found['device']}"
    return "\n".join([*lines, "", f"{about}; {found['machine']}, {found['measured']}.", ""])


def machine(device: str) -> str:
    """Return what computed: the card's name, or the processor's."""
    if device == "cuda":
        import torch

        return str(torch.cuda.get_device_name())
    from accuracy import processor

    return processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
