"""A stored command line, run again as a process of its own, in the folder it ran in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cli

# Not `-m cli.main`: that looks for modules in the folder first, and a file there called av.py would be run.
_PROGRAM = (
    "import sys; root = sys.argv[1]; sys.argv[:2] = ['bili2text']; "
    "sys.path[:] = [place for place in sys.path if place]; "
    "root in sys.path or sys.path.append(root); "
    "from cli.main import main; main()"
)
_GRACE = 30.0  # seconds that a child has to end what it is at, after it was asked to
_INCOMPLETE = 6
_ANEW = "--fresh"


def rerun(command: tuple[str, ...], folder: Path) -> int:
    """Run the program with the words of `command` in `folder` and return its exit code.

    A child that a signal ended gives 128 + its number, as in a shell. When this process is asked to end, the
    child is too, and is waited for. Raises OSError when the folder is gone or closed to us.
    """
    root = str(Path(cli.__file__).resolve().parent.parent)
    child = subprocess.Popen(  # noqa: S603 - this Python, our own program, a list of words
        [sys.executable, "-c", _PROGRAM, root, *command], cwd=folder, stdin=subprocess.DEVNULL
    )
    try:
        code = child.wait()
    except BaseException as stop:
        # Ctrl-C reaches the child too; any other order to end was for us alone
        _end(child, ask=type(stop) is not KeyboardInterrupt)
        raise
    return 128 - code if code < 0 else code


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


def _end(child: subprocess.Popen[bytes], *, ask: bool) -> None:
    for stop in (child.terminate, child.kill):
        if ask:
            stop()
        try:
            child.wait(_GRACE)
        except subprocess.TimeoutExpired:
            ask = True
        else:
            return
