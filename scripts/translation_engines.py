"""What engines make of prompts as ours are: speed and memory by batch, with what prompts share kept or not.

    python scripts/translation_engines.py MODEL... --pairs hsk [--count 32] [--batches 1,8,32] [--terms 20]
        [--threads 2] [--json FILE]

A MODEL is a folder for transformers or CTranslate2. With CTranslate2 each batch size is measured twice: with
the beginning that all prompts of a batch share computed once (`static_prompt`), and with every prompt whole.
--terms puts so many terms of a glossary into the system's turn, so that what is shared is long. Each way has
a process of its own; one batch before the measurement does not count. A second of CPU is one core's, and
steadier than a second where other programs use the cores, too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accuracy import processor
from parallel_text import Pair, add_options, asked_for

from bili2text.remote.stats import peak_rss_mib
from bili2text.translate.prompts import prompt
from bili2text.translate.values import Direction, Piece, Sentence, Task
from bili2text.translators.ct2 import Ct2Translator
from bili2text.translators.engine import Load, Message, Prompt, Translator

MEASURED = Path(__file__).resolve().parent.parent / "docs" / "measurements" / "translation_engines.json"


class Whole(Ct2Translator):
    """Computes every prompt from its first token on."""

    def _beginning(self, batch: Sequence[Any], tokens: Sequence[tuple[str, ...]]) -> dict[str, Any]:  # noqa: ARG002
        return {"static_prompt": None, "cache_static_prompt": False}


def main() -> int:
    """Measure each way in a process of its own, print a row each, and write JSON where asked."""
    options = _options()
    if options.child:
        print(json.dumps(measured(options)))
        return 0
    rows = []
    for model in options.models:
        converted = (model / "model.bin").exists()
        for batch in options.batches.split(","):
            for shared in ("once", "each") if converted else ("each",):
                rows.append(apart(model, batch, shared))
                print(json.dumps(rows[-1]), flush=True)
    if options.json:
        add(options.json, rows)
    return 0


def add(path: Path, rows: list[dict[str, Any]]) -> None:
    """Add rows to those of a file."""
    old = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    path.write_text(json.dumps({"runs": [*old, *rows]}, indent=1) + "\n", encoding="utf-8")


def apart(model: Path, batch: str, shared: str) -> dict[str, Any]:
    """Measure one way in a process of its own."""
    words = [*sys.argv[1:], "--child", str(model), "--batches", batch, "--shared", shared]
    ended = subprocess.run([sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Return what one way took."""
    _, pairs = asked_for(options)
    batch = int(options.batches)
    asked = prompts(pairs, options.terms)
    translator = loaded(options.child, batch, options)
    translator.generate(asked[:batch])
    began, worked = time.monotonic(), time.process_time()
    replies = translator.generate(asked)
    seconds, worked = time.monotonic() - began, time.process_time() - worked
    tokens = sum(reply.tokens for reply in replies)
    return {
        "model": options.child.name,
        "converted": (options.child / "model.bin").exists(),
        "precision": translator.precision,
        "batch": batch,
        "shared": options.shared,
        "terms": options.terms,
        "prompts": len(asked),
        "tokens": tokens,
        "tokens_per_second": round(tokens / seconds, 1),
        "tokens_per_cpu_second": round(tokens / worked, 1),
        "cpu_seconds_per_sentence": round(worked / len(asked), 2),
        "peak_mib": peak_rss_mib(),
        "threads": options.threads,
        "measured": time.strftime("%Y-%m-%d"),
        "machine": processor(),
    }


def prompts(pairs: Sequence[Pair], terms: int) -> tuple[Prompt, ...]:
    """Return what is asked for the sentences, in our words, with a glossary before all of them."""
    glossary = "".join(f"\n- 术语{number}号 = term number {number}" for number in range(terms))
    found = []
    for number, pair in enumerate(pairs):
        sentence = Sentence(number, pair.source, (Piece(number, pair.source, 1.0),))
        one = prompt(Task(sentence), Direction("zh", "en"), "qwen")
        system = Message("system", f"{one.messages[0].text}\nWrite these terms so:{glossary}" * bool(terms))
        found.append(Prompt((system, *one.messages[1:]), one.max_new_tokens) if terms else one)
    return tuple(sorted(found, key=lambda one: -len(one.messages[-1].text)))


def loaded(model: Path, batch: int, options: argparse.Namespace) -> Translator:
    """Return the translator, on the CPU."""
    if not (model / "model.bin").exists():
        from bili2text.translators.hf import HfTranslator

        return HfTranslator(Load(model, "transformers", "cpu", batch_size=batch, threads=options.threads))
    load = Load(model, "ctranslate2", "cpu", batch_size=batch, threads=options.threads)
    return Ct2Translator(load) if options.shared == "once" else Whole(load)


def engines_table() -> str:
    """Return the table of what was measured, for docs/translation.md."""
    found = json.loads(MEASURED.read_text(encoding="utf-8"))["runs"]
    lines = [
        "| engine | glossary | batch | beginning | tokens/s | tokens / CPU s | CPU s a sentence | peak MiB |"
    ]
    lines.append("|---" * 8 + "|")
    for row in found:
        engine = "CTranslate2" if row["converted"] else "transformers"
        cells = (
            f"{engine} {row['precision']}",
            f"{row['terms']} terms" if row["terms"] else "none",
            min(row["batch"], row["prompts"]),
            {"once": "computed once", "each": "with each prompt"}[row["shared"]],
            row["tokens_per_second"],
            row["tokens_per_cpu_second"],
            row["cpu_seconds_per_sentence"],
            row["peak_mib"],
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    first = found[0]
    about = (
        f"{first['prompts']} sentences, threads: {first['threads']}; {first['machine']}, {first['measured']}."
    )
    return "\n".join([*lines, "", about, ""])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    add_options(parser)
    parser.set_defaults(pairs="hsk", count=32)
    parser.add_argument("--batches", default="1,8,32")
    parser.add_argument("--terms", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--shared", default="once", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
