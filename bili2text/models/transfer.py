"""Bytes over HTTP into a file: continued where they stopped, tried again when that may help."""

from __future__ import annotations

import http.client
import json
import re
import time
from pathlib import Path

from bili2text import files
from bili2text.errors import ModelError
from bili2text.models.hubs import host_of
from bili2text.models.manifest import Expected
from bili2text.models.wire import (
    ELSEWHERE,
    Client,
    NotHereError,
    Patience,
    RangeRefusedError,
    TryAgainError,
    network,
)
from bili2text.progress import Stage

_BLOCK = 1 << 18
_LISTING = 8 << 20  # no hub's list of a repository is longer
_WORTH = 1 << 16  # an attempt that brought this much was not in vain
_RANGE = re.compile(r"bytes (\d+)-\d*/(\d+|\*)")


def fetch_json(client: Client, url: str) -> object:
    """Return the JSON at `url`. Raises NotHereError, or ModelError when there is none to be had."""
    failures = 0
    while True:
        try:
            with client.open(url) as reply:
                return json.loads(_read(reply, url, _LISTING))
        except ValueError as error:
            raise ModelError(f"{host_of(url)} did not answer like a hub", hint=ELSEWHERE) from error
        except TryAgainError as again:
            failures = _pause(client.patience, failures + 1, again)


def fetch_file(client: Client, url: str, part: Path, expected: Expected, stage: Stage) -> None:
    """Have the whole of `url` in `part`, keeping the bytes that are there. Only the length is checked here.

    Raises NotHereError, ModelError when the hub cannot be reached or sends something else, StorageError.
    """
    failures = 0
    stage.advance(_size(part))
    while True:
        before = _size(part)
        try:
            return _continue(client, url, part, expected, stage)
        except TryAgainError as again:
            failures = 1 if _size(part) - before >= _WORTH else failures + 1
            _pause(client.patience, failures, again)


def _continue(client: Client, url: str, part: Path, expected: Expected, stage: Stage) -> None:
    start = _size(part)
    if expected.size is not None and start >= expected.size:
        if start == expected.size:
            return
        _drop(part, stage)
        start = 0
    try:
        with client.open(url, start) as reply:
            at, total = _accept(reply, start, expected, url)
            stage.advance(at - start)
            got = _save(reply, url, part, at, stage)
    except RangeRefusedError:
        _drop(part, stage)
        raise
    if total is not None and got < total:
        raise TryAgainError("the connection ended early")
    if total is not None and got > total:
        _drop(part, stage)
        raise ModelError(f"{host_of(url)} sends more bytes than {expected.name} has", hint=ELSEWHERE)


def _accept(
    reply: http.client.HTTPResponse, start: int, expected: Expected, url: str
) -> tuple[int, int | None]:
    """Return the byte the body begins at and the file's length, None if nobody said. Raises ModelError."""
    if "html" in (reply.headers.get_content_type() or ""):
        hint = "a proxy or a login page may be in the way: --proxy URL, or another hub: --hub hf-mirror"
        raise ModelError(f"{host_of(url)} sent a web page instead of {expected.name}", hint=hint)
    length = reply.headers.get("Content-Length", "")
    at, total = 0, int(length) if length.isdigit() else None
    if reply.status == 206:
        match = _RANGE.fullmatch(reply.headers.get("Content-Range", ""))
        if not match or int(match[1]) != start:
            raise ModelError(f"{host_of(url)} sent another part of {expected.name}", hint=ELSEWHERE)
        at, total = start, int(match[2]) if match[2].isdigit() else expected.size
    if expected.size is not None and total not in (None, expected.size):
        message = f"{host_of(url)} has another {expected.name}: {total} bytes, not {expected.size}"
        raise NotHereError(message, hint=ELSEWHERE)
    return at, total if total is not None else expected.size


def _save(reply: http.client.HTTPResponse, url: str, part: Path, at: int, stage: Stage) -> int:
    """Write the body into `part` from byte `at` on and return the length it then has."""
    try:
        with part.open("r+b" if part.exists() else "wb") as file:
            file.truncate(at)
            file.seek(at)
            while block := _read(reply, url, _BLOCK):
                file.write(block)
                stage.advance(len(block))
            return file.tell()
    except OSError as error:
        raise files.storage_error(error, part) from error


def _read(reply: http.client.HTTPResponse, url: str, size: int) -> bytes:
    with network(url):
        return reply.read(size)


def _pause(patience: Patience, failures: int, again: TryAgainError) -> int:
    if failures >= patience.attempts:
        raise ModelError(
            f"download failed after {failures} attempts: {again.reason}", hint=ELSEWHERE
        ) from again
    time.sleep(patience.wait(failures, again.wait))
    return failures


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _drop(part: Path, stage: Stage) -> None:
    stage.advance(-_size(part))
    part.unlink(missing_ok=True)
