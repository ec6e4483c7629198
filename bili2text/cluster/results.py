"""Where results are kept: a folder, or a bucket, that every worker reaches through fsspec.

The files of a recording are whole once its mark says so, which is written last: their names and sizes. A file
appears whole or not at all: where a name can be taken in one step it is written under another one first;
an object of a bucket is there only once all of it is. The only file that imports fsspec.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bili2text.errors import DependencyError, StorageError, UsageError
from bili2text.files import clean_text
from bili2text.lists.values import Entry

MARKS = ".bili2text"  # the folder of marks and of files under way, in the results' place
# an upload to these is there as a whole or not at all (Amazon S3 User Guide, "data consistency model";
# Cloud Storage, "Consistency"; the memory of a process)
_AT_ONCE = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory"})
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known of a recording's files."""

    files: Mapping[str, int]  # bytes, by name; 0 until they are whole
    whole: bool
    facts: Mapping[str, Any]


class Results:
    """The place of results. Every method raises StorageError when it cannot be reached or written."""

    def __init__(self, address: str) -> None:
        """`address` is a folder or "scheme://...", whose keys come from the environment, never from here.

        Raises UsageError for an address with a password in it, DependencyError without fsspec.
        """
        parts = urlsplit(address) if "://" in address else None
        if parts is not None and "@" in parts.netloc:
            raise UsageError(
                "an address of results must hold no user or password",
                hint="leave keys to the environment of each machine, as its provider documents",
            )
        self.address = address if parts is not None else str(Path(address).expanduser().absolute())
        self._at_once = parts is not None and parts.scheme in _AT_ONCE
        self._fs, self._root = _opened(self.address)

    def shown(self, name: str) -> str:
        """Return the address of a file."""
        return f"{self.address.rstrip('/')}/{name}"

    def whole(self, key: str) -> Mark | None:
        """Return the mark of a recording all of whose files are there in their sizes, else None."""
        mark = self._mark(key)
        if mark is None or not mark.whole:
            return None
        return mark if all(self._size(name) == size for name, size in mark.files.items()) else None

    def claim(self, key: str, names: Sequence[str], *, overwrite: bool) -> None:
        """Write down that these files will be this recording's.

        Raises StorageError for one that is there and is nobody's, or another recording's.
        """
        mark = self._mark(key)
        if mark is not None:
            self.clear(key)  # what the workers of a run that died left
            if set(mark.files) != set(names):
                self.withdraw(key)  # they are called otherwise now
        theirs = () if mark is None else tuple(mark.files)
        if not overwrite:
            for name in set(names).difference(theirs):
                if self._size(name) is not None:
                    shown = clean_text(self.shown(name))
                    raise StorageError(f"already there: {shown}", hint="pass --overwrite to replace it")
        self._note(key, dict.fromkeys(names, 0), whole=False, facts={})

    def put(self, key: str, files: Mapping[str, Path], facts: Mapping[str, Any]) -> None:
        """Write all files of a recording, then its mark."""
        sizes: dict[str, int] = {}
        for name, path in files.items():
            content = path.read_bytes()
            self._write(key, name, content)
            sizes[name] = len(content)
        self._note(key, sizes, whole=True, facts=facts)

    def clear(self, key: str) -> None:
        """Remove what a writer that died left half written; nobody may be writing this recording."""
        with _told(self.address):
            for path in self._listed():
                if path.rpartition("/")[2].startswith(f"{key}.") and path.endswith(".part"):
                    with suppress(FileNotFoundError):
                        self._fs.rm_file(path)

    def withdraw(self, key: str) -> None:
        """Remove the files of a recording that is given up, unless they are whole."""
        mark = self._mark(key)
        if mark is None or self.whole(key) is not None:
            return
        self.clear(key)
        for name in (*mark.files, f"{MARKS}/{key}.json"):
            with _told(self.address), suppress(FileNotFoundError):
                self._fs.rm_file(self._path(name))

    def leave(self, word: str) -> None:
        """Leave a word, "NAME-ANYTHING", so that others know they see the same place.

        One of that name that a run which died left is replaced.
        """
        self._write(_name_of(word), f"{MARKS}/{_name_of(word)}.here", word.encode())

    def sees(self, word: str) -> bool:
        """Return whether a word was left."""
        return self._read(f"{MARKS}/{_name_of(word)}.here") == word.encode()

    def take_away(self, word: str) -> None:
        """Take a word away again."""
        with _told(self.address), suppress(FileNotFoundError):
            self._fs.rm_file(self._path(f"{MARKS}/{_name_of(word)}.here"))

    def _note(self, key: str, files: Mapping[str, int], *, whole: bool, facts: Mapping[str, Any]) -> None:
        record = {"format": _FORMAT, "files": dict(files), "whole": whole, "facts": dict(facts)}
        self._write(key, f"{MARKS}/{key}.json", json.dumps(record, ensure_ascii=False).encode())

    def _mark(self, key: str) -> Mark | None:
        raw = self._read(f"{MARKS}/{key}.json")
        try:
            found = json.loads(raw) if raw is not None else None
        except ValueError:
            return None
        if not isinstance(found, dict) or found.get("format") != _FORMAT or not _plain(found.get("files")):
            return None
        facts = found.get("facts")
        return Mark(found["files"], found.get("whole") is True, facts if isinstance(facts, dict) else {})

    def _read(self, name: str) -> bytes | None:
        with _told(self.address), suppress(FileNotFoundError):
            self._fs.invalidate_cache()
            content: bytes = self._fs.cat_file(self._path(name))
            return content
        return None

    def _size(self, name: str) -> int | None:
        with _told(self.address), suppress(FileNotFoundError):
            self._fs.invalidate_cache()
            return int(self._fs.info(self._path(name))["size"])
        return None

    def _write(self, key: str, name: str, content: bytes) -> None:
        path = self._path(name)
        with _told(self.address):
            if self._at_once:
                self._fs.pipe_file(path, content)
                return
            # named after the recording and this process, so that whoever comes after a death can clear up
            digest = hashlib.sha256(name.encode()).hexdigest()[:8]
            temporary = self._path(f"{MARKS}/{key}.{digest}.{os.getpid()}.part")
            self._fs.makedirs(self._path(MARKS), exist_ok=True)
            with self._fs.open(temporary, "wb") as file:
                file.write(content)
                file.flush()
                with suppress(AttributeError, OSError):  # what is no file of this computer syncs itself
                    os.fsync(file.fileno())
            self._fs.mv(temporary, path)

    def _listed(self) -> list[str]:
        try:
            found: list[str] = self._fs.ls(self._path(MARKS), detail=False)
        except FileNotFoundError:
            return []
        return found

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"


