"""Make CTranslate2 find cuBLAS 12 without LD_LIBRARY_PATH: it asks the loader by name, when first needed.

The wheel of `bili2text[cuda]` puts the library in site-packages, where no loader looks. A library that
is already in the process under that name is taken (glibc's dlopen), so it is loaded here beforehand.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from pathlib import Path

# cuBLAS needs cuBLASLt, so that comes first.
_NAMES = ("cublasLt64_12.dll", "cublas64_12.dll") if sys.platform == "win32" else (
    "libcublasLt.so.12",
    "libcublas.so.12",
)  # fmt: skip
_FOLDERS = (
    ("nvidia.cublas", "lib"),
    ("nvidia.cublas", "bin"),
    ("nvidia.cu12", "lib"),
    ("nvidia.cu12", "bin"),
)


def load_cublas() -> str:
    """Load cuBLAS 12 into this process; return "" or, in one line, why it cannot be had."""
    for folder in (*_wheel_folders(), None):
        if all(_load(name, folder) for name in _NAMES):
            return ""
    return "the CUDA library cuBLAS 12 was not found; pip install 'bili2text[cuda]'"


def _wheel_folders() -> list[Path]:
    folders = []
    for package, leaf in _FOLDERS:
        try:
            found = importlib.util.find_spec(package)
        except ModuleNotFoundError:
            continue
        # a namespace package has no __file__ (SYSTRAN/faster-whisper#1320), but always its locations
        folders += [Path(place, leaf) for place in (found.submodule_search_locations or () if found else ())]
    return [folder for folder in folders if folder.is_dir()]


def _load(name: str, folder: Path | None) -> bool:
    try:
        if folder is not None and sys.platform == "win32":
            os.add_dll_directory(str(folder))
        ctypes.CDLL(str(folder / name) if folder else name, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True
