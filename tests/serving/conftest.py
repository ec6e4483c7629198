"""Residents for the tests of serving."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for serving_child
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def cache():
    """A cache with a path short enough for a Unix socket, which has 108 bytes of it."""
    with tempfile.TemporaryDirectory(prefix="b2t") as folder:
        yield Path(folder)


@pytest.fixture
def resident_process(cache):
    """A function that starts a resident translator in a process of its own and waits until it is found."""
    from bili2text.serving.place import find

    started = []

    def start(where="0", grace=5.0):
        child = Path(__file__).parent / "serving_child.py"
        process = subprocess.Popen(
            [sys.executable, str(child), str(cache), where, str(grace)],
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT), "PATH": ""},
        )
        started.append(process)
        until = time.monotonic() + 30
        while (resident := find(cache)) is None and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        assert resident is not None
        return process, resident

    yield start
    for process in started:
        process.kill()
        process.wait()
