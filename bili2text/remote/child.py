"""A model's process as its parent holds it: started, asked, and surely ended."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import IO

from bili2text.errors import Bili2TextError, RuntimeFailure
from bili2text.remote import ends, wire
from bili2text.remote.wire import Frame, WireError
from bili2text.remote.words import Words

# The child imports from where its parent does. `-m` would put the current folder first: a json.py among the
# user's recordings would be run (Python documentation, "-m"; the option against it came with 3.11).
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from importlib import import_module; import_module(sys.argv[1]).main()"
)
_LINES = 20  # of its standard error that are kept
_LINE = 4096  # bytes of one
_PULSE = 0.5  # seconds; Windows hears Ctrl-C only between two waits
_PATIENCE = 2.0  # seconds for a thread or a process to notice that its pipes were closed
_STUCK = 30.0  # seconds after SIGKILL; one stuck in the driver dies when the driver lets it


class EngineProcess:
    """A process that answers each frame, perhaps in parts. Not for use from several threads."""

    def __init__(
        self,
        module: str,
        words: Words,
        environ: Mapping[str, str],
        device: str,
        warn: Callable[[str], None],
    ) -> None:
        """Start it: it runs the `main` of a module of ours, which is `serve.serve` with a model.

        `words` is what messages call it; `device`, "cpu" or "cuda", decides what its death means. `warn` is
        called from another thread with what the process warns of. Raises RuntimeFailure.
        """
        self._words = words
        self._device = device
        self._warn = warn
        self._debug = bool(environ.get("BILI2TEXT_DEBUG"))
        self._memory = ends.memory()
        self._waiting = False  # for an answer: what comes next belongs to an earlier request
        self._answers: SimpleQueue[Frame | WireError | None] = SimpleQueue()
        self._last_words: deque[str] = deque(maxlen=_LINES)
        places = [os.path.abspath(place) for place in sys.path]  # noqa: PTH100 - the text alone, no links
        try:
            self._process = subprocess.Popen(  # noqa: S603 - a list, no shell: this Python and our own module
                [sys.executable, "-c", _PROGRAM, module, *places],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env={**environ},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except (OSError, ValueError) as error:
            raise RuntimeFailure(f"{words.name}'s process could not be started: {error}") from error
        self._threads = [
            threading.Thread(target=follow, args=(stream,), name=name, daemon=True)
            for name, follow, stream in (
                ("engine-answers", self._listen, self._process.stdout),
                ("engine-errors", self._drain, self._process.stderr),
            )
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def idle(self) -> bool:
        """Whether it lives and owes no answer."""
        return not self._waiting and self._process.poll() is None

    def ask(
        self, frame: Frame, timeout: float | None = None, part: Callable[[Frame], None] | None = None
    ) -> Frame:
        """Return the answer to a frame; with a timeout in seconds, raise TimeoutError when it is late.

        Frames of kind "part" that come before it go to `part`, in this thread and in their order. Raises the
        error that the process answers with, what `part` raises, and for a process that died what
        `ends.ended` makes of it. Ctrl-C is heard at once; after that, as after any error but an answered
        one, only `end` is left.
        """
        if self._waiting:
            raise RuntimeFailure(f"{self._words.name} stopped earlier and cannot go on")
        if self._process.stdin is None or self._process.stdin.closed:
            raise RuntimeFailure(f"{self._words.name} was closed")
        self._waiting = True
        try:
            wire.write(self._process.stdin, frame, who=self._words.name)
        except WireError:  # nothing was sent
            self._waiting = False
            raise
        except OSError:  # it died: what it said before, or how it ended, comes below
            pass
        answer = self._answer(timeout, part)
        self._waiting = False
        if answer.kind == "error":
            raise wire.error_of(answer, self._words.name)
        return answer

    def end(self) -> None:
        """Hang up, terminate, kill; return when the process is gone, or stuck in its driver for 30 s."""
        try:
            if self._waiting:
                self._process.kill()
            self._hang_up()
            for force in (self._process.terminate, self._process.kill):
                if self._gone(_PATIENCE):
                    break
                force()
        except BaseException:  # Ctrl-C once more
            self._process.kill()
            raise
        self._gone(_STUCK)
        for thread in self._threads:
            thread.join(_PATIENCE)
        if not any(thread.is_alive() for thread in self._threads):
            for stream in (self._process.stdout, self._process.stderr):
                if stream is not None:
                    stream.close()

    def _answer(self, timeout: float | None, part: Callable[[Frame], None] | None) -> Frame:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError
            try:
                found = self._answers.get(timeout=_PULSE)
            except Empty:
                continue
            if not isinstance(found, Frame):
                raise self._death(found)
            if found.kind != "part":
                return found
            if part is not None:
                part(found)

    def _death(self, broken: WireError | None) -> Bili2TextError:
        """Return why there are no more answers."""
        if not self._gone(_PATIENCE):
            self._process.kill()
            return broken or RuntimeFailure(f"{self._words.name}'s process no longer answers")
        self._threads[1].join(_PATIENCE)
        said = next((line for line in reversed(self._last_words.copy()) if line.strip()), "")
        starved = ends.starved(self._memory, ends.memory())
        return ends.ended(
            self._process.returncode, said, words=self._words, device=self._device, starved=starved
        )

    def _gone(self, seconds: float) -> bool:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.poll() is not None

    def _hang_up(self) -> None:
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()

    def _listen(self, stream: IO[bytes]) -> None:
        """Put every answer and part of one into the queue, and None after the last one."""
        try:
            up = wire.greeted(stream)
            while up and (frame := wire.read(stream, nan=True, who=self._words.name)) is not None:
                if frame.kind == "warn":
                    with suppress(OSError, ValueError):  # what cannot be shown shall not end the run
                        self._warn(str(frame.body))
                else:
                    self._answers.put(frame)
        except WireError as error:
            self._answers.put(error)
        except (OSError, ValueError):  # closed under our hands
            pass
        finally:
            self._answers.put(None)

    def _drain(self, stream: io.RawIOBase) -> None:
        """Keep the last lines of standard error; were it not read, a full pipe would stop the process."""
        lines = io.BufferedReader(stream)
        with suppress(OSError, ValueError):
            while line := lines.readline(_LINE):
                text = line.decode("utf-8", "replace")
                self._last_words.append(text)
                if self._debug:
                    with suppress(OSError, ValueError):
                        sys.stderr.write(text)
