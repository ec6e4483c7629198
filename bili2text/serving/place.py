"""Where a resident translator leaves its address, and how it is found there."""

from __future__ import annotations

import hmac
import json
import os
import secrets
import stat
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import psutil

from bili2text.errors import Bili2TextError
from bili2text.files import storage_error, whole, write_synced
from bili2text.models.wire import TryAgainError
from bili2text.remote.plain import typed
from bili2text.serving.handler import proof_of
from bili2text.serving.values import Resident
from bili2text.translators.api import ApiTranslator
from bili2text.translators.api_address import address_of
from bili2text.translators.api_talk import document_of
from bili2text.translators.api_wire import Connection
from bili2text.translators.engine import Load

_LARGEST = 1 << 16  # bytes of the file
_CONNECTIONS = 32  # of one client: half of what the server allows
_GLANCE = 2.0  # seconds that a living server may take to say so


def folder_of(cache: Path) -> Path:
    """Return the folder of everything a resident translator keeps; it need not exist."""
    return cache / "serving"


def socket_of(cache: Path) -> Path:
    """Return the path of its Unix socket."""
    return folder_of(cache) / "translation.sock"


def prepare(cache: Path) -> None:
    """Make the folder, for its owner alone. Raises StorageError."""
    folder = folder_of(cache)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise storage_error(error, folder) from error


def publish(cache: Path, resident: Resident) -> None:
    """Write down how a server is reached, whole or not at all, for its owner alone. Raises StorageError."""
    path = _file(cache)
    with whole(path) as temporary:
        temporary.chmod(0o600)  # before there is a token in it
        write_synced(temporary, json.dumps(asdict(resident)), named=path)


def withdraw(cache: Path) -> None:
    """Remove what was published, if it is there."""
    for path in (_file(cache), socket_of(cache)):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def find(cache: Path) -> Resident | None:
    """Return the translator that is resident here and answers now, or None.

    What a server left that was killed counts for nothing, even where another program has its port or its
    process number by now: the one that answers must show that it knows the token.
    """
    try:
        resident = _published(_file(cache))
        return resident if psutil.pid_exists(resident.pid) and _answers(resident) else None
    except (OSError, ValueError, OverflowError, Bili2TextError, TryAgainError):
        return None


def translator_of(resident: Resident) -> ApiTranslator:
    """Return a translator that asks a resident one. Nothing is sent before it is used."""
    load = Load(Path(), "api", "cpu", batch_size=resident.batch, url=resident.url, model=resident.model)
    # a second batch waits while the first is computed
    concurrency = min(2 * resident.batch, _CONNECTIONS)
    return ApiTranslator(load, resident.token, concurrency=concurrency, ours=True)


def _file(cache: Path) -> Path:
    return folder_of(cache) / "translation.json"


def _published(path: Path) -> Resident:
    """Return what a file says. Raises OSError, or ValueError for one that is not ours or makes no sense."""
    with path.open("rb") as file:
        seen = os.fstat(file.fileno())
        if not stat.S_ISREG(seen.st_mode):
            raise ValueError("no plain file")
        if os.name == "posix" and (seen.st_uid != os.getuid() or seen.st_mode & 0o077):
            raise ValueError("a file that others can write or read")
        return typed(Resident, document_of(file.read(_LARGEST)))


def _answers(resident: Resident) -> bool:
    """Return whether the server lives.

    Raises ValueError, TryAgainError or an error of ours where it does not.
    """
    address = address_of(resident.url)
    if not address.here:
        return False
    challenge = secrets.token_hex(16)
    connection = Connection(replace(address, path=""), "", _GLANCE)
    try:
        answer = connection.ask("GET", f"/health?challenge={challenge}")
    finally:
        connection.close()
    if answer.status != 200:
        return False
    proof = document_of(answer.body).get("proof")
    expected = proof_of(resident.token, challenge)
    return isinstance(proof, str) and hmac.compare_digest(proof.encode(), expected.encode())
