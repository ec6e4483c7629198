"""What CTranslate2's and cuBLAS's messages mean to a user. CTranslate2 has no error classes of its own.

Whisper and the translator both run on it; they differ in what their users can do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from bili2text.errors import (
    Bili2TextError,
    DependencyError,
    DeviceFailure,
    ModelError,
    OutOfMemory,
    PrecisionFailure,
    RuntimeFailure,
)


@dataclass(frozen=True, slots=True)
class Advice:
    """What the users of one engine are told, in the options they have."""

    engine: str = "the speech engine"
    smaller: str = "use a smaller --model"
    fewer: str = "use a smaller --model or --batch-size 1"
    usual: str = "leave --compute-type at auto"
    half: str = "use --compute-type float16"
    whole: str = "bili2text models verify shows what is wrong"
    other: str = "try another --model, or --no-batched"


ADVICE = Advice()

# (a part of the message, lower case) -> (class, what happened, what to do). The first match counts.
# Wordings: CTranslate2 src/cuda/utils.h and issues #311, #1978, #1937, #2064; the notes in docs/gpu.md.
_MEANINGS: tuple[tuple[str, type[Bili2TextError], str, str], ...] = (
    ("out of memory", OutOfMemory, "{place} has no room left", "{fewer}"),
    ("cublas_status_alloc_failed", OutOfMemory, "{place} has no room left", "{smaller}"),
    ("libcublas", DependencyError, "the CUDA library cuBLAS 12 was not found",
     "pip install 'bili2text[cuda]', or run on the CPU with --device cpu"),
    ("cublas64_12", DependencyError, "the CUDA library cuBLAS 12 was not found",
     "pip install 'bili2text[cuda]', or run on the CPU with --device cpu"),
    ("driver version is insufficient", DependencyError, "the NVIDIA driver is too old for CUDA 12",
     "update the driver, or run with --device cpu"),
    ("unsupportedptxversion", DependencyError, "the NVIDIA driver is too old for this card's code",
     "update the driver to 570 or newer, or run with --device cpu"),
    ("nokernelimagefordevice", DependencyError, "this graphics card is too old for CTranslate2",
     "run with --device cpu"),
    ("no kernel image", DependencyError, "this graphics card is too old for CTranslate2",
     "run with --device cpu"),
    ("not compiled with cuda", DependencyError, "this CTranslate2 was built without CUDA",
     "pip install --force-reinstall ctranslate2, or run with --device cpu"),
    ("no cuda-capable device", DependencyError, "CUDA sees no graphics card",
     "run with --device cpu, and check CUDA_VISIBLE_DEVICES"),
    ("compute type", PrecisionFailure, "this device cannot compute in the precision asked for",
     "{usual}"),
    ("not_supported", PrecisionFailure, "this card refuses the precision asked for",
     "{half}"),
    ("invalid device ordinal", DeviceFailure, "there is no such graphics card",
     "nvidia-smi shows the cards; choose one with --device cuda:N"),
    ("unable to open file", ModelError, "the model's folder is incomplete",
     "{whole}"),
    ("model.bin", ModelError, "the model's folder is incomplete or damaged",
     "{whole}"),
)  # fmt: skip


@contextmanager
def translated(place: str, advice: Advice = ADVICE) -> Iterator[None]:
    """Turn the engine's exceptions into ours; `place` names the memory that may be full."""
    try:
        yield
    except MemoryError as error:
        raise OutOfMemory("the machine has no memory left", hint=advice.smaller) from error
    except (RuntimeError, ValueError, OSError) as error:
        raise meaning(str(error), place, advice) from error


def meaning(message: str, place: str, advice: Advice = ADVICE) -> Bili2TextError:
    """Return our error for one of the engine's messages; never the message's traceback or file names."""
    lowered = message.lower()
    for part, kind, what, remedy in _MEANINGS:
        if part in lowered:
            return kind(
                f"{what.format(place=place)} ({_short(message)})", hint=remedy.format(**asdict(advice))
            )
    if any(part in lowered for part in ("cuda", "cublas", "cudnn", "gpu")):
        return DeviceFailure(f"the graphics card failed: {_short(message)}", hint="try --device cpu")
    return RuntimeFailure(f"{advice.engine} failed: {_short(message)}", hint=advice.other)


def _short(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= 160 else line[:157] + "..."
