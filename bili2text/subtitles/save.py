"""A document -> files beside each other, all of them or none, each whole."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bili2text.errors import UsageError
from bili2text.files import clean_text, prove_writable, refuse_target, safe_name, whole, write_synced
from bili2text.subtitles.writers import WRITERS, Document

FILE_BYTES = 200  # of a whole name; below every file system's 255, with room for a server's additions
STEM_BYTES = FILE_BYTES - max(len(f".{name}") for name in WRITERS)


def formats_of(text: str) -> tuple[str, ...]:
    """Return the formats that `text` names, by commas or blanks, each once, in order; "all" is every one.

    Raises UsageError for a name that is none, or no name at all.
    """
    names = [name.removeprefix(".") for name in clean_text(text).lower().replace(",", " ").split()]
    unknown = [name for name in names if name not in WRITERS and name != "all"]
    known = f"choose from {', '.join(WRITERS)}, all"
    if unknown:
        raise UsageError(f"no such output format: {', '.join(unknown)}", hint=known)
    if not names:
        raise UsageError("no output format named", hint=known)
    return tuple(WRITERS) if "all" in names else tuple(dict.fromkeys(names))


def targets(folder: Path, stem: str, formats: Sequence[str]) -> tuple[Path, ...]:
    """Return the paths that `save` writes: in `folder` itself, names of at most 200 bytes."""
    name = safe_name(stem, limit=STEM_BYTES)
    return tuple(folder / f"{name}.{extension}" for extension in formats)


def refuse_targets(paths: Sequence[Path], *, overwrite: bool) -> None:
    """Raise StorageError unless every one of `paths` can be written; for asking before the work is done.

    The folders are made, and shown to take a file; nothing else is left behind.
    """
    for path in paths:
        refuse_target(path, overwrite=overwrite, instead="--skip to keep it")
    for folder in dict.fromkeys(path.parent for path in paths):
        prove_writable(folder)


def all_there(paths: Sequence[Path]) -> bool:
    """Return whether every one of `paths` is a plain file already: with --skip there is nothing to do."""
    return bool(paths) and all(path.is_file() and not path.is_symlink() for path in paths)


def save(
    content: Document, folder: Path, stem: str, formats: Sequence[str], *, overwrite: bool
) -> tuple[Path, ...]:
    """Write `content` in each of `formats` to `folder`; return the paths, in the order of `formats`.

    Every format is rendered before the first file is written.
    Raises StorageError, with nothing written, when a target must not be written or the disk is full.
    """
    paths = targets(folder, stem, formats)
    write_all(paths, [WRITERS[name](content) for name in formats], overwrite=overwrite)
    return paths


def write_all(paths: Sequence[Path], texts: Sequence[str], *, overwrite: bool) -> None:
    """Write each of `texts` to its path, all or none.

    Every target is checked, and every file on the disk, before the first takes its name.
    Raises StorageError, with nothing written, when a target must not be written or the disk is full.
    """
    for path in paths:
        refuse_target(path, overwrite=overwrite, instead="--skip to keep it")
    with ExitStack() as pending:
        for path, text in zip(paths, texts, strict=True):
            write_synced(pending.enter_context(whole(path, replace=overwrite)), text, named=path)
