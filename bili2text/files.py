"""Files that appear whole or not at all, under names that cannot leave their folder."""

from __future__ import annotations

import errno
import os
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bili2text.errors import Bili2TextError, StorageError

NAME_BYTES = 120  # a stem; leaves room under 200 for an id, a language and an extension
# Characters that Windows forbids in names, and the device names it reserves whatever the extension.
_FORBIDDEN = str.maketrans({character: "_" for character in '<>:"/\\|?*'})
_RESERVED = {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(10)}
_JOINERS = "\u200c\u200d"  # they hold emoji and Indic letters together; the only format characters kept


def clean_text(text: str) -> str:
    """Return `text` on one line, without control, bidirectional or other invisible characters.

    Lone surrogates become "?". What is left can be shown in a terminal or written to any file.
    """
    text = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))
    kept = (
        " " if character.isspace() else character
        for character in text
        if character.isspace() or character in _JOINERS or unicodedata.category(character) not in _INVISIBLE
    )
    return " ".join("".join(kept).split())


_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn"}


def cut_bytes(text: str, limit: int) -> str:
    """Return the longest prefix of `text` that is at most `limit` bytes of UTF-8 and ends on a character."""
    return text.encode("utf-8")[:limit].decode("utf-8", "ignore").rstrip(_JOINERS)


def safe_name(title: str, *, fallback: str = "untitled", limit: int = NAME_BYTES) -> str:
    """Return a file stem made from `title`: safe on Linux, macOS and Windows, at most `limit` bytes.

    Never empty, never "..", never hidden, never an option ("-rf"), never a reserved device name.
    """
    name = cut_bytes(clean_text(title).translate(_FORBIDDEN), limit).strip(" .").lstrip("-~").strip(" .")
    if not name:
        return fallback
    if name.split(".")[0].strip().lower() in _RESERVED:
        name = cut_bytes(f"_{name}", limit)
    return name


def storage_error(error: OSError, path: Path) -> Bili2TextError:
    """Return our error for an operating system's `error` about writing `path`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageError(f"the disk is full: {path}", hint="free some space, or choose another folder")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StorageError(
            f"no permission to write {path}", hint="choose another folder, or change its permissions"
        )
    return StorageError(f"cannot write {path}: {error.strerror or error}", hint="choose another folder")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on a clean exit it is synced and takes the name in one step.

    Whatever goes wrong, the temporary file is removed and `path` is as it was.
    Raises StorageError when the folder cannot take the file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise storage_error(error, path) from error
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def write_whole(path: Path, text: str, *, overwrite: bool) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all.

    Raises StorageError when `path` exists and `overwrite` is False, is a link or no plain file, or the
    folder cannot take it.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise StorageError(f"not a plain file: {path}", hint="remove it, or choose another folder")
    if path.exists() and not overwrite:
        raise StorageError(f"already there: {path}", hint="pass --overwrite to replace it, or --skip to keep it")
    with whole(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def _umask() -> int:
    # The only way to read the mask is to set it; mkstemp's 0600 would hide results from the user's group.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
