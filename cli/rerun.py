"""Command lines of this program as processes of their own, which end with the one that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import cli

# Not `-m cli.main`: that looks for modules in the folder first, and a file there called av.py would be run.
_PROGRAM = (
    "import sys; root = sys.argv[1]; sys.argv[:2] = ['bili2text']; "
    "sys.path[:] = [place for place in sys.path if place]; "
    "root in sys.path or sys.path.append(root); "
    "from cli.rerun import end_with_parent; end_with_parent(); "
    "from cli.main import main; main()"
)
_GRACE = 30.0  # seconds that a child has to end what it is at, after it was asked to
_INCOMPLETE = 6
_ANEW = "--fresh"


def rerun(command: tuple[str, ...], folder: Path) -> int:
    """Run the program with the words of `command` in `folder` and return its exit code, as `rerun_all`."""
    return rerun_all((command,), folder)[0]


def rerun_all(commands: Iterable[tuple[str, ...]], folder: Path) -> list[int]:
    """Run the program once for each command, all at the same time, and return their exit codes in order.

    A child that a signal ended gives 128 + its number, as in a shell. When this process is asked to end, the
    children are too, and are waited for; when it is killed, they notice. Raises OSError when the folder is
    gone or closed to us.
    """
    children: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            children.append(_started(command, folder))  # noqa: PERF401 - should one fail, the others are known
        codes = [child.wait() for child in children]
    except BaseException as stop:
        # Ctrl-C reaches the children too; any other order to end was for us alone
        _end(children, ask=type(stop) is not KeyboardInterrupt)
        raise
    finally:
        for child in children:
            if child.stdin is not None:
                child.stdin.close()
    return [128 - code if code < 0 else code for code in codes]


def end_with_parent() -> None:
    """Have this process asked to end as soon as the one that started it is gone; for a child of `rerun`.

    Standard input is a pipe of which nothing ever comes but its end, however the parent ended, on every
    system. What reads standard input from here on finds it empty.
    """
    line = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=_notice, args=(line,), name="parent", daemon=True).start()


def going_on(command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of `command` that go on with a job: without --fresh, which would begin it anew."""
    kept: list[str] = []
    before = ""
    for word in command:
        if word.partition("=")[0] != _ANEW and not (before == _ANEW and word.lower() in ("true", "false")):
            kept.append(word)
        before = word
    return tuple(kept)


def worst(codes: list[int]) -> int:
    """Return the exit code that says most: 0 when all are, 6 (incomplete) only when nothing is worse."""
    return max(codes, key=lambda code: (code != 0, code != _INCOMPLETE, code), default=0)


def _started(command: tuple[str, ...], folder: Path) -> subprocess.Popen[bytes]:
    root = str(Path(cli.__file__).resolve().parent.parent)
    return subprocess.Popen(  # noqa: S603 - this Python, our own program, a list of words
        [sys.executable, "-c", _PROGRAM, root, *command], cwd=folder, stdin=subprocess.PIPE
    )


def _notice(line: int) -> None:
    with suppress(OSError):
        while os.read(line, 1):
            pass
    os.kill(os.getpid(), signal.SIGTERM)


def _end(children: Sequence[subprocess.Popen[bytes]], *, ask: bool) -> None:
    """Wait until all have ended: by themselves, or because they were asked to, at last because they must."""
    if not ask and _gone(children):
        return
    for order in (subprocess.Popen.terminate, subprocess.Popen.kill):
        for child in children:
            order(child)
        if _gone(children):
            return


def _gone(children: Sequence[subprocess.Popen[bytes]]) -> bool:
    deadline = time.monotonic() + _GRACE
    for child in children:
        with suppress(subprocess.TimeoutExpired):
            child.wait(max(0.0, deadline - time.monotonic()))
    return all(child.poll() is not None for child in children)
