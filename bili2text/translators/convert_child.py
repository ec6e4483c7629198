"""One conversion, in this very process: an order on standard input, lines of JSON on standard output.

The only file but hf*.py that imports torch and transformers. The last line is {"versions": ...} or {"error":
"dependency" | "model" | "memory" | "storage", "why": ..., "hint": ...}; before it, {"step": ...}.
"""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

Model = Any  # a class or an object of transformers, which is not imported here

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NEEDED = ("torch", "transformers", "accelerate", "safetensors")
_INSTALL = "pip install 'bili2text[qwen]'"


def main() -> None:
    """Convert what the first line of standard input says, and say what came of it."""
    answers = sys.stdout
    sys.stdout = sys.stderr  # libraries print
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def say(**what: object) -> None:
        answers.write(json.dumps(what) + "\n")
        answers.flush()

    try:
        say(versions=_convert(order, lambda step: say(step=step)))
    except Exception as error:  # noqa: BLE001 - whatever fails, the parent hears of it
        say(**_meaning(error))


def _end_with_parent() -> None:
    while os.read(0, 1024):  # nothing more comes: it returns when the parent has closed its end, or died
        pass
    os._exit(1)


def _convert(order: dict[str, Any], step: Callable[[str], None]) -> dict[str, str]:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(f"{missing[0]} is not installed")
    import ctranslate2
    import torch
    import transformers
    from ctranslate2.converters import TransformersConverter

    class Converter(TransformersConverter):  # type: ignore[misc]  # it has no types
        """Reads nothing but safetensors of this disk, and tells how far it is."""

        def load_model(self, model_class: Model, name: str, **options: object) -> Model:
            step(f"reading {os.path.basename(name)}")  # noqa: PTH119
            model = model_class.from_pretrained(name, use_safetensors=True, local_files_only=True, **options)
            step(f"converting to {order['quantization']}")
            return model

        def load_tokenizer(self, tokenizer_class: Model, name: str, **options: object) -> Model:
            return tokenizer_class.from_pretrained(name, local_files_only=True, **options)

    Converter(
        order["source"], copy_files=order["copied"], low_cpu_mem_usage=True, trust_remote_code=False
    ).convert(order["target"], quantization=order["quantization"])
    return {
        "ctranslate2": ctranslate2.__version__,
        "transformers": transformers.__version__,
        "torch": str(torch.__version__),
    }


def _meaning(error: Exception) -> dict[str, str]:
    """Return what an exception of the libraries means, as the last line says it."""
    line = " ".join(str(error).split())[:160] or type(error).__name__
    if isinstance(error, ImportError):
        return {"error": "dependency", "why": f"a model cannot be converted: {line}", "hint": _INSTALL}
    if isinstance(error, OSError) and error.errno in _FULL:
        return {
            "error": "storage",
            "why": "the disk is full",
            "hint": "free some space, or name another folder",
        }
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return {"error": "storage", "why": f"the converted model cannot be written: {line}", "hint": ""}
    if isinstance(error, MemoryError) or "allocate memory" in line:
        return {"error": "memory", "why": "the machine has no memory left to convert it", "hint": ""}
    if "No conversion is registered" in line or isinstance(error, NotImplementedError):
        return {
            "error": "model",
            "why": f"CTranslate2 cannot run this kind of model ({line.partition(' (')[0]})",
            "hint": "use the folder as it is, with the transformers engine",
        }
    return {
        "error": "model",
        "why": f"the model could not be converted: {line}",
        "hint": "fetch its folder again",
    }
