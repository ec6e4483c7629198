"""`serve-translation`: one translator, kept loaded, for whoever may ask on this computer."""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from filelock import BaseFileLock

from bili2text.errors import StorageError, UsageError
from bili2text.jobs.lock import try_hold
from bili2text.progress import Progress, Silent
from bili2text.serving import place
from bili2text.serving.desk import Desk, Factory
from bili2text.serving.doors import Doors, on_port, on_socket
from bili2text.serving.office import Office
from bili2text.serving.values import LIMITS, About, Limits, Resident, Served
from bili2text.translators.engine import Translator

Told = Callable[[], About]

_WRITING = 2.0  # seconds for answers that are on their way when the server ends
_EVERY = 0.2  # seconds between two looks whether it was told to end
_POLL = 0.1  # seconds until the thread that accepts connections hears that it is over


class Server:
    """A resident translator in this process. Start it and stop it, or use `with`."""

    def __init__(
        self,
        cache: Path,
        factory: Factory,
        served: Served,
        limits: Limits = LIMITS,
        progress: Progress | None = None,
        about: Told | None = None,
    ) -> None:
        """Nothing is loaded or opened yet; `factory` loads the translator, whenever it is needed.

        `about` tells how it was loaded, and so its name and batch; it is called after `factory`, in the
        same thread.
        """
        self._cache = cache
        self._served = served
        self._limits = limits
        self._progress = progress or Silent()
        self._factory = factory
        self._about = about
        self._resident: Resident | None = None  # None until it is published
        self._desk = Desk(self._loaded, limits, self._progress)
        token = secrets.token_urlsafe(32) if served.guarded else ""
        self._office = Office(self._desk, limits, served.model, token)
        self._lock: BaseFileLock | None = None
        self._doors: Doors | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Resident:
        """Load the translator, listen, and leave word in the cache; return how the server is reached.

        Raises UsageError where one runs already or the port is taken, StorageError, and what loading raises.
        """
        place.prepare(self._cache)
        self._lock = try_hold(place.folder_of(self._cache))
        if self._lock is None:
            raise UsageError(
                "a translator is resident here already",
                hint="use it, or end it first, with Ctrl-C or SIGTERM",
            )
        try:
            doors = self._doors = self._opened()
            self._desk.open()
            self._thread = threading.Thread(
                target=doors.serve_forever, args=(_POLL,), name="doors", daemon=True
            )
            self._thread.start()
            resident = self._resident = self._reached(doors)
            place.publish(self._cache, resident)
        except BaseException:
            self.stop()
            raise
        return resident

    def stop(self) -> None:
        """Take back the word, answer what is being computed, refuse the rest, unload the translator."""
        if self._lock is None:
            return
        self._office.closing = True
        place.withdraw(self._cache)
        if self._doors and self._thread:
            self._doors.shutdown()
            self._thread.join()
        self._desk.close()
        place.withdraw(self._cache)  # once more: the last batch may have loaded the model anew
        if self._doors:
            self._office.wait_until_quiet(_WRITING)
            self._doors.hang_up()
            self._doors.server_close()
        self._lock.release()
        self._lock = self._doors = self._thread = self._resident = None

    def __enter__(self) -> Resident:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _opened(self) -> Doors:
        if self._served.port is None:
            return on_socket(place.socket_of(self._cache), self._office)
        return on_port(self._served.port, self._office)

    def _loaded(self) -> Translator:
        """Return the translator, loaded; where that was done anew, how is told anew as well."""
        translator = self._factory()
        if self._about:
            self._tell(self._about())
        if self._resident is not None and not self._office.closing:
            self._resident = replace(self._resident, batch=self._desk.batch, about=self._office.about)
            with suppress(StorageError):  # who reads the old word is answered all the same
                place.publish(self._cache, self._resident)
        return translator

    def _tell(self, about: About) -> None:
        """Keep to how the model was loaded: there may have been no room for the first plan."""
        self._desk.fit(about.pin.batch_size)
        self._office.model = about.pin.model
        self._office.about = replace(about, pin=replace(about.pin, batch_size=self._desk.batch))

    def _reached(self, doors: Doors) -> Resident:
        if self._served.port is None:
            url = f"unix:{quote(str(place.socket_of(self._cache).absolute()))}"
        else:
            url = f"http://127.0.0.1:{doors.server_address[1]}/v1"
        return Resident(
            pid=os.getpid(),
            url=url,
            token=self._office.token,
            model=self._office.model,
            batch=self._desk.batch,
            started=time.time(),
            about=self._office.about,
        )


def serve(
    cache: Path,
    factory: Factory,
    served: Served,
    limits: Limits = LIMITS,
    progress: Progress | None = None,
    about: Told | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM, in the main thread; what is computed then is still answered.

    A second Ctrl-C ends it at once. Raises what `Server.start` raises.
    """
    progress = progress or Silent()
    with Server(cache, factory, served, limits, progress, about) as resident:
        progress.note(f"{resident.model} answers at {resident.url}")
        _wait_until_told()
        progress.note("ending: what is being translated is still answered")


def _wait_until_told() -> None:
    told: list[int] = []
    # not an Event: setting one within a handler may wait for what the handler interrupted
    before = {
        number: signal.signal(number, lambda number, _: told.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        while not told:
            time.sleep(_EVERY)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
