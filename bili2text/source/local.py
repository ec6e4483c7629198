"""Sources that need no network: a file of the user's, and bytes on standard input."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from bili2text.errors import SourceError, UsageError
from bili2text.files import clean_text, storage_error
from bili2text.progress import Progress
from bili2text.source.media import Media

_BLOCK = 1 << 20  # bytes
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def open_file(path: Path) -> Media:
    """Return the Media of a local file. Raises SourceError when it is no readable, regular, non-empty file.

    Nothing but a regular file is ever opened: opening a pipe waits for a writer that may never come.
    """
    shown = clean_text(str(path))
    try:
        mode = path.stat()
        if not stat.S_ISREG(mode.st_mode):
            kind = next((name for test, name in _KINDS if test(mode.st_mode)), "no regular file")
            raise SourceError(f"not a file but {kind}: {shown}", hint="name one audio or video file")
        with path.open("rb") as file:
            empty = not file.read(1)
    except FileNotFoundError as error:
        raise SourceError(f"no such file: {shown}", hint="check the path") from error
    except PermissionError as error:
        raise SourceError(
            f"no permission to read {shown}", hint="change its permissions, or copy it"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = clean_text(getattr(error, "strerror", None) or str(error))
        raise SourceError(f"cannot read {shown}: {why}", hint="check the path") from error
    if empty:
        raise SourceError(f"an empty file: {shown}", hint="check whether its download or copy was finished")
    return Media(
        path=path, title=clean_text(path.stem) or "untitled", id=None, site="file", url=None, duration=None
    )  # fmt: skip


@contextmanager
def spooled(stream: BinaryIO, staging: Path, limit: int, progress: Progress) -> Iterator[Media]:
    """Yield standard input as a Media in the `staging` folder; it is removed afterwards.

    Raises UsageError when `stream` is a terminal, SourceError when it is empty or longer than `limit` bytes,
    StorageError when the folder cannot take it.
    """
    if stream.isatty():
        raise UsageError(
            "nothing is piped to standard input", hint="bili2text audio - < talk.mp3, or name the file itself"
        )
    try:
        staging.mkdir(parents=True, exist_ok=True)
        _sweep(staging)
        folder = Path(tempfile.mkdtemp(prefix=f"stdin-{os.getpid()}-", dir=staging))
    except OSError as error:
        raise storage_error(error, staging) from error
    try:
        path = folder / "media"
        if not _copy(stream, path, limit, progress):
            raise SourceError("nothing came on standard input", hint="check the program before the pipe")
        yield Media(path=path, title="stdin", id=None, site="stdin", url=None, duration=None)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(stream: BinaryIO, path: Path, limit: int, progress: Progress) -> int:
    """Copy all of `stream`; return how many bytes that were."""
    size = 0
    try:
        with path.open("wb") as file, progress.stage("read", None, "B") as stage:
            while block := stream.read(_BLOCK):
                size += len(block)
                if size > limit:
                    raise SourceError(
                        f"more than {limit} bytes on standard input",
                        hint="save it to a file and name the file",
                    )
                file.write(block)
                stage.advance(len(block))
    except OSError as error:
        raise storage_error(error, path) from error
    return size


def _sweep(staging: Path) -> None:
    """Remove what killed processes left of their standard input."""
    for folder in staging.glob("stdin-*-*"):
        number = folder.name.split("-")[1]
        if number.isdigit() and not _alive(int(number)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    if os.name != "posix":
        return True  # os.kill(pid, 0) ends the process on Windows
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
