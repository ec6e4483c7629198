"""The bytes of one regular file, for libav to read: no name to guess from, no way to another file."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bili2text.errors import MediaError

_WORDS = {
    errno.ENOENT: ("no such file", "check the path"),
    errno.ENOTDIR: ("no such file", "check the path"),
    errno.EACCES: ("no permission to read", "change its permissions, or run as its owner"),
    errno.EPERM: ("no permission to read", "change its permissions, or run as its owner"),
    errno.ELOOP: ("a link that leads nowhere", "check the path"),
    errno.ENAMETOOLONG: ("no such file (the name is too long)", "check the path"),
}


class Reader:
    """A regular file as libav wants it: read, seek, tell. Close it.

    Raises MediaError for whatever is not a regular file, at once and without opening it, and for a file of
    more than `max_bytes`; later, when the disk fails or `max_barren` bytes pass without a call of `fertile`.
    """

    def __init__(self, path: Path, shown: str, *, max_bytes: int, max_barren: int) -> None:
        self._shown, self._max_barren, self._barren = shown, max_barren, 0
        with _os_errors(shown):
            # Opening a FIFO waits for a writer, and opening a device may do anything: look first.
            _demand_regular(path.stat(), shown)
            flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
            self._file = os.fdopen(os.open(path, flags), "rb", buffering=0)
        try:
            found = os.fstat(self._file.fileno())
            _demand_regular(found, shown)  # again: by now the name may stand for something else
            _demand_size(found.st_size, max_bytes, shown)
        except BaseException:
            self.close()
            raise
        self.size = found.st_size

    def read(self, count: int) -> bytes:
        """Return at most `count` bytes from here on; nothing at the end."""
        with _os_errors(self._shown):
            found = self._file.read(count)
        self._barren += len(found)
        if self._barren > self._max_barren:
            raise MediaError(
                f"nothing but noise in {self._barren:,} bytes of {self._shown}",
                hint="is this a media file? Try to play it",
            )
        return found

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to `offset` and return where that is."""
        with _os_errors(self._shown):
            return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return where the next read begins."""
        return self._file.tell()

    def fertile(self) -> None:
        """Take note that what was read has made sense."""
        self._barren = 0

    def peek(self, offset: int, count: int) -> bytes:
        """Return at most `count` bytes at `offset`, without moving."""
        here = self.tell()
        self.seek(offset)
        found = self.read(count)
        self.seek(here)
        return found

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _demand_regular(found: os.stat_result, shown: str) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise MediaError(f"a folder, not a file: {shown}", hint="name the file in it")
    if not stat.S_ISREG(found.st_mode):
        raise MediaError(
            f"a pipe, device or socket, not a file: {shown}",
            hint="save it to a file first, or pass - for stdin",
        )


def _demand_size(size: int, largest: int, shown: str) -> None:
    if not size:
        raise MediaError(f"empty file: {shown}", hint="download or copy it again")
    if size > largest:
        raise MediaError(f"too large, {size:,} bytes: {shown}", hint="cut it into parts: ffmpeg -c copy")


@contextmanager
def _os_errors(shown: str) -> Iterator[None]:
    """Turn the operating system's refusals into MediaError."""
    try:
        yield
    except ValueError as error:  # a NUL in the name
        raise MediaError(f"no such file: {shown}", hint="check the path") from error
    except OSError as error:
        words, hint = _WORDS.get(
            error.errno or 0, ("cannot read", "check the disk, or copy the file elsewhere")
        )
        reason = "" if error.errno in _WORDS else f" ({error.strerror or error})"
        raise MediaError(f"{words}: {shown}{reason}", hint=hint) from error
