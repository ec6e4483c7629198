"""Files that appear whole or not at all, under names that cannot leave their folder."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import secrets
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from bili2text.cells import JOINERS, graphemes
from bili2text.errors import Bili2TextError, StorageError

NAME_BYTES = 120  # a stem; leaves room under 200 for an id, a language and an extension
# Characters that Windows forbids in names, and the device names it reserves whatever the extension.
_FORBIDDEN = str.maketrans(dict.fromkeys('<>:"/\\|?*', "_"))
_RESERVED = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³"
}
_INVISIBLE = {"Cc", "Cf", "Cs", "Co"}  # control, format (bidi among them), surrogate, private use
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0\u2800"  # Hangul fillers and empty braille: letters with no ink
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)


def clean_text(text: str) -> str:
    """Return `text` on one line, in NFC, without control, bidirectional or other invisible characters.

    Every run of blanks and line ends becomes one blank; lone surrogates become "?". What is left can be
    shown in a terminal or written to any file. Cleaning twice is cleaning once.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    text = text.encode("utf-8", "replace").decode("utf-8")
    kept = "".join(" " if character.isspace() else character for character in text if _shows(character))
    # Composed after dropping: what was dropped may have stood between a letter and its accent.
    words = (word.lstrip(JOINERS) for word in unicodedata.normalize("NFC", kept).split())
    return " ".join(word for word in words if word)


def cut_bytes(text: str, limit: int) -> str:
    """Return the longest prefix of `text` that is at most `limit` bytes of UTF-8 and ends on a grapheme."""
    if len(text.encode("utf-8")) <= limit:
        return text
    kept, size = [], 0
    for cluster in graphemes(text):
        size += len(cluster.encode("utf-8"))
        if size > limit:
            break
        kept.append(cluster)
    # One letter under a heap of accents can be too long by itself; then a part of it is better than nothing.
    return "".join(kept) or text.encode("utf-8")[: max(limit, 0)].decode("utf-8", "ignore")


def safe_name(title: str, *, fallback: str = "untitled", limit: int = NAME_BYTES) -> str:
    """Return a file stem made from `title`: safe on Linux, macOS and Windows, at most `limit` bytes.

    Never `title` as a path: no separator, never empty, never "..", never hidden, never an option ("-rf"),
    never a name Windows reserves for a device. Naming the result again changes nothing.
    """
    name = _cut_name(clean_text(title).translate(_FORBIDDEN).lstrip(f" .-~{JOINERS}"), limit)
    if name.split(".")[0].rstrip().lower() in _RESERVED:
        name = _cut_name(f"_{name}", limit)
    return name or fallback


def storage_error(error: OSError, path: Path) -> Bili2TextError:
    """Return our error for an operating system's `error` about writing `path`."""
    shown = clean_text(str(path))
    if error.errno in _FULL:
        return StorageError(f"the disk is full: {shown}", hint="free some space, or choose another folder")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StorageError(
            f"no permission to write {shown}", hint="choose another folder, or change its permissions"
        )
    return StorageError(f"cannot write {shown}: {error.strerror or error}", hint="choose another folder")


