"""Serve a page with real English and Chinese speech on 127.0.0.1, transcribe both links, show the results.

Called by scripts/demo, which sets up what it needs. The speech is that of the package pytest-audioeval.
"""

from __future__ import annotations

import functools
import http.server
import importlib.util
import shutil
import subprocess
import sys
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RESULTS = Path(".demo")
TITLES = {"en": "English, counted and spoken", "zh": "中文朗读"}
PAGE = """<!doctype html><html lang="{code}"><meta charset="utf-8">
<title>{title}</title><audio src="{code}.wav" controls></audio></html>"""


def main() -> int:
    """Return 0 when both links became subtitles."""
    site = RESULTS / "site"
    shutil.rmtree(RESULTS, ignore_errors=True)
    site.mkdir(parents=True)
    for code, title in TITLES.items():
        join(speech(code), site / f"{code}.wav")
        (site / f"{code}.html").write_text(PAGE.format(code=code, title=title), encoding="utf-8")
    with served(site) as address:
        for code in TITLES:
            if transcribe(f"{address}/{code}.html") != 0:
                return 1
    show()
    return 0


def speech(code: str) -> list[Path]:
    """Return the clips of a language."""
    package = importlib.util.find_spec("pytest_audioeval")
    if package is None or not package.submodule_search_locations:
        sys.exit("the clips are missing: run scripts/demo, not scripts/demo.py")
    return sorted(Path(package.submodule_search_locations[0], "samples", "audio", code).glob("*.wav"))


def join(clips: list[Path], target: Path) -> None:
    """Write the clips one after the other, half a second apart, as 16-bit mono at 16 kHz."""
    from bili2text.audio.decode import Decoder

    with wave.open(str(target), "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        for clip in clips:
            with Decoder(clip) as decoder:
                for block in decoder.blocks():
                    out.writeframes((block.samples * 32_767).astype("<i2").tobytes())
            out.writeframes(bytes(16_000))


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Yield the address of a web server for `folder`, on a free port of this machine alone."""
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server that keeps its log to itself."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it overrides
        """Say nothing."""


def transcribe(link: str) -> int:
    """Run the main command as a user would, and return its exit code."""
    # offline, as to models: the best that fits would be downloaded, and PyPI is all a demo may need
    options = ["-o", str(RESULTS), "--overwrite", "--offline"]
    command = ["-m", "cli.main", "gpu-transcribe", "--url", link, *options]
    print(f"\n$ python {' '.join(command)}", flush=True)
    return subprocess.run([sys.executable, *command], check=False).returncode


def show() -> None:
    """Print the transcripts, the subtitles, and where the files are."""
    for kind in ("txt", "srt"):
        for path in sorted(RESULTS.glob(f"*.{kind}")):
            print(f"\n--- {path}\n{path.read_text(encoding='utf-8').strip()}")
    print("\nthe files:")
    for path in sorted(RESULTS.glob("*.*")):
        print(f"  {path.resolve()}")


if __name__ == "__main__":
    sys.exit(main())
