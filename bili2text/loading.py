"""Probe, plan and load: the engine a run uses, made when the first recording needs it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from bili2text.errors import (
    Bili2TextError,
    DependencyError,
    DeviceFailure,
    ModelError,
    OutOfMemory,
    UsageError,
)
from bili2text.gpu.device import Cards
from bili2text.gpu.libraries import load_cublas
from bili2text.gpu.nvml import probe
from bili2text.models import hub, store
from bili2text.models.catalog import LocalFolder, ModelCard, card_named, resolve
from bili2text.models.store import ModelFolder, Places
from bili2text.paths import cache_dir
from bili2text.plan.choose import Machine, Plan, choose, on_cpu_instead
from bili2text.plan.machine import cores, free_ram_gib
from bili2text.progress import Progress

if TYPE_CHECKING:
    from bili2text.request import Request
    from bili2text.transcribe.ct2 import Ct2Engine


Look = Callable[["Request", Mapping[str, str]], Machine]
# What a card may do that the same work on the CPU would not.
CARD_FAILURES = (OutOfMemory, DeviceFailure, DependencyError)


class Loader:
    """Holds the plan and the one loaded engine of a run. Close it."""

    def __init__(
        self, request: Request, progress: Progress, environ: Mapping[str, str], look: Look | None = None
    ) -> None:
        """Nothing is probed or loaded yet; `look` stands in for looking at this machine."""
        self._look = look or this_machine
        self._request = request
        self._progress = progress
        self._environ = environ
        self._places = Places(cache_dir(environ), request.models.model_dir, environ)
        self._loaded: tuple[Plan, Ct2Engine] | None = None

    def check(self) -> None:
        """Raise now what is wrong with the wishes, before anything is downloaded for them.

        That is UsageError, DependencyError, or ModelError for a model that would need a forbidden download.
        """
        name = self._plan().model
        model = resolve(name)
        _check_fits_task(model, self._request)
        if isinstance(model, LocalFolder) or hub.is_offline(self._hub()):
            self._model(name)

    def engine(self) -> tuple[Plan, Ct2Engine]:
        """Return the plan and its engine, made by the first call.

        A card that fails to load the model is left for the CPU, where that is allowed. Raises ModelError,
        DependencyError, UsageError, OutOfMemory or RuntimeFailure.
        """
        if self._loaded is None:
            plan = self._plan()
            for reason in plan.reasons:
                self._progress.note(f"plan: {reason}")
            folder = self._model(plan.model)
            try:
                self._loaded = plan, self._load(plan, folder)
            except CARD_FAILURES as error:
                if not may_fall_back(plan, self._request):
                    raise
                self._loaded = self._on_cpu(plan, folder, error)
            self._loaded[1].check_language(self._request.wishes.language)
        return self._loaded

    def on_cpu(self, error: Bili2TextError) -> tuple[Plan, Ct2Engine]:
        """Replace an engine whose card failed by the same model on the CPU."""
        plan, _ = self.engine()
        self.close()
        self._loaded = self._on_cpu(plan, self._model(plan.model), error)
        return self._loaded

    def close(self) -> None:
        """Let go of the engine."""
        if self._loaded is not None:
            self._loaded[1].close()
            self._loaded = None

    def _plan(self) -> Plan:
        """Return the plan for what is free now."""
        machine = self._look(self._request, self._environ)
        return choose(self._request.wishes, machine, self._on_disk())

    def _hub(self) -> hub.Options:
        wanted = self._request.models
        return hub.Options(
            hub=wanted.hub or "hf", proxy=wanted.proxy, offline=wanted.offline, environ=self._environ
        )

    def _on_disk(self) -> tuple[ModelCard, ...]:
        """Return the models known by name that need no download; only asked when the choice is ours."""
        if self._request.wishes.model != "auto":
            return ()
        found = (card_named(folder.name) for folder in store.on_disk(self._places))
        return tuple(card for card in found if card is not None)

    def _model(self, name: str) -> ModelFolder:
        """Return the model's folder, its bytes checked, downloading it where that is allowed."""
        model = resolve(name)
        _check_fits_task(model, self._request)
        folder = store.find(name, self._places, self._progress)
        if folder is not None:
            return folder
        if isinstance(model, LocalFolder):
            raise ModelError(f"no such model folder: {name}", hint="check the path, or pass a model's name")
        return hub.download(model, self._hub(), self._places.cache, self._progress)

    def _load(self, plan: Plan, folder: ModelFolder) -> Ct2Engine:
        from bili2text.transcribe.ct2 import Ct2Engine, Load

        self._progress.note(
            f"plan: {plan.model} ({folder.origin}, {folder.verified}), {plan.compute_type}, "
            f"batch {plan.batch_size}, beam {plan.beam_size}, on {plan.device_name}"
        )
        load = Load(folder.path, plan.device, plan.device_index, plan.compute_type, plan.threads)
        return Ct2Engine(load, replace(self._request.listening.options, beam_size=plan.beam_size))

    def _on_cpu(self, plan: Plan, folder: ModelFolder, error: Bili2TextError) -> tuple[Plan, Ct2Engine]:
        self._progress.warn(f"the card failed, going on on the CPU: {error.message}")
        why = f"the card failed: {error.message}"
        instead = on_cpu_instead(plan, self._request.wishes, why, cores())
        return instead, self._load(instead, folder)


def may_fall_back(plan: Plan, request: Request) -> bool:
    """Return whether this work may go on on the CPU."""
    return plan.device != "cpu" and request.wishes.cpu_fallback


def this_machine(request: Request, environ: Mapping[str, str]) -> Machine:
    """Return what is free here now; no card is asked when the CPU is wanted."""
    if request.wishes.device == "cpu":
        return Machine(Cards((), "the CPU was asked for"), free_ram_gib(), cores())
    # NVML counts cards in the order of the bus; CUDA must too, or "card 0" is two different cards
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    cards = probe(environ)
    return Machine(cards, free_ram_gib(), cores(), load_cublas() if cards.devices else "")


def _check_fits_task(model: object, request: Request) -> None:
    """Refuse a model that was not trained for what is asked of it: it would answer, and wrongly."""
    if not isinstance(model, ModelCard):
        return
    language = request.wishes.language
    if model.english_only and language not in (None, "en"):
        raise UsageError(
            f"{model.name} knows English alone, not {language!r}", hint="use a model without .en or distil"
        )
    if request.wishes.task == "translate" and not model.translates:
        raise UsageError(
            f"{model.name} was not trained to translate: it would repeat the original",
            hint="use --model large-v3 or medium",
        )