@contextmanager
def whole(path: Path, *, replace: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on a clean exit it is synced and takes the name in one step.

    Whatever goes wrong, the temporary file is removed and `path` is as it was. With `replace` False a file
    that has appeared at `path` meanwhile is kept, and StorageError raised.
    Raises StorageError when the folder cannot take the file. Errors of the caller's own work pass through,
    but for a full disk: a broken connection is an OSError too and says nothing about this file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _claim(path.parent)
    except OSError as error:
        raise storage_error(error, path) from error
    try:
        try:
            yield temporary
        except OSError as error:
            if error.errno in _FULL or error.filename == str(temporary):
                raise storage_error(error, path) from error
            raise
        try:
            sync(temporary)
            _take_name(temporary, path, replace=replace)
        except OSError as error:
            raise storage_error(error, path) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_whole(path: Path, text: str, *, overwrite: bool) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all.

    Raises StorageError when `path` exists and `overwrite` is False, is a link or no plain file, or the
    folder cannot take it.
    """
    refuse_target(path, overwrite=overwrite)
    with whole(path, replace=overwrite) as temporary:
        write_synced(temporary, text, named=path)


def write_synced(temporary: Path, text: str, *, named: Path) -> None:
    """Write `text` as UTF-8 to `temporary` and wait for the disk. Raises StorageError about `named`."""
    try:
        temporary.write_bytes(text.encode("utf-8"))
        sync(temporary)
    except OSError as error:
        raise storage_error(error, named) from error


def refuse_target(path: Path, *, overwrite: bool, instead: str = "") -> None:
    """Raise StorageError if a file must not be written at `path`: a link, no plain file, or there already.

    `instead` is what else can be done about one that is there, for the hint.
    """
    shown = clean_text(str(path))
    try:
        is_link, is_there, is_plain = path.is_symlink(), path.exists(), path.is_file()
    except OSError as error:
        raise storage_error(error, path) from error
    if is_link or (is_there and not is_plain):
        raise StorageError(f"not a plain file: {shown}", hint="remove it, or choose another folder")
    if is_there and not overwrite:
        raise _already_there(path, instead)


def prove_writable(folder: Path) -> None:
    """Make `folder` if it is missing and show that it takes a file. Raises StorageError.

    What processes of this computer that were killed left half written there is removed.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _claim(folder).unlink()
        _sweep(folder)
    except OSError as error:
        raise storage_error(error, folder) from error


def sync(path: Path) -> None:
    """Wait until the disk has the contents of `path`. Raises OSError."""
    with path.open("rb+") as file:  # writable, because Windows flushes only what may be written
        os.fsync(file.fileno())


def _cut_name(name: str, limit: int) -> str:
    return cut_bytes(name, limit).rstrip(f" .{JOINERS}")


def _claim(folder: Path) -> Path:
    # Not tempfile: its files are 0600 and the user's umask, which cannot be read without changing it for
    # every thread, would have to be put back by hand. O_EXCL takes a fresh name and follows no link.
    path = folder / f".{_here()}-{os.getpid()}-{secrets.token_hex(8)}.part"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    return path


def _sweep(folder: Path) -> None:
    """Remove the temporary files of processes that are gone; another computer's are none of ours to judge."""
    for path in folder.glob(f".{_here()}-*-*.part"):
        number = path.name.split("-")[1]
        if number.isdigit() and not _lives(int(number)):
            with suppress(OSError):
                path.unlink()


def _lives(pid: int) -> bool:
    import psutil  # only where there is something to judge: it takes a while to import

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:  # it is there, and not ours to ask
        return True


@cache
def _here() -> str:
    """Return a mark of where process numbers mean what they mean here: this computer, or this container."""
    try:
        numbers = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        numbers = ""
    return hashlib.sha256(f"{platform.node()} {numbers}".encode("utf-8", "replace")).hexdigest()[:8]


def _take_name(temporary: Path, path: Path, *, replace: bool) -> None:
    if replace:
        temporary.replace(path)
    elif os.name == "nt":
        _rename_new(temporary, path)
    else:
        _link_new(temporary, path)
    if os.name != "nt":  # a new name is durable once its folder is
        with suppress(OSError):  # some network file systems cannot sync a folder; the file itself is synced
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def _rename_new(temporary: Path, path: Path) -> None:
    try:
        temporary.rename(path)  # on Windows this refuses a name that is taken
    except FileExistsError as error:
        raise _already_there(path) from error


def _link_new(temporary: Path, path: Path) -> None:
    # link(2) refuses a name that is taken, in one step, where rename(2) would replace the file.
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        raise _already_there(path) from error
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        refuse_target(path, overwrite=False)  # FAT has no links: as close to one step as it gets
        temporary.replace(path)


def _already_there(path: Path, instead: str = "") -> StorageError:
    hint = "pass --overwrite to replace it" + (f", or {instead}" if instead else "")
    return StorageError(f"already there: {clean_text(str(path))}", hint=hint)


def clean_lines(text: str) -> list[str]:
    """Return the lines of a text laid out in columns, each cleaned, its blanks as they are."""
    return [
        "".join(part if part.isspace() else clean_text(part) for part in re.split(r"( +)", line)).rstrip()
        for line in text.splitlines()
    ]


def _shows(character: str) -> bool:
    if character.isspace() or character in JOINERS:
        return True
    category = unicodedata.category(character)
    if (
        category == "Cn"
    ):  # newer than this Python (an emoji, a rare Han character), or never to be a character
        code = ord(character)
        return not (code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF or 0xE0000 <= code <= 0xE0FFF)
    return category not in _INVISIBLE and character not in _BLANK_LETTERS
