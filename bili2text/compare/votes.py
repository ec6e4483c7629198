"""Votes on the disk: one a line, each there before the next is asked for.

Sessions and voters of a machine share a file, so it is locked for each vote, not for a session.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from bili2text.compare.ballot import CHOICES, Ballot, Vote
from bili2text.errors import SourceError, UsageError
from bili2text.files import clean_text, cut_bytes, storage_error
from bili2text.jobs.lock import hold
from bili2text.remote.plain import plain, typed

KIND = "bili2text votes"  # what a file that the page saves calls itself
NAME_BYTES = 60  # of a voter's name
_NAME = "votes.jsonl"
_MOST_BYTES = 16 * 1024**2  # of a file that is imported; a vote takes 100
_KEY = re.compile(r"[0-9a-f]{8,64}")
_WHEN = re.compile(r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-6]\d\.\d{3}Z", re.ASCII)
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class Kept:
    """The votes on the disk."""

    votes: tuple[Vote, ...]
    damaged: int  # lines that hold none


class Votes:
    """The votes of one contest."""

    def __init__(self, cache: Path, key: str) -> None:
        if not _KEY.fullmatch(key):
            raise ValueError(f"not the key of a comparison: {key!r}")
        self.folder = cache / "compare" / key
        self._path = self.folder / _NAME

    def prepare(self) -> None:
        """Make the folder, for its user alone: the page in it shows the transcript. Raises StorageError."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, self.folder) from error

    def all(self) -> Kept:
        """Return the votes so far, in the order they were kept in. A line that was torn is no vote.

        Raises StorageError.
        """
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return Kept((), 0)
        except OSError as error:
            raise storage_error(error, self._path) from error
        lines = raw.split(b"\n")  # what is behind the last line's end is torn, or nothing
        found = [_vote_in(line) for line in lines[:-1]]
        votes = tuple(vote for vote in found if vote is not None)
        return Kept(votes, len(found) - len(votes) + bool(lines[-1]))

    def keep(self, votes: Sequence[Vote]) -> None:
        """Add votes; when this returns, the disk has them. Raises StorageError."""
        raw = b"".join(json.dumps(plain(vote)).encode("ascii") + b"\n" for vote in votes)
        self.prepare()
        with hold(self.folder, None):
            try:
                _append(self._path, raw)
            except OSError as error:
                raise storage_error(error, self._path) from error


def now() -> str:
    """Return the time as votes write it: UTC, in milliseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def voter_name(text: str) -> str:
    """Return a voter's name as it is kept: clean, and not long."""
    return cut_bytes(clean_text(text), NAME_BYTES)


def imported(path: Path, ballot: Ballot) -> tuple[Vote, ...]:
    """Return the votes in a file that the page of this ballot saved. Nothing else is taken from it.

    Raises SourceError for a file that cannot be read or is none, UsageError for one of another comparison.
    """
    name = clean_text(path.name)
    found = _object_in(path, name)
    if found.get("key") != ballot.key:
        raise UsageError(
            f"{name} holds votes on another comparison",
            hint="compare the models and the transcript that its page shows",
        )
    votes, voter = found.get("votes"), found.get("voter", "")
    if not isinstance(votes, list) or not isinstance(voter, str):
        raise _no_votes(name, "it has none")
    numbers = ballot.by_number().keys()
    taken = []
    for place, one in enumerate(votes, 1):
        vote = _saved(one, voter_name(voter))
        if vote is None or vote.number not in numbers:
            raise _no_votes(name, f"vote {place} is none of this ballot")
        taken.append(vote)
    return tuple(taken)


def _object_in(path: Path, name: str) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise SourceError(f"cannot read {name}: {why}", hint="check the path") from error
    if len(raw) > _MOST_BYTES:
        raise _no_votes(name, f"it is larger than {_MOST_BYTES // 1024**2} MiB")
    try:
        found = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _no_votes(name, "it is not JSON") from error
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise _no_votes(name, "it is of another kind")
    return found


def _no_votes(name: str, why: str) -> SourceError:
    return SourceError(
        f"{name} holds no votes: {why}", hint="name a file that the page of this comparison saved"
    )


def _saved(one: object, voter: str) -> Vote | None:
    if not isinstance(one, dict) or type(one.get("number")) is not int:
        return None
    return _checked(one["number"], one.get("choice"), one.get("when"), voter)


def _checked(number: int, choice: object, when: object, voter: str) -> Vote | None:
    if not isinstance(when, str) or not _WHEN.fullmatch(when):
        return None
    known = next((one for one in CHOICES if one == choice), None)
    return None if known is None else Vote(number, known, when, voter)


def _vote_in(line: bytes) -> Vote | None:
    try:
        vote = typed(Vote, json.loads(line))
    except (ValueError, RecursionError, TypeError):
        return None
    return _checked(vote.number, vote.choice, vote.when, voter_name(vote.voter))


def _append(path: Path, raw: bytes) -> None:
    """Write lines behind the last whole one, and wait for the disk. Raises OSError."""
    handle = os.open(path, _FLAGS, 0o600)
    try:
        end = _whole(handle)
        os.ftruncate(handle, end)
        os.lseek(handle, end, os.SEEK_SET)
        try:
            _write(handle, raw)
        except OSError:
            with suppress(OSError):  # else the next reader drops it
                os.ftruncate(handle, end)
            raise
    finally:
        os.close(handle)


def _whole(handle: int) -> int:
    """Return how long the file is without a torn last line."""
    with os.fdopen(handle, "rb", closefd=False) as file:
        return file.read().rfind(b"\n") + 1


def _write(handle: int, raw: bytes) -> None:
    left = memoryview(raw)
    while left:
        left = left[os.write(handle, left) :]
    os.fsync(handle)
