"""One process for a job at a time.

The lock lies beside the job's folder, not in it, so that it outlives the folder, and is removed only with the
job. A process that waits opens it anew at each try, so it does not wait for a file without a name. That what
it locked has not lost its name meanwhile, filelock 4.2 makes sure of; an older one leaves a window between
two calls.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from bili2text.errors import StorageError
from bili2text.files import clean_text, storage_error

_GLANCE = 0.3  # seconds; who only looks whether a job runs holds its lock for less, and is not worth a remark
_POLL = 0.2  # seconds between two tries


def hold(folder: Path, wait: Callable[[], None] | None) -> BaseFileLock:
    """Return the lock of the job in `folder`, held; `wait` is called once if another process has it.

    Without `wait` nothing is said, and waited all the same. Raises StorageError.
    """
    lock = _lock(folder)
    try:
        try:
            lock.acquire(timeout=_GLANCE, poll_interval=_GLANCE / 10)
        except Timeout:
            if wait is not None:
                wait()
            lock.acquire(poll_interval=_POLL)
    except (OSError, NotImplementedError) as error:
        raise _refused(error, folder) from error
    return lock


def try_hold(folder: Path) -> BaseFileLock | None:
    """Return the lock of the job in `folder`, held, or None if another has it. Raises StorageError."""
    lock = _lock(folder)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    except (OSError, NotImplementedError) as error:
        raise _refused(error, folder) from error
    return lock


def let_go(lock: BaseFileLock) -> None:
    """Release the lock of a job that was removed, and remove its file."""
    with suppress(OSError):  # Windows removes no open file
        Path(lock.lock_file).unlink()
    lock.release()


def is_held(folder: Path) -> bool:
    """Return whether some process holds the lock of the job in `folder`; False where that cannot be told."""
    if not _path(folder).exists():  # looking leaves no file behind
        return False
    try:
        lock = try_hold(folder)
    except StorageError:
        return False
    if lock is not None:
        lock.release()
    return lock is None


def _path(folder: Path) -> Path:
    return folder.with_name(folder.name + ".lock")


def _lock(folder: Path) -> BaseFileLock:
    # not bound to a thread: a journal may be closed by another one than opened it
    return FileLock(_path(folder), mode=0o600, thread_local=False)


def _refused(error: OSError | NotImplementedError, folder: Path) -> Exception:
    if isinstance(error, OSError):
        return storage_error(error, _path(folder))
    return StorageError(
        f"no file can be locked here: {clean_text(str(folder.parent))}",
        hint="move the cache to a local disk: BILI2TEXT_CACHE_DIR",
    )
