"""What torch's and transformers' messages mean to a user. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bili2text.errors import (
    Bili2TextError,
    DependencyError,
    DeviceFailure,
    ModelError,
    OutOfMemory,
    PrecisionFailure,
    RuntimeFailure,
)

EXTRA = "pip install 'bili2text[qwen]'"
_SMALLER = "use a smaller --batch-size or a smaller model"
# (a part of the message, lower case) -> (class, what happened, what to do). The first match counts.
# Wordings: c10/core/impl/alloc_cpu.cpp, c10/cuda/CUDAException.cpp and CUDACachingAllocator.cpp,
# aten/src/ATen/cuda/CUDABlas.cpp, ATen/Dispatch.h; kernels' _versions.py and resolver.py.
_MEANINGS: tuple[tuple[str, type[Bili2TextError], str, str], ...] = (
    ("out of memory", OutOfMemory, "{place} has no room left", _SMALLER),
    ("can't allocate memory", OutOfMemory, "{place} has no room left", _SMALLER),
    ("not enough memory", OutOfMemory, "{place} has no room left", _SMALLER),
    ("status_alloc_failed", OutOfMemory, "{place} has no room left", _SMALLER),
    ("status_not_supported", PrecisionFailure, "this card refuses the precision", "try another --precision"),
    ("not implemented for", PrecisionFailure, "this device refuses the precision", "try another --precision"),
    ("kernels-community/", PrecisionFailure, "the kernel for FP8 weights is missing", "use --precision auto"),
    ("build variant", PrecisionFailure, "the kernel for FP8 weights is missing", "use --precision auto"),
    ("no kernel image", DependencyError, "this torch has no code for this graphics card",
     "install a torch built for it, or run with --device cpu"),
    ("driver on your system is too old", DependencyError, "the NVIDIA driver is too old for this torch",
     "update the driver, or run with --device cpu"),
    ("not compiled with cuda", DependencyError, "this torch was built without CUDA",
     "install a torch built with CUDA, or run with --device cpu"),
    ("no cuda gpus are available", DeviceFailure, "CUDA sees no graphics card", "run with --device cpu"),
    ("invalid device ordinal", DeviceFailure, "there is no such graphics card", "run with --device cpu"),
)  # fmt: skip


@contextmanager
def loading(name: str, place: str) -> Iterator[None]:
    """Turn what goes wrong while a model is loaded into our errors; what nothing else explains is its own."""
    try:
        yield
    except Bili2TextError:
        raise
    except ImportError as error:
        raise DependencyError(
            f"{name} needs a library that is missing: {_short(error)}", hint=EXTRA
        ) from error
    except MemoryError as error:
        raise OutOfMemory("the machine has no memory left", hint=_SMALLER) from error
    except Exception as error:  # safetensors' and the configurations' errors have no class in common
        known = meaning(str(error), place)
        if known is None:
            raise ModelError(
                f"{name} cannot be loaded: {_short(error)}", hint="is the folder whole? download it again"
            ) from error
        raise known from error


@contextmanager
def running(place: str) -> Iterator[None]:
    """Turn what goes wrong while a model computes into our errors; those of files and pipes pass."""
    try:
        yield
    except Bili2TextError:
        raise
    except MemoryError as error:
        raise OutOfMemory("the machine has no memory left", hint=_SMALLER) from error
    except ImportError as error:  # asked for at the first forward, as the kernel of FP8 is
        raise PrecisionFailure(
            f"a library for this precision is missing: {_short(error)}", hint="use --precision auto"
        ) from error
    except (RuntimeError, ValueError, FileNotFoundError) as error:
        known = meaning(str(error), place)
        raise known or RuntimeFailure(f"the translator failed: {_short(error)}", hint="try again") from error


def meaning(message: str, place: str) -> Bili2TextError | None:
    """Return our error for a message of torch's, without its traceback; None for one that is not known."""
    lowered = message.lower()
    for part, kind, what, remedy in _MEANINGS:
        if part in lowered:
            return kind(f"{what.format(place=place)} ({_short(message)})", hint=remedy)
    if any(part in lowered for part in ("cuda error", "cublas", "cudnn", "nvrtc")):
        return DeviceFailure(f"the graphics card failed: {_short(message)}", hint="try --device cpu")
    return None


def _short(message: object) -> str:
    line = " ".join(str(message).split())
    return line if len(line) <= 160 else line[:157] + "..."
