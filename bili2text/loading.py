"""The engine a run uses: planned and loaded for the first recording, another when its card fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from bili2text.errors import (
    Bili2TextError,
    DependencyError,
    DeviceFailure,
    ModelError,
    OutOfMemory,
    RuntimeFailure,
)
from bili2text.gpu.probe import free_mib_now
from bili2text.jobs.records import Pin
from bili2text.models import hub, store
from bili2text.models.catalog import LocalFolder, resolve
from bili2text.models.store import ModelFolder, Places
from bili2text.models.wire import Patience
from bili2text.paths import cache_dir
from bili2text.plan.footprint import workers
from bili2text.plan.values import Plan
from bili2text.planning import Look, Planner
from bili2text.progress import Progress
from bili2text.remote.freed import wait_until_free
from bili2text.remote.stats import AccountWish, EngineStats
from bili2text.request import Request
from bili2text.transcribe.engine import Load
from bili2text.transcribe.remote import RemoteEngine

# What a card may do that another plan would not.
CARD_FAILURES = (OutOfMemory, DeviceFailure, DependencyError)
_SHORT = Patience(timeout=10.0, attempts=2)
_REVIVALS = 2  # of the engine for one group of chunks: what kills three in a row will kill the next


@dataclass(frozen=True, slots=True)
class _Loaded:
    plan: Plan
    engine: RemoteEngine
    digest: str  # of model.bin


class Loader:
    """Holds the plan and the one loaded engine of a run. Close it."""

    def __init__(
        self, request: Request, progress: Progress, environ: Mapping[str, str], look: Look | None = None
    ) -> None:
        """Nothing is probed or loaded yet; `look` stands in for looking at this machine."""
        self._request = request
        self._progress = progress
        self._environ = environ
        self._places = Places(cache_dir(environ), request.models.model_dir, environ)
        may_download = not hub.is_offline(self._hub())
        wishes = replace(request.wishes, told=request.told, marks=request.listening.sets_marks)
        self._planner = Planner(wishes, self._places, progress, may_download=may_download, look=look)
        self._loaded: _Loaded | None = None
        self._died_at: list[int] = []  # groups of this recording

    def check(self) -> Plan:
        """Return the plan as of now, raising what is wrong with it before anything is downloaded for it.

        That is UsageError, DependencyError, OutOfMemory, or ModelError for a model that would need a
        forbidden download.
        """
        plan = self._planner.plan()
        if isinstance(resolve(plan.model), LocalFolder) or not self._planner.may_download:
            self._model(plan.model)
        return plan

    def engine(self, pin: Pin | None = None) -> tuple[Plan, RemoteEngine]:
        """Return the plan and its engine, made by the first call from what is free then.

        With a pin a recording begins: it is the engine that an interrupted run had, as far as it fits here
        now. An engine that died is loaded again. A plan that fails to load gives way to the next, where that
        is allowed. Raises ModelError, DependencyError, UsageError, OutOfMemory or RuntimeFailure.
        """
        loaded = self._loaded
        if pin is not None:
            self._died_at = []
            if loaded is not None and not _alike(_pin(loaded), pin):
                self.close()
                loaded = None
        if loaded is None:
            loaded = self._load(self._planner.plan(pin))
        elif not loaded.engine.usable:
            self.close()
            loaded = self._load(loaded.plan)
        return loaded.plan, loaded.engine

    def pin(self) -> Pin:
        """Return what of the loaded plan decides the words."""
        if self._loaded is None:
            self.engine()
        assert self._loaded is not None  # noqa: S101 - for the type checker: `engine` has loaded it
        return _pin(self._loaded)

    def writes_as(self, pin: Pin) -> bool:
        """Return whether the loaded engine writes what that one wrote; batches are cut as they must."""
        return _alike(self.pin(), pin)

    def revive(self, error: Bili2TextError, group: int) -> bool:
        """Load the same plan again for a group of chunks at which the engine died, and return whether it is.

        Not for an error that the engine lived on with, one that a plan of another kind may help against
        (`step_down`), nor for the third death at one group.
        """
        loaded = self._loaded
        if type(error) is not RuntimeFailure or loaded is None or loaded.engine.usable:
            return False
        self._died_at.append(group)
        if self._died_at.count(group) > _REVIVALS:
            return False
        self._progress.warn(f"{error.message}; trying once more with a new one")
        self.close()
        try:
            # no other plan in its place: that would be a step, and written down as one
            self._loaded = self._started(*self._fetched(loaded.plan))
        except Bili2TextError:
            return False
        return True

    def step_down(self, error: Bili2TextError) -> None:
        """Replace the engine whose card failed by that of the next plan, or raise the error."""
        plan = self._loaded.plan if self._loaded else self.engine()[0]
        self.close()
        self._load(self._planner.after(plan, error))

    def close(self) -> None:
        """Let go of the engine, and wait until its card has its memory back."""
        if self._loaded is None:
            return
        loaded, self._loaded = self._loaded, None
        plan = loaded.plan
        before = free_mib_now(plan.gpu) if plan.gpu else None
        loaded.engine.close()
        if before is not None:
            free = wait_until_free(plan.gpu, before, _held(loaded))
            if free is not None and free < before + 0.9 * _held(loaded):
                self._progress.note(f"{plan.device_name}: {free - before} MiB came back, {free} MiB are free")

    def taken(self) -> dict[str, Any]:
        """Return what the engine took so far, of RAM and of its card; the planner reckons with it later."""
        if self._loaded is None:
            return {}
        plan, stats = self._loaded.plan, self._loaded.engine.stats()
        found: dict[str, Any] = {"planned_mib": plan.need_mib, "ram_mib": stats.peak_rss_mib}
        if stats.taken is not None:
            found |= asdict(stats.taken)
            if stats.taken.peak_mib and stats.taken.origin == "pool":
                # the fall of the card's free memory may be a neighbour's doing
                self._planner.took(plan, stats.taken.peak_mib)
        return found | _watched(stats)

    def _hub(self) -> hub.Options:
        wanted = self._request.models
        return hub.Options(
            hub=wanted.hub or "hf", proxy=wanted.proxy, offline=wanted.offline, environ=self._environ
        )

    def _model(self, name: str) -> ModelFolder:
        """Return the model's folder, its bytes checked, downloading it where that is allowed."""
        model = resolve(name)
        folder = store.find(name, self._places, self._progress)
        if folder is not None:
            return folder
        if isinstance(model, LocalFolder):
            raise ModelError(f"no such model folder: {name}", hint="check the path, or pass a model's name")
        options = self._hub()
        if self._request.wishes.model == "auto" and store.on_disk(self._places):
            # there is something else to work with: a computer without a network should not wait long for this
            options = replace(options, patience=_SHORT)
        return hub.download(model, options, self._places.cache, self._progress)

    def _load(self, plan: Plan) -> _Loaded:
        """Load a plan, or the first of those after it that can be loaded."""
        while self._loaded is None:
            plan, folder = self._fetched(plan)
            for reason in plan.reasons:
                self._progress.note(f"plan: {reason}")
            try:
                self._loaded = self._started(plan, folder)
            except CARD_FAILURES as error:
                plan = self._planner.after(plan, error)
        self._loaded.engine.check_language(self._request.wishes.language)
        return self._loaded

    def _fetched(self, plan: Plan) -> tuple[Plan, ModelFolder]:
        """Return the plan with its model's folder.

        A model of our own choice that cannot be had gives way to one that is on this disk.
        """
        try:
            return plan, self._model(plan.model)
        except ModelError as error:
            chosen = self._request.wishes.model == "auto" and not plan.on_disk
            instead = self._planner.without_downloads() if chosen else None
            if instead is None:
                raise
            self._progress.warn(f"{plan.model} cannot be had, using {instead.model}: {error.message}")
            return instead, self._model(instead.model)

    def _started(self, plan: Plan, folder: ModelFolder) -> _Loaded:
        self._progress.note(
            f"plan: {plan.model} ({folder.origin}, {folder.verified}), {plan.compute_type}, "
            f"batch {plan.batch_size}, beam {plan.beam_size}, on {plan.device_name}"
        )
        load = Load(folder.path, plan.device, plan.device_index, plan.compute_type, plan.threads)
        if plan.device == "cpu":
            load = replace(load, workers=workers(plan.threads, plan.batch_size))
        options = replace(
            self._request.listening.options,
            beam_size=plan.beam_size,
            best_of=plan.best_of,
            encoder_batch=plan.encoder_batch,
        )
        account = None
        if plan.device == "cuda":
            account = AccountWish(plan.gpu, self._request.watching, self._places.cache / "monitor")
        engine = RemoteEngine(
            load,
            options,
            self._environ,
            gpu=plan.gpu,
            total_mib=plan.site.total_mib if plan.site else None,
            account=account,
            warn=self._progress.warn,
        )
        return _Loaded(plan, engine, store.fingerprint(folder, self._places, self._progress))


def _pin(loaded: _Loaded) -> Pin:
    plan = loaded.plan
    return Pin(
        plan.model,
        loaded.digest,
        plan.compute_type,
        plan.beam_size,
        plan.best_of,
        plan.batch_size,
        plan.device,
        plan.device_name,
    )


def _alike(one: Pin, other: Pin) -> bool:
    """Return whether two engines write the same; batches are cut as they must."""
    return replace(one, batch_size=0, device_name="") == replace(other, batch_size=0, device_name="")


def _held(loaded: _Loaded) -> int:
    """Return what an engine held of its card when it was idle: all but what the decoder takes, in MiB."""
    shape = loaded.plan.footprint
    return 0 if shape is None else round(shape.weights + shape.context)


def _watched(stats: EngineStats) -> dict[str, Any]:
    if stats.watched is None:
        return {}
    found = {"card_peak_mib": stats.watched.peak_mib, "card_mean_mib": stats.watched.mean_mib}
    return found | ({"log": str(stats.log)} if stats.log else {})
