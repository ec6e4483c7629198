"""A folder of safetensors -> a folder for CTranslate2: smaller, and without torch at run time.

Torch does it, in a process of its own that sees no card: on one that computes FP8, transformers would leave
FP8 weights as they are, and CTranslate2's converter knows no FP8 (converters/transformers.py, Qwen3Loader).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from bili2text.errors import ModelError, StorageError, UsageError
from bili2text.files import clean_text, storage_error, sync
from bili2text.models.json_object import read_json
from bili2text.progress import Progress, Silent
from bili2text.translators.chat import Chat
from bili2text.translators.convert_run import converted
from bili2text.translators.folders import RECORD, look

# bytes that one weight takes on the disk; int8 has a scale for each row beside it
_BYTES = {
    "int8": 1.01, "int8_float32": 1.01, "int8_float16": 1.01, "int8_bfloat16": 1.01,
    "float16": 2.0, "bfloat16": 2.0, "float32": 4.0,
}  # fmt: skip
QUANTIZATIONS = tuple(_BYTES)


def convert(
    source: Path,
    target: Path,
    quantization: str = "int8",
    environ: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Convert the model in `source` and return `target`, a new folder that appears only when it is whole.

    `quantization` is one of QUANTIZATIONS. The folder holds the weights, the tokenizer, the chat template
    and a record: where it came from, the source's configuration, the versions of what made it, and the size
    of each file. Raises UsageError, ModelError for a folder that is no model or of a kind that CTranslate2
    does not know, DependencyError without torch or transformers, StorageError, OutOfMemory, RuntimeFailure.
    """
    progress = progress or Silent()
    if quantization not in _BYTES:
        raise UsageError(f"unknown quantization {quantization!r}", hint=f"one of: {', '.join(QUANTIZATIONS)}")
    source, target = source.absolute(), target.absolute()
    config, weights = _looked_at(source)
    with _place(source, target, progress) as partial:
        _refuse_full(partial.parent, config, weights, quantization)
        said = converted(
            source, partial, quantization, {**(os.environ if environ is None else environ)}, progress
        )
        _finish(partial, target, {"quantization": quantization, **_origin(source, config), **said})
    return target


def _looked_at(source: Path) -> tuple[dict[str, Any], int]:
    """Return a model's configuration and the bytes of its weights. Raises ModelError."""
    model = look(source)
    if model.engine == "ctranslate2":
        raise ModelError(
            f"the model in {clean_text(str(source))} is converted already",
            hint="give the folder with the safetensors files",
        )
    Chat.read(source)  # a model that cannot be asked is not worth the time
    return read_json(source / "config.json"), model.weight_bytes


@contextmanager
def _place(source: Path, target: Path, progress: Progress) -> Iterator[Path]:
    """Yield a name beside `target`, for this process alone, and leave nothing there in the end."""
    if source == target or source.is_relative_to(target):
        raise UsageError("the converted model cannot lie where the model lies", hint="name another folder")
    partial = target.with_name(f".{target.name}.part")
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            progress.note(f"another bili2text is converting to {clean_text(target.name)}: waiting for it")
            lock.acquire()
    except OSError as error:
        raise storage_error(error, target) from error
    try:
        if target.exists() or target.is_symlink():
            raise StorageError(
                f"already there: {clean_text(str(target))}", hint="remove it, or name another folder"
            )
        shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        with suppress(OSError):  # Windows removes no open file
            Path(lock.lock_file).unlink()
        lock.release()


def _refuse_full(folder: Path, config: Mapping[str, Any], weights: int, quantization: str) -> None:
    """Raise StorageError where the result cannot fit: it is written last, after minutes."""
    quantized = isinstance(config.get("quantization_config"), dict)
    each = 1 if quantized else 4 if config.get("dtype", config.get("torch_dtype")) == "float32" else 2
    needed = int(weights / each * _BYTES[quantization])
    free = shutil.disk_usage(folder).free
    if free < needed:
        where = clean_text(str(folder))
        raise StorageError(
            f"the converted model needs {needed / 1e9:.1f} GB, and {where} has {free / 1e9:.1f} GB free",
            hint="free some space, or choose another folder",
        )


def _origin(source: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in config.items() if name != "quantization_config"}
    return {
        "source": source.name,
        "source_quantization": (config.get("quantization_config") or {}).get("quant_method", ""),
        "config": kept,  # CTranslate2's own config.json says nothing of the model's shape
    }


def _finish(partial: Path, target: Path, facts: Mapping[str, Any]) -> None:
    """Write the record, wait for the disk and give the folder its name."""
    try:
        files = {path.name: path.stat().st_size for path in sorted(partial.iterdir())}
        record = {"kind": "translator", "engine": "ctranslate2", **facts, "files": files}
        (partial / RECORD).write_text(json.dumps(record, indent=2, ensure_ascii=False), encoding="utf-8")
        for path in partial.iterdir():
            sync(path)
        partial.rename(target)
    except OSError as error:
        raise storage_error(error, target) from error
