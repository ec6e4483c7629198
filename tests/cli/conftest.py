"""The program as a user runs it: another process, its exit code, its two outputs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def program(environ: Mapping[str, str], tmp_path: Path) -> Run:
    """Return a function that runs `python -m cli.main ...` in a folder of the test's own."""

    def run(*args: str, env: Mapping[str, str] | None = None, stdin: bytes | None = None) -> object:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *args],
            capture_output=True,
            input=stdin if stdin is not None else b"",
            env={**environ, "PYTHONIOENCODING": "utf-8", **(env or {})},
            cwd=tmp_path,
            timeout=120,
            check=False,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
        )

    return run  # type: ignore[return-value]
