"""Write docs/cli.md from the live --help, and every table in the docs from what was measured or is computed.

A page marks where a table stands: `<!-- name -->` ... `<!-- end -->`. With --check nothing is written, and
what is out of date is an error.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also when this is imported by a test

import capacity
import cluster_speed
import footprints
import golden
import long
import noise
import optimize_pages
import soak
import soak_cluster
import soak_translation
import translation_engines
import translation_precision
import translation_quality
import translation_talk
import zoo
from acceptance.report import gpu_table
from acceptance.report_speed import speed_table
from acceptance.report_translators import translators_table
from benchmarking.report import growth_page, rounds_page

from cli.main import cli

DOCS = Path(__file__).resolve().parent.parent / "docs"
HEAD = """# The command line

Made from the program's own `--help` by `scripts/make_docs.py`; CI checks that it is true.
`bili2text` and `python -m cli.main` are the same program. Every option may be spelled with dashes or
underscores, and a yes-or-no option as `--x`, `--x True`, `--x False` or `--no-x`.

Exit codes: 0 ok, 1 failed, 2 usage, 3 input missing or unusable, 4 a dependency or model is missing,
5 something broke while running, 6 finished but incomplete, 130 interrupted (143 when the system asked).
"""


def main() -> int:
    """Return 0, or 1 when --check finds a file that is out of date."""
    wanted = {DOCS / "cli.md": command_line(), DOCS / "measurements" / "memory.csv": footprints.table()}
    wanted |= {DOCS / name: with_tables(DOCS / name, tables) for name, tables in TABLES.items()}
    if "--check" not in sys.argv[1:]:
        for path, text in wanted.items():
            path.write_text(text, encoding="utf-8")
        return 0
    old = [path for path, text in wanted.items() if path.read_text(encoding="utf-8") != text]
    for path in old:
        print(f"{path.relative_to(DOCS.parent)} is out of date: run scripts/make_docs.py", file=sys.stderr)
    return 1 if old else 0


def with_tables(page: Path, tables: Mapping[str, Callable[[], str]]) -> str:
    """Return the page with what stands between its marks made anew."""
    text = page.read_text(encoding="utf-8")
    for name, table in tables.items():
        marks = re.compile(f"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        made = table().rstrip()
        text, count = marks.subn(lambda found, made=made: f"{found[1]}{made}\n{found[2]}", text)  # type: ignore[misc]
        if count != 1:
            raise SystemExit(f"{page.name} has {count} places marked {name}")
    return text


def errors() -> str:
    """Return the table of error rates."""
    measured = json.loads((DOCS / "measurements" / "accuracy.json").read_text(encoding="utf-8"))
    groups = list(next(iter(measured["results"].values())))
    lines = [f"| {measured['model']}, {measured['processor']} | {' | '.join(groups)} | CPU s |"]
    lines.append("|---" * (len(groups) + 2) + "|")
    for system, scores in measured["results"].items():
        cells = [f"{100 * one['rate']:.1f} % ({one['errors']}/{one['units']})" for one in scores.values()]
        lines.append(
            f"| {system} | {' | '.join(cells)} | {sum(s['cpu_seconds'] for s in scores.values()):.0f} |"
        )
    return "\n".join(lines) + "\n"


def memory() -> str:
    """Return the lines on peak memory."""
    measured = json.loads((DOCS / "measurements" / "memory.json").read_text(encoding="utf-8"))
    hours = measured["minutes"] / 60
    return "".join(
        f"- {name}, {hours:g} h: {result['peak_mb']:.0f} MB\n" for name, result in measured["results"].items()
    )


def command_line() -> str:
    """Return the page of commands."""
    return HEAD + "".join(f"\n## {path}\n\n```text\n{shown}\n```\n" for path, shown in pages())


def pages() -> Iterator[tuple[str, str]]:
    """Yield each command's path and its help, 100 columns wide."""
    yield from walk(cli, "bili2text", click.Context(cli, info_name="bili2text", max_content_width=100))


def walk(command: click.Command, path: str, context: click.Context) -> Iterator[tuple[str, str]]:
    """Yield the help of a command and of all below it."""
    context.terminal_width = 100
    yield path, command.get_help(context).strip()
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from walk(below, f"{path} {name}", click.Context(below, parent=context, info_name=name))


TABLES: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "accuracy.md": {"errors": errors, "memory": memory},
    "benchmark.md": {"rounds": rounds_page, "growth": growth_page},
    "gpu.md": {"measured": gpu_table, "speed": speed_table, "translators": translators_table},
    "gpu_optimize.md": {"situations": optimize_pages.pages},
    "memory.md": {"published": footprints.published_table, "cpu": footprints.cpu_table},
    "plan.md": {"golden": golden.golden_table},
    "reliability.md": {
        "soak": soak.soak_table,
        "long": long.long_table,
        "noise": noise.noise_table,
        "zoo": zoo.zoo_table,
    },
    "scale.md": {
        "cluster": soak_cluster.table,
        "cluster speed": cluster_speed.table,
        "capacity": capacity.table,
    },
    "translation.md": {
        "quality": translation_quality.quality_table,
        "talk": translation_talk.talk_table,
        "precisions": translation_precision.precision_table,
        "engines": translation_engines.engines_table,
        "killed": soak_translation.killed_table,
    },
}


if __name__ == "__main__":
    sys.exit(main())
