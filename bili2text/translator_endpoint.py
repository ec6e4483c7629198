"""A translator on a server, as the holder of a run: there is no plan to make, and none to step down to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from bili2text.errors import Bili2TextError, OutOfMemory, UsageError
from bili2text.files import clean_text
from bili2text.paths import cache_dir
from bili2text.progress import Progress
from bili2text.seq2seq.values import Way
from bili2text.serving.place import find, translator_of
from bili2text.serving.values import About, Resident
from bili2text.translate.records import Pin
from bili2text.translation_direction import beyond
from bili2text.translation_request import TranslationRequest
from bili2text.translators.api import ApiTranslator, key_for
from bili2text.translators.catalog import profile_of
from bili2text.translators.engine import Load
from bili2text.translators.values import Profile, TranslatorWishes

_MODEL = {"engine": "engine", "precision": "precision"}  # wishes of the translator alone -> their options
_PLAN = {
    "device": "--device",
    "gpu": "--gpu",
    "threads": "--threads",
    "cpu_fallback": "--no-cpu-fallback",
    "policy": "--policy",
    "auto_optimize": "--no-auto-optimize",
    "vram_budget_mib": "--vram-budget",
    "reserve_mib": "--reserve",
}
_HALF = {"use_fp16": "--no-use-fp16", "policy": "--precision-policy", "fp16_models": "--fp16-models"}
_USUAL = TranslatorWishes()


def endpoint(
    request: TranslationRequest, environ: Mapping[str, str], progress: Progress
) -> EndpointHolder | None:
    """Return the holder of the server that translates: the one asked for, or ours where it runs.

    None means a model of this run's own: our server does not run, a folder is forced, or something was asked
    for that the server's model is not; `progress` is told what. Raises UsageError for wishes that mean
    nothing to the server that was asked for.
    """
    if request.endpoint is not None:
        _refuse_meaningless(request)
        wanted = request.endpoint
        load = Load(Path(), "api", "api", url=wanted.base, model=wanted.model)
        key = key_for(wanted.base, environ)
        make = partial(ApiTranslator, load, key, concurrency=wanted.concurrency)
        return EndpointHolder(make, wanted.base, wanted.concurrency, request.wishes.beam_size)
    if not request.resident or request.wishes.model_path is not None:
        return None
    running = find(cache_dir(environ))
    if running is None:
        return None
    asked = ", ".join(unmet(request, running.about))
    why = f"{asked} was asked for" if asked else beyond(running.ways, request.target, request.source, "it")
    if why:
        progress.note(f"not the model that serve-translation keeps, {running.model}: {why}")
        return None
    progress.note(f"translating with the model that serve-translation keeps: {running.model}")
    return ResidentHolder(running, cache_dir(environ))


def unmet(request: TranslationRequest, about: About | None) -> tuple[str, ...]:
    """Return the options by which something was asked for that the resident model is not, or may not be.

    A setting says what a model of a run's own should be, and keeps none from using the server's.
    """
    pin, wishes = (about.pin if about else None), request.wishes
    met = set()
    if pin is not None:
        same = {
            "engine": wishes.engine == pin.engine,
            "precision": f"{pin.precision}_".startswith(f"{wishes.precision}_"),  # int8: any int8_...
            "device": wishes.device == pin.device,
            "batch_size": wishes.batch_size == pin.batch_size,
        }
        met = {name for name, is_same in same.items() if is_same}
    asked = dict((*_of_model(request), *_of_plan(request)))
    if wishes.batch_size is not None:
        asked["batch_size"] = _named("batch-size", request)
    return tuple(option for name, option in asked.items() if name not in met and _is_given(option, request))


def _refuse_meaningless(request: TranslationRequest) -> None:
    """Raise UsageError for what was asked of a model of this run's own, where a server has the model.

    A run that also transcribes asks for its device and card for Whisper; a setting is for other runs, too.
    """
    asked = [*_of_model(request), *([] if request.shared else _of_plan(request))]
    given = [option for _, option in asked if _is_given(option, request)]
    if given:
        raise UsageError(
            f"--api-base: the model is the server's: {', '.join(given)} {'mean' if given[1:] else 'means'} "
            "nothing to it",
            hint="leave that out, or --api-base",
        )


def _of_model(request: TranslationRequest) -> Iterator[tuple[str, str]]:
    """Yield each wish of the translator alone that differs from the usual, and its option."""
    for name, option in _MODEL.items():
        if getattr(request.wishes, name) != getattr(_USUAL, name):
            yield name, _named(option, request)
    if request.models_dir is not None:
        yield "models_dir", _named("models-dir", request)


def _of_plan(request: TranslationRequest) -> Iterator[tuple[str, str]]:
    """Yield each wish of device, card and memory that differs from the usual, and its option."""
    wishes, half = request.wishes, request.wishes.wish
    for name, option in _PLAN.items():
        if getattr(wishes, name) != getattr(_USUAL, name):
            yield name, option
    if half.use_int8 is not None:
        yield "use_int8", "--use-int8" if half.use_int8 else "--no-use-int8"
    for name, option in _HALF.items():
        if getattr(half, name) != getattr(_USUAL.wish, name):
            yield f"wish.{name}", option


def _is_given(option: str, request: TranslationRequest) -> bool:
    return request.given is None or option in request.given


def _named(option: str, request: TranslationRequest) -> str:
    return f"--translate-{option}" if request.shared else f"--{option}"


class EndpointHolder:
    """Holds the connection to a server; what fails there, no other plan mends."""

    def __init__(
        self, make: Callable[[], ApiTranslator], url: str, batch_size: int, beam_size: int = 1
    ) -> None:
        """Nothing is connected yet. `batch_size` is how many sentences are asked for at once."""
        self._make = make
        self._url = url
        self._batch_size = batch_size
        self._beam_size = beam_size
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
    def ways(self) -> tuple[Way, ...]:
        """The directions that the model was made for; () where that is not known."""
        return ()

    @property
    def pin(self) -> Pin:
        """What of the server decides the words, as far as it can be known."""
        found = self.translator
        return Pin(found.model, "", "api", found.precision, self._batch_size, "api", self._url)

    @property
    def url(self) -> str:
        """Where the server is."""
        return self._url

    def check(self) -> None:
        """Raise what is wrong with the server before any work is done.

        Such as UsageError for a beam that it cannot be asked for: what a record says was sent, was sent.
        """
        self.translator.models()
        if self._beam_size > 1 and not self.translator.ours:
            raise UsageError(
                f"--beam-size means nothing to {clean_text(self._url)}: it has no field for it",
                hint="leave it out, or translate with a model of your own",
            )

    def begin(self, pin: Pin | None) -> tuple[str, ...]:  # noqa: ARG002 - the protocol's
        """Return where it translates. Raises what `check` raises where a beam is wanted."""
        if self._beam_size > 1:
            self.check()
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
            self._translator = None


class ResidentHolder(EndpointHolder):
    """Holds the connection to `serve-translation`.

    What it says of its model is what a run's own model says of itself: a job goes on with either.
    """

    def __init__(self, running: Resident, cache: Path) -> None:
        """Nothing is connected yet."""
        self._cache = cache
        self._turn_to(running)

    @property
    def profile(self) -> Profile:
        """How the model wants to be asked."""
        return self._running.about.profile if self._running.about else super().profile

    @property
    def ways(self) -> tuple[Way, ...]:
        """The directions that the model was made for; () for a chat model."""
        return self._running.ways

    @property
    def pin(self) -> Pin:
        """What of the model decides the words."""
        return self._running.about.pin if self._running.about else super().pin

    def begin(self, pin: Pin | None) -> tuple[str, ...]:
        """Look again, for it may have been started anew or have loaded its model anew; return where it is."""
        found = find(self._cache)
        if found is not None and found != self._running:
            self.close()
            self._turn_to(found)
        return super().begin(pin)

    def _turn_to(self, running: Resident) -> None:
        super().__init__(partial(translator_of, running), running.url, running.batch)
        self._running = running