def key_of(entry: Entry, parents: Sequence[Entry], mark: str) -> str:
    """Return what the results of an entry are called: by its links and the options that decide the words."""
    links = json.dumps([mark, *(one.link for one in parents), entry.link], ensure_ascii=True)
    return hashlib.sha256(links.encode()).hexdigest()[:24]


def _name_of(word: str) -> str:
    return word.partition("-")[0]


def _plain(files: object) -> bool:
    """Return whether these are names and sizes that a mark of ours can hold: none leads elsewhere."""
    return isinstance(files, dict) and all(
        isinstance(name, str) and "/" not in name and "\\" not in name and name not in ("", ".", "..")
        and type(size) is int
        for name, size in files.items()
    )  # fmt: skip


def _opened(address: str) -> tuple[Any, str]:
    try:
        import fsspec
    except ImportError as error:
        raise DependencyError("fsspec is not installed", hint="pip install 'bili2text[ray]'") from error
    try:
        fs, root = fsspec.core.url_to_fs(address)
        fs.makedirs(root, exist_ok=True)
    except ImportError as error:
        raise DependencyError(f"{address}: {error}", hint="install what it names on every machine") from error
    except ValueError as error:
        raise UsageError(
            f"no place for results: {clean_text(address)}", hint=clean_text(str(error))
        ) from error
    except Exception as error:
        raise _unreached(address, error) from error
    return fs, str(root).rstrip("/")


class _told:  # noqa: N801 - reads as what it does
    """A context in which errors of a file system, whichever it is, are ours."""

    def __init__(self, address: str) -> None:
        self._address = address

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, (FileNotFoundError, StorageError)):
            raise _unreached(self._address, error) from error


def _unreached(address: str, error: Exception) -> StorageError:
    # what a provider's library says may hold a key: its class is enough
    said = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return StorageError(
        f"cannot use the results' place {clean_text(address)}: {said}",
        hint="check the address, and the keys in the environment of each machine",
    )
