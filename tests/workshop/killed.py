"""Runs a function in a process that is killed just before a chosen change of a file system: a real SIGKILL."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

_CHANGES = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate"})
DONE, FAILED = 0, 70

# (event, path): whether to be killed now
Killer = Callable[[str, Path], bool]


def run(work: Callable[[], object], root: Path, kill: Killer) -> int:
    """Do `work` in a copy of this process; it dies before the first change below `root` that `kill` says.

    Returns 0 when it was done, -9 when it was killed.
    """
    pid = os.fork()
    if not pid:
        code = FAILED
        try:
            sys.addaudithook(_hook(str(root), kill))
            work()
            code = DONE
        finally:
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _hook(root: str, kill: Killer) -> Callable[[str, Sequence[object]], None]:
    def look(event: str, arguments: Sequence[object]) -> None:
        if event not in _CHANGES:
            return
        # a rename is named by what it makes
        path = os.fspath(arguments[1] if event in ("os.rename", "os.link") else arguments[0])  # type: ignore[call-overload]
        if isinstance(path, str) and path.startswith(root) and kill(event, Path(path)):
            os.kill(os.getpid(), signal.SIGKILL)

    return look
