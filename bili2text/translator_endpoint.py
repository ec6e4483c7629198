"""A translator on a server, as the holder of a run: there is no plan to make, and none to step down to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from bili2text.errors import Bili2TextError, OutOfMemory
from bili2text.paths import cache_dir
from bili2text.progress import Progress
from bili2text.serving.place import find, translator_of
from bili2text.translate.records import Pin
from bili2text.translation_request import TranslationRequest
from bili2text.translators.api import ApiTranslator, key_of
from bili2text.translators.catalog import profile_of
from bili2text.translators.engine import Load
from bili2text.translators.values import Profile


def endpoint(
    request: TranslationRequest, environ: Mapping[str, str], progress: Progress
) -> EndpointHolder | None:
    """Return the holder of the server that translates: the one asked for, or ours where it runs.

    None means a model of this run's own: our server does not run, or a folder is forced.
    """
    if request.endpoint is not None:
        wanted = request.endpoint
        load = Load(Path(), "api", "api", url=wanted.base, model=wanted.model)
        make = partial(ApiTranslator, load, key_of(environ), concurrency=wanted.concurrency)
        return EndpointHolder(make, wanted.base, wanted.concurrency)
    if not request.resident or request.wishes.model_path is not None:
        return None
    running = find(cache_dir(environ))
    if running is None:
        return None
    progress.note(f"translating with the model that serve-translation keeps: {running.model}")
    return EndpointHolder(partial(translator_of, running), running.url, running.batch)


class EndpointHolder:
    """Holds the connection to a server; what fails there, no other plan mends."""

    def __init__(self, make: Callable[[], ApiTranslator], url: str, batch_size: int) -> None:
        """Nothing is connected yet. `batch_size` is how many sentences are asked for at once."""
        self._make = make
        self._url = url
        self._batch_size = batch_size
        self._translator: ApiTranslator | None = None

    @property
    def translator(self) -> ApiTranslator:
        """The connected one."""
        if self._translator is None:
            self._translator = self._make()
        return self._translator

    @property
    def profile(self) -> Profile:
        """How the model wants to be asked, by its name."""
        return profile_of(self.translator.model, "")

    @property
    def pin(self) -> Pin:
        """What of the server decides the words, as far as it can be known."""
        found = self.translator
        return Pin(found.model, "", "api", found.precision, self._batch_size, "api", self._url)

    def check(self) -> None:
        """Raise what is wrong with the server before any work is done."""
        self.translator.models()

    def begin(self, pin: Pin | None) -> tuple[str, ...]:  # noqa: ARG002 - the protocol's
        """Return where it translates."""
        return (f"{self.translator.model} at {self._url}",)

    def smaller(self, error: OutOfMemory) -> None:
        """Raise the error: the server's memory is its own affair."""
        raise error

    def step_down(self, error: Bili2TextError) -> None:
        """Raise the error."""
        raise error

    def revive(self, error: Bili2TextError, group: int) -> bool:  # noqa: ARG002 - the protocol's
        """Return False: the client has tried again for as long as it is patient."""
        return False

    def close(self) -> None:
        """Let go of the connections."""
        if self._translator is not None:
            self._translator.close()
