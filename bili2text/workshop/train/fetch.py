"""A teacher by its name: a folder, or what a hub has under an id."""

from __future__ import annotations

from pathlib import Path

from transformers.utils.hub import snapshot_download

from bili2text.errors import ModelError
from bili2text.files import clean_text

_FILES = ("*.json", "*.jinja", "*.safetensors")  # no pickle, no code


def teacher_folder(name: str) -> Path:
    """Return the folder of a teacher; of a hub's id, its folder in the hub's own cache, fetched if need be.

    Raises ModelError where there is none, or the hub cannot be asked.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise ModelError(
            f"no folder of a model: {clean_text(name)}", hint="pass a folder, or a hub's id: Qwen/Qwen3-0.6B"
        )
    try:
        return Path(snapshot_download(name, allow_patterns=list(_FILES)))
    except (OSError, ValueError) as error:
        why = clean_text(str(error).strip().partition("\n")[0])[:160]
        raise ModelError(
            f"{clean_text(name)} cannot be had: {why}",
            hint="pass a folder, or fetch it where there is a network",
        ) from error
