"""Translated captions -> files beside each other, all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from bili2text.captions.values import Kind
from bili2text.files import safe_name
from bili2text.subtitles import save as files


def kinds_of(text: str) -> tuple[Kind, ...]:
    """Return the formats that `text` names, as `subtitles.save.formats_of`. Raises UsageError."""
    return tuple(cast(Kind, name) for name in files.formats_of(text))


def targets(folder: Path, stem: str, language: str, formats: Sequence[Kind]) -> tuple[Path, ...]:
    """Return the paths `<stem>.<language>.<format>` in `folder`, names of at most 200 bytes.

    A long stem is cut, the language never: it tells a translation from its source.
    """
    tail = f".{safe_name(language)}"
    name = safe_name(stem, limit=files.STEM_BYTES - len(tail.encode("utf-8")))
    return files.targets(folder, f"{name}{tail}", formats)


def save(
    render: Callable[[Kind], str],
    folder: Path,
    stem: str,
    language: str,
    formats: Sequence[Kind],
    *,
    overwrite: bool,
) -> tuple[Path, ...]:
    """Write what `render` makes of each format; return the paths, in the order of `formats`.

    All is rendered before any is written. Raises what `render` raises, and StorageError, with nothing
    written, when a target must not be written or the disk is full.
    """
    paths = targets(folder, stem, language, formats)
    files.write_all(paths, [render(name) for name in formats], overwrite=overwrite)
    return paths
