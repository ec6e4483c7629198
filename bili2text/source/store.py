"""Downloaded media on disk: found again by link, entered whole or not at all, by one process at a time.

Below the cache: `media/<key>/` holds one item, its file and `item.json`; `media/links/` leads from a link to
a key; `staging/<key>/` is where an item is while it is downloaded, `staging/<key>.lock` says who may write.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from bili2text.files import storage_error, whole
from bili2text.progress import Progress
from bili2text.source.media import Media, Offer

_VERSION = 1  # of item.json; another number means: not ours to read
_LENGTH = "length"  # in staging: the bytes the server declared when the download began


def item_key(offer: Offer) -> str:
    """Return an item's name on disk. Of an unknown site the link counts: its ids are mere file names."""
    return _hash(offer.site, offer.id, offer.format_id, offer.page if offer.generic else "")


def resumable(part: int, total: int | None, offer: Offer) -> bool:
    """Return whether `part` bytes from an earlier process may be continued towards `total`.

    Never pieces (yt-dlp may append one twice after a kill), never a link of an unknown site (another file may
    be there by now), and never a part that is complete: yt-dlp then asks for a range past the end, is refused
    with 416, and asks again for the same.
    """
    return not offer.fragmented and not offer.generic and total is not None and 0 < part < total


class Store:
    """The media cache in a folder. Reading never writes, so a read-only cache still serves what it has."""

    def __init__(self, cache: Path) -> None:
        self._media = cache / "media"
        self._links = cache / "media" / "links"
        self._staging = cache / "staging"

    def known(self, link: str) -> Media | None:
        """Return what `link` led to when it was last followed, if that is still here."""
        pointer = _read_json(self._links / f"{_hash(link)}.json")
        key = pointer.get("key")
        return self.find(key) if isinstance(key, str) and key.isalnum() else None

    def find(self, key: str) -> Media | None:
        """Return the item of that key, if it is here and is what it was when it was put here."""
        folder = self._media / key
        facts = _read_json(folder / "item.json")
        try:
            path = folder / Path(facts["file"]).name
            if facts["version"] != _VERSION or path.stat().st_size != facts["size"]:
                return None
            values = {
                name: facts[name] for name in Media.__dataclass_fields__ if name not in ("path", "tags")
            }
            return Media(path=path, tags=tuple(facts["tags"]), **values)
        except (OSError, KeyError, TypeError, ValueError):
            return None

    def remember(self, link: str, key: str) -> None:
        """Let `link` lead to the item of that key from now on. Raises StorageError."""
        with whole(self._links / f"{_hash(link)}.json") as temporary:
            temporary.write_text(json.dumps({"key": key}), encoding="utf-8")

    @contextmanager
    def held(self, key: str, progress: Progress) -> Iterator[Path]:
        """Yield the item's staging folder, which no other process has meanwhile. Raises StorageError."""
        folder = self._staging / key
        lock = FileLock(self._staging / f"{key}.lock")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                progress.note("another process is downloading this; waiting for it")
                lock.acquire(poll_interval=0.2)
            folder.mkdir(parents=True, exist_ok=True)  # the other one may have removed it
        except OSError as error:
            raise storage_error(error, folder) from error
        try:
            yield folder
        finally:
            lock.release()

    def keep(self, key: str, folder: Path, media: Media) -> Media:
        """Move `media`, which lies in staging, into the cache in one step. Raises StorageError."""
        target = self._media / key
        try:
            ready = folder / "ready"
            ready.mkdir()
            path = media.path.replace(ready / media.path.name)
            facts = {**asdict(media), "version": _VERSION, "file": path.name, "size": path.stat().st_size}
            facts.pop("path")
            (ready / "item.json").write_text(
                json.dumps(facts, ensure_ascii=False, indent=1), encoding="utf-8"
            )
            for written in (path, ready / "item.json", ready):
                _sync(written)
            self._media.mkdir(parents=True, exist_ok=True)
            if target.exists():
                target.rename(folder / "old")
            ready.rename(target)
            _sync(self._media)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError as error:
            raise storage_error(error, target) from error
        return replace(media, path=target / media.path.name)


def tidy(folder: Path, offer: Offer) -> int | None:
    """Delete from staging what a new try must not build on; return the declared length of what is kept."""
    kept: int | None = None
    try:
        total = offer.size or _number(folder / _LENGTH)
        parts = [path for path in folder.glob("media*.part") if path.is_file()]
        good = [path for path in parts if resumable(path.stat().st_size, total, offer)]
        if good:
            kept = total
        for path in folder.iterdir():
            if path in good[:1] or (kept and path.name == _LENGTH):
                continue
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_error(error, folder) from error
    return kept


def note_length(folder: Path, total: int) -> None:
    """Write down the length that the server declared, for a later process to continue by."""
    (folder / _LENGTH).write_text(str(total), encoding="ascii")


def _number(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, ValueError):
        return None
    return int(text) if text.isdigit() else None


def _hash(*values: str) -> str:
    return hashlib.sha256("\0".join(values).encode("utf-8", "surrogatepass")).hexdigest()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _sync(path: Path) -> None:
    """Make sure that a file, or the names in a folder, outlive a loss of power."""
    if path.is_dir() and os.name != "posix":
        return  # Windows has no way to open a folder for this
    handle = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
