"""A venv for each peer, made once and kept."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path

from benchmarking.values import CannotRunError

_WORTH_SAYING = (
    "bili2text", "faster-whisper", "whisper-ctranslate2", "openai-whisper", "pywhispercpp", "whisperx",
    "ctranslate2", "onnxruntime", "torch", "numpy",
)  # fmt: skip
_STAMP = "made-from"


def make(packages: tuple[str, ...], root: Path) -> Path:
    """Return the Python of a venv that holds `packages`; without packages this very Python.

    One that is there and whole is used as it is. Raises CannotRunError with pip's last word.
    """
    if not packages:
        return Path(sys.executable)
    venv = root / packages[0]
    python, stamp = venv / "bin" / "python", venv / _STAMP
    wanted = f"{sys.version}\n{' '.join(packages)}\n"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print(f"installing {' '.join(packages)} (once) ...", file=sys.stderr, flush=True)
    if not _works(python):
        _run([sys.executable, "-m", "venv", "--clear", str(venv)])
    _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages])
    stamp.write_text(wanted, encoding="utf-8")
    return python


def versions(python: Path) -> Mapping[str, str]:
    """Return what is installed beside that Python and worth saying."""
    found = distributions(path=[str(one) for one in python.parent.parent.glob("lib/python*/site-packages")])
    named = {one.metadata["Name"].lower(): one.version for one in found}
    return {name: named[name] for name in _WORTH_SAYING if name in named}


def last_word(said: str) -> str:
    """Return the line that says what went wrong, as well as one can tell."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    wrong = [line for line in lines if "error" in line.lower()]
    return (wrong or lines or ["it said nothing"])[-1][:200]


def _works(python: Path) -> bool:
    try:
        return (
            subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode
            == 0
        )
    except OSError:
        return False


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CannotRunError(f"cannot install: {error}") from error
    if done.returncode:
        raise CannotRunError(f"cannot install: {last_word(done.stdout + done.stderr)}")
