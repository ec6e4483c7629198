"""What torch, transformers and safetensors say when something fails, as our errors."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError

from bili2text.errors import ModelError, OutOfMemory, StorageError
from bili2text.files import clean_text, storage_error

_LIMITS = "a smaller --batch with more --accumulate, or fewer --max-tokens, takes less"
# torch's writer of archives, whose message says nothing of the disk (caffe2/serialize/inline_container.cc)
_WRITER = ("PytorchStreamWriter", "inline_container")
_SPACE = "free some space; the checkpoint before it is whole: go on with --resume"
_READER = ("PytorchStreamReader", "inline_container")


@contextmanager
def disk(path: Path) -> Iterator[None]:
    """Turn what writing below `path` fails with into a StorageError: torch and safetensors have their own."""
    try:
        yield
    except OSError as error:
        raise storage_error(error, path) from error
    except SafetensorError as error:
        raise StorageError(f"cannot write {path}: {clean_text(str(error))}", hint=_SPACE) from error
    except RuntimeError as error:
        if not any(word in str(error) for word in _WRITER):
            raise
        raise StorageError(f"cannot write {path}: the disk may be full", hint=_SPACE) from error


@contextmanager
def memory() -> Iterator[None]:
    """Turn torch's error of a card that is full into OutOfMemory."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise OutOfMemory("the card has no room for this batch", hint=_LIMITS) from error


@contextmanager
def checkpoint(path: Path | None) -> Iterator[None]:
    """Turn what a damaged checkpoint fails with into a ModelError; one that holds code is damaged, too.

    transformers reads them by torch.load(weights_only=True), which runs no code of theirs.
    """
    try:
        yield
    except (pickle.UnpicklingError, EOFError, SafetensorError, json.JSONDecodeError) as error:
        raise damaged(path) from error
    except RuntimeError as error:
        if not any(word in str(error) for word in _READER):
            raise
        raise damaged(path) from error


def damaged(path: Path | None) -> ModelError:
    """Return the error for a checkpoint that cannot be read."""
    shown = path or "the checkpoint"
    return ModelError(f"{shown} is damaged", hint="remove it, to go on from one before it or begin anew")
