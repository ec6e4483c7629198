"""The driver's libraries, compiled from the small C files beside this one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def _compiled(source: str, library: Path) -> Path:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs a C compiler and Linux")
    code = Path(__file__).with_name(source)
    subprocess.run([compiler, "-w", "-shared", "-fPIC", "-o", str(library), str(code)], check=True)
    return library.parent


@pytest.fixture(scope="session")
def libcuda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a libcuda.so.1 of two cards."""
    return _compiled("libcuda.c", tmp_path_factory.mktemp("cuda") / "libcuda.so.1")


@pytest.fixture(scope="session")
def libnvml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a libnvidia-ml.so.1 of one card."""
    return _compiled("libnvml.c", tmp_path_factory.mktemp("nvml") / "libnvidia-ml.so.1")
