"""Whether CTranslate2 can use a card at all, and cuBLAS 12, made to be found without LD_LIBRARY_PATH.

CTranslate2 asks the loader for cuBLAS by name, when first needed.
The wheel of `bili2text[cuda]` puts the library in site-packages, where no loader looks. A library that
is already in the process under that name is taken (glibc's dlopen), so it is loaded here beforehand.
"""

from __future__ import annotations

import ctypes
import importlib.util
import mmap
import os
import sys
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from bili2text.gpu.allocator import CT2_ALLOCATOR

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


def card_problem() -> str:
    """Load cuBLAS into this process; return "" or, in one line, why CTranslate2 cannot use any card here."""
    engines = _engines()
    if engines and not any(map(has_cuda, engines)):
        return "this CTranslate2 was built without CUDA; install one that was built with it"
    return load_cublas()


@lru_cache
def has_cuda(library: Path) -> bool:
    """Return whether a file of CTranslate2 was built with CUDA: only then it reads the card's variable.

    PyPI's wheels for aarch64 were not (seen in 4.8.5), and all else there looks as if a card could be used.
    To ask the library itself would be to import it; to look takes some 25 ms. True where it cannot be read.
    """
    with suppress(OSError, ValueError), library.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with data:
            return data.find(CT2_ALLOCATOR.encode()) >= 0
    return True


def _engines() -> tuple[Path, ...]:
    """Return the files of CTranslate2's own library; () where the package has none (a system's own build)."""
    try:
        listed = files("ctranslate2") or []
    except PackageNotFoundError:
        return ()
    found = (file for file in listed if file.name.startswith(("libctranslate2", "ctranslate2.dll")))
    return tuple(Path(str(file.locate())) for file in found)


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
