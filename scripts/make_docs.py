"""Write docs/cli.md from the live --help of every command; with --check, fail when it is out of date."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from cli.main import cli

TARGET = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
HEAD = """# The command line

Made from the program's own `--help` by `scripts/make_docs.py`; CI checks that it is true.
`bili2text` and `python -m cli.main` are the same program. Every option may be spelled with dashes or
underscores, and a yes-or-no option as `--x`, `--x True`, `--x False` or `--no-x`.

Exit codes: 0 ok, 1 failed, 2 usage, 3 input missing or unusable, 4 a dependency or model is missing,
5 something broke while running, 6 finished but incomplete, 130 interrupted.
"""


def main() -> int:
    """Return 0, or 1 when --check finds a difference."""
    text = HEAD + "".join(f"\n## {path}\n\n```text\n{shown}\n```\n" for path, shown in pages())
    if "--check" in sys.argv[1:]:
        if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text:
            print(f"{TARGET.name} is not what --help says: run scripts/make_docs.py", file=sys.stderr)
            return 1
        return 0
    TARGET.write_text(text, encoding="utf-8")
    return 0


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


if __name__ == "__main__":
    sys.exit(main())
