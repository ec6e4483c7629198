"""The name of a job: the same sound with the same options is the same job, wherever the file lies."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bili2text.errors import SourceError
from bili2text.files import clean_text
from bili2text.jobs.lines import canonical
from bili2text.progress import Progress, Silent

if TYPE_CHECKING:
    from bili2text.subtitles.writers import Json

KEY_LENGTH = 32  # hexadecimal digits: 128 bits, so that no two jobs of any user's meet
_LARGE = 200_000_000  # bytes; reading less takes about a second from any disk, and no bar
_BLOCK = 1 << 20  # bytes read at a time


def audio_digest(path: Path, progress: Progress) -> str:
    """Return the sha256 of the bytes of `path`, in hex; a large file opens a stage "hash" in bytes.

    Raises SourceError when it cannot be read, or changes while it is.
    """
    try:
        with path.open("rb") as file:
            before = _identity(file)
            watched = progress if before[0] > _LARGE else Silent()
            found = hashlib.sha256()
            with watched.stage("hash", before[0], "B") as stage:
                while block := file.read(_BLOCK):
                    found.update(block)
                    stage.advance(len(block))
            if _identity(file) != before:
                raise SourceError(
                    f"it is being written to: {clean_text(str(path))}", hint="wait until it is whole"
                )
    except OSError as error:
        raise SourceError(
            f"cannot read {clean_text(str(path))}: {error.strerror or error}",
            hint="check the path and its permissions",
        ) from error
    return found.hexdigest()


def job_key(digest: str, options: Mapping[str, Json]) -> str:
    """Return the key of the job that hears the sound of that digest with these options: 32 hex digits.

    The order of the options does not count. Raises ValueError for NaN and infinities among them.
    """
    whole = canonical({"audio": digest, "options": options})
    return hashlib.sha256(whole.encode("ascii")).hexdigest()[:KEY_LENGTH]


def _identity(file: BinaryIO) -> tuple[int, int]:
    facts = os.fstat(file.fileno())
    return facts.st_size, facts.st_mtime_ns
