"""Entries that were settled, and shall be taken up again."""

from __future__ import annotations

from bili2text.lists.manifest import Manifest
from bili2text.lists.values import SETTLED, State

_BAD: tuple[State, ...] = ("failed", "quarantined")


def try_again(manifest: Manifest) -> int:
    """Let what failed, or is in quarantine, wait again; return how many those are. Raises StorageError."""
    chosen = [entry for entry in manifest.entries if entry.state in _BAD]
    for entry in chosen:
        manifest.change(entry.place, state="waiting", why="", code=0, tries=0, deaths=0)
    return len(chosen)


def begin_anew(manifest: Manifest) -> None:
    """Let everything wait again, and lists be asked for once more. Raises StorageError."""
    for entry in manifest.entries:
        if entry.state in (*SETTLED, "translating"):
            kind = "line" if entry.index and entry.kind == "list" else entry.kind
            kind = "source" if kind == "list" else kind
            manifest.change(
                entry.place, kind=kind, state="waiting", why="", code=0, tries=0, deaths=0, paths=()
            )
