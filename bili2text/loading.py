"""The engine a run uses: planned and loaded for the first recording, another when its card fails."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from bili2text.errors import Bili2TextError, DependencyError, DeviceFailure, ModelError, OutOfMemory
from bili2text.gpu import allocator
from bili2text.gpu.account import Account
from bili2text.models import hub, store
from bili2text.models.catalog import LocalFolder, resolve
from bili2text.models.store import ModelFolder, Places
from bili2text.paths import cache_dir
from bili2text.plan.values import Plan
from bili2text.planning import Look, Planner
from bili2text.progress import Progress

if TYPE_CHECKING:
    from bili2text.request import Request
    from bili2text.transcribe.ct2 import Ct2Engine

# What a card may do that another plan would not.
CARD_FAILURES = (OutOfMemory, DeviceFailure, DependencyError)


@dataclass(frozen=True, slots=True)
class _Loaded:
    plan: Plan
    engine: Ct2Engine
    account: Account | None  # of the card; None on the CPU

    def close(self) -> None:
        self.engine.close()
        if self.account is not None:
            self.account.close()


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
        wishes = replace(request.wishes, told=request.listening.options.told)
        self._planner = Planner(wishes, self._places, progress, may_download=may_download, look=look)
        self._loaded: _Loaded | None = None

    def check(self) -> Plan:
        """Return the plan as of now, raising what is wrong with it before anything is downloaded for it.

        That is UsageError, DependencyError, OutOfMemory, or ModelError for a model that would need a
        forbidden download.
        """
        plan = self._planner.plan()
        if isinstance(resolve(plan.model), LocalFolder) or not self._planner.may_download:
            self._model(plan.model)
        return plan

    def engine(self) -> tuple[Plan, Ct2Engine]:
        """Return the plan and its engine, made by the first call from what is free then.

        A plan that fails to load gives way to the next, where that is allowed. Raises ModelError,
        DependencyError, UsageError, OutOfMemory or RuntimeFailure.
        """
        loaded = self._loaded or self._load(self._planner.plan())
        return loaded.plan, loaded.engine

    def step_down(self, error: Bili2TextError) -> None:
        """Replace the engine whose card failed by that of the next plan, or raise the error."""
        plan, _ = self.engine()
        self.close()
        self._load(self._planner.after(plan, error))

    def close(self) -> None:
        """Let go of the engine."""
        if self._loaded is not None:
            self._loaded.close()
            self._loaded = None

    def taken(self) -> dict[str, Any]:
        """Return what the model took of its card so far, and remember it for later plans; {} on the CPU."""
        if self._loaded is None or self._loaded.account is None:
            return {}
        plan, account = self._loaded.plan, self._loaded.account
        measured, watched = account.measured, account.watched
        if measured.peak_mib and measured.origin == "pool":
            # the fall of the card's free memory may be a neighbour's doing
            self._planner.took(plan, measured.peak_mib)
        found = {"planned_mib": plan.need_mib, **asdict(measured)}
        if watched is not None:
            found |= {"card_peak_mib": watched.peak_mib, "card_mean_mib": watched.mean_mib}
        return found | ({"log": str(account.log)} if account.log else {})

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
        return hub.download(model, self._hub(), self._places.cache, self._progress)

    def _load(self, plan: Plan) -> _Loaded:
        """Load a plan, or the first of those after it that can be loaded."""
        while self._loaded is None:
            plan, folder = self._fetched(plan)
            for reason in plan.reasons:
                self._progress.note(f"plan: {reason}")
            account = self._account(plan)
            try:
                self._loaded = _Loaded(plan, self._engine(plan, folder), account)
            except CARD_FAILURES as error:
                if account is not None:
                    account.close()
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

    def _account(self, plan: Plan) -> Account | None:
        if plan.device == "cpu":
            return None
        folder = self._places.cache / "monitor"
        return Account(plan.device_index, plan.gpu, self._request.watching, folder, self._progress.warn)

    def _engine(self, plan: Plan, folder: ModelFolder) -> Ct2Engine:
        # before CTranslate2 is imported, for it reads its environment once
        wanted = allocator.whisper_environment(self._environ, sys.platform)
        if plan.device == "cuda" and (problem := allocator.apply(os.environ, wanted)):
            self._progress.note(problem)
        from bili2text.transcribe.ct2 import Ct2Engine, Load

        self._progress.note(
            f"plan: {plan.model} ({folder.origin}, {folder.verified}), {plan.compute_type}, "
            f"batch {plan.batch_size}, beam {plan.beam_size}, on {plan.device_name}"
        )
        load = Load(folder.path, plan.device, plan.device_index, plan.compute_type, plan.threads)
        options = replace(
            self._request.listening.options,
            beam_size=plan.beam_size,
            best_of=plan.best_of,
            encoder_batch=plan.encoder_batch,
        )
        return Ct2Engine(load, options)
