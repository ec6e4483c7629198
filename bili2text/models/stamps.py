"""Hashes of files, and the stamps that spare hashing them twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bili2text.errors import ModelError, StorageError
from bili2text.files import whole
from bili2text.models.manifest import Expected
from bili2text.progress import Progress, Stage

if TYPE_CHECKING:
    from hashlib import _Hash

BLOCK = 1 << 20  # bytes read at a time


@dataclass(frozen=True, slots=True)
class Digest:
    """The size and the hashes of one file's bytes."""

    size: int
    sha256: str
    git_sha1: str


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells a file from a changed one without reading it.

    Not its ctime: a rename or a new hard link changes that, and neither changes the bytes.
    """

    size: int
    mtime_ns: int
    inode: int


class Hasher:
    """Takes in a file's bytes in order; its size must be known first, git hashes it before the bytes."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._sha256: _Hash = hashlib.sha256()
        self._git: _Hash = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)

    def update(self, block: bytes) -> None:
        """Take in the next bytes."""
        self._sha256.update(block)
        self._git.update(block)

    def digest(self) -> Digest:
        """Return the hashes of all bytes taken in."""
        return Digest(self._size, self._sha256.hexdigest(), self._git.hexdigest())


def hash_file(path: Path, stage: Stage) -> Digest:
    """Return the hashes of `path`, advancing `stage` by the bytes read. Raises OSError."""
    with path.open("rb") as file:
        hasher = Hasher(path.stat().st_size)
        while block := file.read(BLOCK):
            hasher.update(block)
            stage.advance(len(block))
    return hasher.digest()


def fault(expected: Expected, found: Digest) -> str | None:
    """Return what is wrong with the file that has these hashes, or None if it is all that was expected."""
    if expected.size is not None and found.size != expected.size:
        return f"it has {found.size} bytes, not {expected.size}"
    if expected.sha256 is not None:
        return (
            None
            if found.sha256 == expected.sha256
            else f"its sha256 is {found.sha256}, not {expected.sha256}"
        )
    if expected.git_sha1 is not None and found.git_sha1 != expected.git_sha1:
        return f"its git hash is {found.git_sha1}, not {expected.git_sha1}"
    return None


@dataclass(frozen=True, slots=True)
class Stamps:
    """Remembered hashes: one small JSON file for each model folder ever checked, in our cache."""

    folder: Path

    def known(self, model: Path) -> dict[str, Digest]:
        """Return the hashes of those files in `model` that have not changed since they were hashed."""
        try:
            rows = json.loads(self._file(model).read_text(encoding="utf-8"))["files"]
            return {
                name: Digest(row["size"], row["sha256"], row["git_sha1"])
                for name, row in rows.items()
                if identity(model / name) == Identity(row["size"], row["mtime_ns"], row["inode"])
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}  # a stamp only saves time: without one the files are hashed again

    def remember(self, model: Path, digests: Mapping[str, Digest]) -> None:
        """Keep the hashes of files in `model`. A cache that cannot be written costs time, not the run."""
        with suppress(OSError, StorageError):
            rows = {name: _row(model / name, found) for name, found in digests.items()}
            with whole(self._file(model)) as temporary:
                temporary.write_text(json.dumps({"model": str(model), "files": rows}), encoding="utf-8")

    def forget(self, model: Path) -> None:
        """Have the files of `model` hashed again the next time."""
        with suppress(OSError):
            self._file(model).unlink()

    def _file(self, model: Path) -> Path:
        key = hashlib.sha256(str(model.absolute()).encode("utf-8", "surrogateescape")).hexdigest()[:32]
        return self.folder / f"{key}.json"


def identity(path: Path) -> Identity:
    """Return what tells `path` from a changed file. Raises OSError."""
    facts = path.stat()
    return Identity(facts.st_size, facts.st_mtime_ns, facts.st_ino)


def hash_files(model: Path, names: Sequence[str], stamps: Stamps, progress: Progress) -> dict[str, Digest]:
    """Return the hashes of the named files of `model`, reading only those whose stamp does not hold.

    Raises ModelError when one cannot be read.
    """
    known = stamps.known(model)
    unknown = [name for name in names if name not in known]
    if unknown:
        fresh = _hash_unknown(model, unknown, progress)
        known = {**known, **fresh}
        stamps.remember(model, known)
    return {name: known[name] for name in names}


def _hash_unknown(model: Path, names: Sequence[str], progress: Progress) -> dict[str, Digest]:
    name, found = names[0], {}
    try:
        before = {name: identity(model / name) for name in names}
        with progress.stage("verify", sum(seen.size for seen in before.values()), "B") as stage:
            for name in names:
                found[name] = hash_file(model / name, stage)
                if identity(model / name) != before[name]:
                    raise ModelError(f"{name} is being written to: {model}")
    except OSError as error:
        raise ModelError(f"cannot read {model / name}: {error.strerror or error}") from error
    return found


def _row(path: Path, found: Digest) -> dict[str, object]:
    seen = identity(path)
    return {
        "size": found.size,
        "mtime_ns": seen.mtime_ns,
        "inode": seen.inode,
        "sha256": found.sha256,
        "git_sha1": found.git_sha1,
    }
