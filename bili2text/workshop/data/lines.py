"""The lines of a text file, numbered, whatever encoding it says it is in."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from bili2text.errors import SourceError, UsageError
from bili2text.workshop.data.filters import holds_chinese

CHECK_PATH = "check the path"
BROKEN = "\ufffd"  # stands where bytes were no text
_LOOK = 65_536  # bytes that the encoding is judged by
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def numbered(path: Path, encoding: str | None = None) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each line, without its end; U+FFFD stands for what is no text.

    A byte order mark is believed (UTF-8, 16 or 32), whatever `encoding` says; without one it is UTF-8, unless
    `encoding` names another. Reads .gz as what is in it. Raises UsageError for an unknown encoding;
    SourceError for a file that is not there, is no text, or is mostly not in its encoding: Chinese in GB18030
    is told apart, and not guessed; UTF-8 that is said to be something else would be read as nonsense.
    """
    try:
        with _opened(path) as file:
            found = _encoding(file.read(_LOOK), path, encoding)
            file.seek(0)
            # only LF ends a line: a text may hold the other ends that Python knows, U+2028 among them
            with io.TextIOWrapper(file, found, errors="replace", newline="\n") as reader:
                for number, line in enumerate(reader, start=1):
                    yield number, line.rstrip("\r\n")
    except FileNotFoundError as error:
        raise SourceError(f"there is no file {path}", hint=CHECK_PATH) from error
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


def _opened(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.suffix.lower() == ".gz" else path.open("rb")


def _encoding(start: bytes, path: Path, told: str | None) -> str:
    known = None if told is None else _known(told)
    marked = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    if marked is not None:
        return marked
    lines = [line for line in start.split(b"\n")[:-1] or [start] if not line.isascii()]
    wrong = [line for line in lines if not _is(line, "utf-8")]
    if known is not None:
        if not (wrong or known.startswith("utf-8")) and holds_chinese(b"".join(lines).decode("utf-8")):
            raise SourceError(f"{path} is UTF-8, not {known}", hint="leave out --encoding for it")
        return known
    if b"\x00" in start:
        raise SourceError(f"{path} is no text", hint="pass TSV, JSONL or Parquet; or --encoding utf-16")
    if 2 * len(wrong) <= len(lines):  # a few broken lines are counted, and the rest is read
        return "utf-8"
    if all(_is(line, "gb18030") for line in wrong):
        raise SourceError(
            f"{path} is not UTF-8; it may be GB18030 (GBK)",
            hint="pass --encoding gb18030, or save it as UTF-8",
        )
    raise SourceError(f"{path} is not UTF-8", hint="pass --encoding, or save it as UTF-8")


def _known(name: str) -> str:
    try:
        known = codecs.lookup(name)
    except LookupError as error:
        raise UsageError(
            f"no encoding {name}", hint="utf-8, utf-16 and gb18030 are among the known"
        ) from error
    if known.name in ("base64", "hex", "rot13", "quopri", "uu", "zlib", "bz2"):  # bytes to bytes
        raise UsageError(f"{name} is no encoding of text")
    return known.name


def _is(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
