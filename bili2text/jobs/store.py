"""The jobs of this computer: <cache>/jobs/<key>/ with what each is about, and its journal."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal, get_args

from bili2text.errors import UsageError
from bili2text.files import clean_text, refuse_target, storage_error, whole, write_synced
from bili2text.jobs.command import without_secrets
from bili2text.jobs.key import KEY_LENGTH
from bili2text.jobs.lock import is_held, let_go, try_hold
from bili2text.source.redact import safe_text, shortened

State = Literal["running", "unfinished", "finished", "broken"]
STDIN = "-"  # the source of what was piped in: no command can bring it back
AGAIN = "pipe the same sound in again: it goes on"
_FORMAT = 1  # of about.json; another number means: not ours to read
_BYTES = 1 << 20  # of an about.json; a command line has its limits
_KEY = re.compile(f"[0-9a-f]{{{KEY_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class About:
    """What a person wants to know of a job, and what it takes to run it again."""

    key: str
    title: str
    source: str  # the link or path it came from, or STDIN
    command: tuple[str, ...]  # the words after the program's name
    folder: str  # where it ran, an absolute path
    done: int  # groups
    total: int  # groups
    seconds: float  # of sound
    state: State  # "broken": its about.json cannot be read
    outputs: tuple[str, ...] = ()
    redacted: bool = False  # secrets were taken out of the command
    created: str = ""  # UTC, ISO 8601
    updated: str = ""  # UTC, ISO 8601
    written: str = ""  # a mark of how the outputs were written: their shape and script
    coverage: float | None = None  # the share (0..1) of speech that has text; None until it is finished
    lost: float = 0.0  # seconds of sound that the file should have had
    language: str = ""  # of the text, once it is known
    wrote: tuple[str, ...] = ()  # of translations: for each text written, the mark of how, ":", its sha256


class Jobs:
    """The jobs below a cache."""

    def __init__(self, cache: Path) -> None:
        self._root = cache / "jobs"

    def folder(self, key: str) -> Path:
        """Return the folder of a job; it need not exist. Raises ValueError for what is no key."""
        if not _KEY.fullmatch(key):
            raise ValueError(f"no key of a job: {key!r}")
        return self._root / key

    def about(self, key: str) -> About | None:
        """Return what was noted of a job; None where nothing was, or nothing that can be read."""
        return _read(self.folder(key))

    def note(self, about: About) -> About:
        """Write down what a job is about, whole or not at all, and return it as it was written.

        Its source and command lose their secrets; `updated` is now, `created` that of the first note. The
        outputs of the earlier note that are still there stay its own, if they are as far and written alike.
        The process that has the job's journal writes. Raises StorageError.
        """
        path = self.folder(about.key) / "about.json"
        now = _utc(datetime.now(timezone.utc))
        before = _read(path.parent)
        command = without_secrets(about.command)
        kept = replace(
            about,
            title=shortened(clean_text(about.title)),
            source=safe_text(about.source),
            command=command,
            outputs=_outputs(before, about),
            redacted=about.redacted or command != about.command,
            created=before.created if before else now,
            updated=now,
        )
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, path) from error
        refuse_target(path, overwrite=True)
        with whole(path) as temporary:
            temporary.chmod(0o600)
            write_synced(
                temporary, json.dumps({"format": _FORMAT, **asdict(kept)}, indent=1) + "\n", named=path
            )
        return kept

    def all(self) -> tuple[About, ...]:
        """Return every job, the one last worked on first. One that cannot be read is "broken", no error."""
        try:
            folders = [folder for folder in self._root.iterdir() if _KEY.fullmatch(folder.name)]
        except OSError:  # no folder, no jobs
            return ()
        found = [
            self._state(_read(folder) or _broken(folder))
            for folder in folders
            if folder.is_dir() and not folder.is_symlink()
        ]
        return tuple(sorted(found, key=lambda about: (about.updated, about.key), reverse=True))

    def is_running(self, key: str) -> bool:
        """Return whether a process has the job now; False where that cannot be told."""
        return is_held(self.folder(key))

    def remove(self, key: str) -> None:
        """Delete a job. Raises UsageError while a process has it, StorageError when the disk refuses."""
        if not self._removed(key):
            raise UsageError(f"job {key[:8]} is running", hint="stop it first")

    def clean(
        self, *, finished: bool = True, older_than_days: float | None = None, everything: bool = False
    ) -> tuple[About, ...]:
        """Delete jobs and return them: the finished ones, or `everything`; if given, only older ones.

        The age counts from the last note. A running job is never deleted. Raises StorageError.
        """
        before = None if older_than_days is None else datetime.now(timezone.utc) - _days(older_than_days)
        chosen = [
            about
            for about in self.all()
            if about.state != "running"
            and (everything or (finished and about.state == "finished"))
            and (before is None or datetime.fromisoformat(about.updated) < before)
        ]
        return tuple(about for about in chosen if self._removed(about.key))

    def _state(self, about: About) -> About:
        if about.state == "finished":  # most are: a lock for each would make a long list slow
            return about
        if self.is_running(about.key):
            return replace(about, state="running")
        # who noted that it was running was killed
        return replace(about, state="unfinished") if about.state == "running" else about

    def _removed(self, key: str) -> bool:
        folder = self.folder(key)
        if not folder.exists():
            return True
        lock = try_hold(folder)
        if lock is None:
            return False
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise storage_error(error, folder) from error
        finally:
            let_go(lock)
        return True


def _outputs(before: About | None, about: About) -> tuple[str, ...]:
    if before is None or (before.state, before.written) != (about.state, about.written):
        return about.outputs
    kept = (path for path in before.outputs if os.path.lexists(path))
    return tuple(dict.fromkeys((*kept, *about.outputs)))


def _read(folder: Path) -> About | None:
    """Return what is written down about the job in `folder`, or None if that is not what we wrote."""
    path = folder / "about.json"
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            raw = file.read(_BYTES)
        found = _parsed(json.loads(raw.decode("utf-8")))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return None
    return found if found.key == folder.name else None


def _parsed(facts: dict[str, Any]) -> About:
    """Return the About in a file's JSON. Raises one of the errors that `_read` knows."""
    if facts.pop("format") != _FORMAT or facts["state"] not in get_args(State):
        raise ValueError("format")
    facts.setdefault("wrote", [])
    for name in ("command", "outputs", "wrote"):
        facts[name] = tuple(_is(word, str) for word in facts[name])
    for name in ("key", "title", "source", "folder", "created", "updated"):
        _is(facts[name], str)
    for name in ("created", "updated"):
        if datetime.fromisoformat(facts[name]).tzinfo is None:
            raise ValueError(name)
    _is(facts["redacted"], bool)
    _is(facts["done"], int), _is(facts["total"], int)
    for name in ("written", "language"):
        _is(facts.setdefault(name, ""), str)
    facts["seconds"], facts["lost"] = _finite(facts["seconds"]), _finite(facts.get("lost", 0.0))
    if facts.get("coverage") is not None:
        facts["coverage"] = _finite(facts["coverage"])
    return About(**facts)


def _is(value: Any, kind: type) -> Any:  # noqa: ANN401 - JSON
    if type(value) is not kind:
        raise TypeError(kind.__name__)
    return value


def _finite(value: Any) -> float:  # noqa: ANN401 - JSON
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def _broken(folder: Path) -> About:
    try:
        touched = datetime.fromtimestamp(folder.stat().st_mtime, timezone.utc)
    except OSError:
        touched = datetime.now(timezone.utc)
    when = _utc(touched)
    return About(folder.name, "", "", (), "", 0, 0, 0.0, "broken", created=when, updated=when)


def _utc(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _days(count: float) -> timedelta:
    return timedelta(days=min(count, 36500.0))  # a date before the year 1 cannot be told
