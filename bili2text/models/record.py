"""Our own cache of models: <cache>/models/NAME, a record in each, and how a folder takes its place there."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from bili2text.files import sync
from bili2text.models.manifest import Expected
from bili2text.models.stamps import Stamps

_RECORD = "bili2text.json"


@dataclass(frozen=True, slots=True)
class Record:
    """Where a folder's files came from, and what each was said to be."""

    model: str  # what the user would type
    hub: str  # its address, or "embedded"
    repo: str
    revision: str
    files: tuple[Expected, ...]


def stamps_of(models: Path) -> Stamps:
    """Return the stamps kept in our cache of models."""
    return Stamps(models / ".stamps")


def partial_of(models: Path, name: str) -> Path:
    """Return where `name` is put together: on the same disk as its place, so that one step moves it."""
    return models / ".partial" / name


def lock_of(models: Path, name: str) -> Path:
    """Return the file that a process holds locked while it makes `name`."""
    return models / f".{name}.lock"


def write_record(folder: Path, record: Record) -> None:
    """Write `record` into `folder` and wait for the disk. Raises OSError."""
    files = {
        file.name: {"size": file.size, "sha256": file.sha256, "git_sha1": file.git_sha1}
        for file in record.files
    }
    facts = {"model": record.model, "hub": record.hub, "repo": record.repo, "revision": record.revision}
    path = folder / _RECORD
    path.write_text(json.dumps({**facts, "files": files}, indent=2), encoding="utf-8")
    sync(path)


def read_record(folder: Path) -> Record | None:
    """Return the record in `folder`, or None if there is none that can be read."""
    try:
        facts = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        files = tuple(
            Expected(name, said["size"], said["sha256"], said["git_sha1"])
            for name, said in facts["files"].items()
        )
        return Record(facts["model"], facts["hub"], facts["repo"], facts["revision"], files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def take_place(partial: Path, final: Path) -> None:
    """Move the finished folder `partial` to `final`, in place of what was there. Raises OSError."""
    try:
        partial.replace(final)  # replaces nothing but an empty folder
    except OSError:
        if not final.is_dir():
            raise
        old = partial.with_name(f"{partial.name}.old-{secrets.token_hex(4)}")
        final.replace(old)
        partial.replace(final)
        shutil.rmtree(old, ignore_errors=True)
    _sync_folder(final.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # a folder cannot be opened there; its entries are durable by themselves
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
