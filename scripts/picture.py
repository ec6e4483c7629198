"""Draw docs/pictures/*.svg: real runs, as they look on a terminal.

python scripts/picture.py
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from demo import join, served, speech
from rich.console import Console

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "pictures"


def main() -> int:
    """Run the program on English and on Chinese speech behind a link, and draw each run."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for code, title in {"en": "Three English clips", "zh": "中文朗读"}.items():
            join(speech(code), folder / f"{code}.wav")
            page = f'<meta charset="utf-8"><title>{title}</title><audio src="{code}.wav"></audio>'
            (folder / f"{code}.html").write_text(page, encoding="utf-8")
        with served(folder) as address:
            for code in ("en", "zh"):
                draw(f"{address}/{code}.html", PICTURES / f"{code}.svg")
    return 0


def draw(link: str, picture: Path) -> None:
    """Run gpu-transcribe on a link and draw what a terminal shows, and the subtitles."""
    console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as out:
        command = ["gpu-transcribe", "--url", link, "-f", "srt", "-o", "subtitles"]
        prompt(console, f"bili2text {' '.join(command)}")
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *command],
            capture_output=True, text=True, cwd=out, check=True,
            env={**os.environ, "PYTHONPATH": str(PICTURES.parent.parent), "HF_HUB_OFFLINE": "1"},
        )  # fmt: skip
        console.print(done.stderr.strip(), style="dim", highlight=False, markup=False)
        for line in done.stdout.splitlines():
            console.print(line, highlight=False, markup=False)
            prompt(console, f"cat '{line}'")
            console.print(Path(out, line).read_text(encoding="utf-8").strip(), highlight=False, markup=False)
    console.save_svg(str(picture), title="bili2text")


def prompt(console: Console, command: str) -> None:
    """Show a command as typed."""
    console.print("$ ", style="bold green", end="")
    console.print(command, highlight=False, markup=False)


if __name__ == "__main__":
    sys.exit(main())
