"""The process that converts a model: started, told what to do, understood, and surely ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from bili2text.errors import (
    Bili2TextError,
    DependencyError,
    ModelError,
    OutOfMemory,
    RuntimeFailure,
    StorageError,
)
from bili2text.files import clean_text
from bili2text.progress import Progress

_COPIED = (
    "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json", "LICENSE",
)  # fmt: skip
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[1:]; from bili2text.translators.convert_child import main; main()"
)
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
_NO_CARD = {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "ZE_AFFINITY_MASK": ""}
_QUIET = {"TRANSFORMERS_VERBOSITY": "error", "TOKENIZERS_PARALLELISM": "false", "PYTHONIOENCODING": "utf-8"}
_KINDS: dict[str, type[Bili2TextError]] = {
    "dependency": DependencyError,
    "model": ModelError,
    "memory": OutOfMemory,
    "storage": StorageError,
}
_TAIL = 4096  # bytes of the child's last words
_SHOWN = 160
_PATIENCE = 5.0  # seconds


def converted(
    source: Path, partial: Path, quantization: str, environ: dict[str, str], progress: Progress
) -> dict[str, Any]:
    """Run the child and return what it says of the result: the versions of what made it.

    The child is gone when this returns. Raises what it answers with: ModelError, DependencyError,
    StorageError or OutOfMemory; RuntimeFailure or OutOfMemory when it dies.
    """
    order = {
        "source": str(source),
        "target": str(partial),
        "quantization": quantization,
        "copied": [name for name in _COPIED if (source / name).is_file()],
    }
    with (
        tempfile.TemporaryFile() as errors,
        progress.stage(f"converting {clean_text(source.name)}", None, "B"),
    ):
        child = _started({**environ, **_OFFLINE, **_NO_CARD, **_QUIET}, errors)
        try:
            answer = _talk(child, order, progress)
            if answer is None:
                with suppress(subprocess.TimeoutExpired):  # its end of the pipe is closed: it is ending
                    child.wait(_PATIENCE)
        finally:
            child.kill()
            child.wait()
            for stream in (child.stdin, child.stdout):
                if stream is not None:
                    with suppress(OSError):
                        stream.close()
        if answer is None:
            raise _died(child.returncode, errors)
    if "error" in answer:
        kind = _KINDS.get(str(answer["error"]), ModelError)
        raise kind(
            clean_text(str(answer.get("why", "")))[: 2 * _SHOWN], hint=clean_text(str(answer.get("hint", "")))
        )
    return answer


def _started(environ: Mapping[str, str], errors: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - a list, no shell: this Python and our own module
            [sys.executable, "-c", _PROGRAM, *(os.path.abspath(place) for place in sys.path)],  # noqa: PTH100
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**environ},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, ValueError) as error:
        raise RuntimeFailure(f"the converter's process could not be started: {error}") from error


def _talk(child: subprocess.Popen[bytes], order: object, progress: Progress) -> dict[str, Any] | None:
    """Give the order and return the answer, None where there is none. Steps on the way are noted."""
    if child.stdin is None or child.stdout is None:  # both are pipes
        return None
    with suppress(OSError):  # it died: how, is seen below
        child.stdin.write(json.dumps(order).encode() + b"\n")
        child.stdin.flush()  # it stays open: a child whose parent died sees its end
    for line in child.stdout:
        with suppress(ValueError):  # a library that prints
            said = json.loads(line)
            if isinstance(said, dict) and "step" in said:
                progress.note(clean_text(str(said["step"])))
            elif isinstance(said, dict) and ("error" in said or "versions" in said):
                return said
    return None


def _died(code: int, errors: IO[bytes]) -> Bili2TextError:
    errors.seek(0, os.SEEK_END)
    errors.seek(max(0, errors.tell() - _TAIL))
    lines = errors.read().decode("utf-8", "replace").strip().splitlines()
    if code == -9:  # as the system does when RAM runs out
        return OutOfMemory(
            "the conversion was killed, as the system does when memory runs out",
            hint="it needs about twice the size of the weights: close other programs, or convert elsewhere",
        )
    last = clean_text(lines[-1])[:_SHOWN] if lines else f"exit code {code}"
    return RuntimeFailure(f"the conversion ended without a result: {last}")
