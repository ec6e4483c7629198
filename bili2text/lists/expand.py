"""From an entry to what it holds: a recording, or the lines of a list, a folder among them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from bili2text.errors import SourceError, UsageError
from bili2text.files import clean_text
from bili2text.lists.manifest import Manifest
from bili2text.lists.values import Entry
from bili2text.pipeline import exists
from bili2text.progress import Progress
from bili2text.source.fetch import open_source, unfold
from bili2text.source.local import open_file
from bili2text.source.locate import Source, locate
from bili2text.source.media import Item, LinkOptions, Listed

_DEEPEST = 5  # lists within lists; deeper ones are circles
SUFFIXES = {
    ".aac", ".ac3", ".aif", ".aiff", ".amr", ".avi", ".caf", ".flac", ".flv", ".m4a",
    ".m4b", ".m4v", ".mka", ".mkv", ".mov", ".mp2", ".mp3", ".mp4", ".mpeg", ".mpg",
    ".mts", ".m2ts", ".oga", ".ogg", ".opus", ".ts", ".wav", ".weba", ".webm", ".wma",
    ".wmv",
}  # fmt: skip


def remembered(text: str) -> str:
    """Return how a source is written down: a path so that it is found from another folder, too.

    What names nothing is written down as it is: opening it fails, and that is its own affair. Raises
    UsageError for nothing at all, and for standard input, which nobody could go on with.
    """
    try:
        source = locate(text, exists)
    except SourceError:
        return text.strip()
    if source.kind == "stdin":
        raise UsageError(
            "a list cannot hold standard input: it is gone when the list goes on",
            hint="save it to a file, or use gpu-transcribe",
        )
    return source.given if source.path is None else str(source.path.absolute())


def opened(
    entry: Entry, manifest: Manifest, options: LinkOptions, cache: Path, progress: Progress
) -> Iterator[Item | Listed]:
    """Yield the recording that an entry is, or what it lists; of a list nothing is looked at.

    Raises UsageError, SourceError or StorageError when it cannot be opened.
    """
    if len(entry.place) > _DEEPEST:
        raise SourceError(f"more than {_DEEPEST - 1} lists within each other", hint="name the inner list")
    if entry.kind == "line" and entry.address is None:
        leading = _address(manifest.entry(entry.place[:-1]))
        one = replace(options, playlist_items=str(entry.index))
        yield from open_source(Source("link", leading, url=leading), one, cache, progress)
        return
    source = None if entry.address else locate(entry.link, exists)
    if source is not None and source.path is not None:
        yield from _local(source.path)
        return
    # what the user chose of a list is chosen of the list that was named, not of lists within it
    chosen = options if entry.kind == "source" else replace(options, playlist_items=None)
    yield from unfold(_address(entry), chosen, cache, progress)


def host(entry: Entry) -> str:
    """Return the site that an entry is asked of, with its port; "" for what is local."""
    link = entry.address or entry.link
    try:
        return urlsplit(link).netloc.rpartition("@")[2].lower() if "://" in link else ""
    except ValueError:
        return ""


def media_files(folder: Path) -> tuple[Path, ...]:
    """Return the files in a folder, not below it, that look like sound or video, by name.

    Raises SourceError for a folder that cannot be read.
    """
    try:
        found = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]
    except OSError as error:
        raise SourceError(
            f"cannot read the folder {clean_text(str(folder))}: {error.strerror}", hint="check the path"
        ) from error
    return tuple(sorted((path for path in found if not path.name.startswith(".")), key=_by_name))


def _by_name(path: Path) -> tuple[str, str]:
    return path.name.casefold(), path.name


def _local(path: Path) -> Iterator[Item | Listed]:
    if not path.is_dir():
        media = open_file(path)
        yield Item(media.title, lambda: media, preview=media)
        return
    for index, file in enumerate(media_files(path), 1):
        yield Listed(str(file.absolute()), clean_text(file.name), index, None)


def _address(entry: Entry) -> str:
    """Return what opens the entry. Raises SourceError for what has no address of its own."""
    if entry.address is not None:
        return entry.address
    found = locate(entry.link, exists).url if entry.kind != "line" else None
    if found is None:
        raise SourceError(f"no address leads to {entry.name}", hint="name its list, or the recording itself")
    return found
