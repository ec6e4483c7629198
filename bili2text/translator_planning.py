"""From what is wished of a translator and what is free now to a plan, and to the next when one fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from bili2text.errors import Bili2TextError, DependencyError, ModelError, OutOfMemory, PrecisionFailure
from bili2text.gpu.probe import free_mib_now
from bili2text.plan.machine import this_machine
from bili2text.plan.values import Machine, Wishes
from bili2text.progress import Progress
from bili2text.translate.records import Pin
from bili2text.translation_request import TranslationRequest
from bili2text.translators import folders, ledger
from bili2text.translators.choose import choose
from bili2text.translators.float8 import float8
from bili2text.translators.learned import Failed, Kind, Learned, Ran, Runtime
from bili2text.translators.select import runtime
from bili2text.translators.values import FoundModel, TranslatorPlan, TranslatorWishes

Look = Callable[[Wishes, Mapping[str, str]], Machine]
_STEP = 0.75  # of what failed for lack of memory the next plan may use, for the rest of the run
_MOST_STEPS = 12  # plans tried for one run


class TranslatorPlanner:
    """Plans by what is free at the moment, and learns from plans that fail."""

    def __init__(
        self,
        request: TranslationRequest,
        progress: Progress,
        environ: Mapping[str, str],
        look: Look | None = None,
        free_now: Callable[[str], int | None] = free_mib_now,
    ) -> None:
        """Nothing is probed yet; `look` and `free_now` stand in for looking at this machine."""
        self._wishes = request.share or request.wishes
        self._models_dir = request.models_dir
        self._terms, self._reflect = bool(request.terms), request.reflect
        self._progress = progress
        self._environ = environ
        self._look = look or this_machine
        self._free_now = free_now
        self._ledger = ledger.ledger_file(environ)
        self._learned = Learned()  # in this run: the disk may not take it
        self._steps: tuple[str, ...] = ()
        self._shelf: tuple[FoundModel, ...] | None = None

    def plan(self, *, reserve_mib: int = 0) -> TranslatorPlan:
        """Return the plan for what is free now; `reserve_mib` more of the card is left to somebody else.

        Raises what `choose` raises, and ModelError for a folder that holds no model.
        """
        return self._plan(replace(self._wishes, reserve_mib=self._wishes.reserve_mib + reserve_mib))

    def plan_like(self, pin: Pin) -> TranslatorPlan:
        """Return the plan that writes as that one did, if it fits here now, else that of `plan`."""
        same = (one for one in self.models() if (one.name, one.engine) == (pin.model, pin.engine))
        for model in same:
            wishes = replace(
                self._wishes, model_path=model.path, precision=pin.precision, batch_size=pin.batch_size
            )
            try:
                return self._plan(wishes)
            except (OutOfMemory, DependencyError, ModelError):  # it has no room here now
                break
        return self.plan()

    def models(self) -> tuple[FoundModel, ...]:
        """Return the models to choose among; of folders that cannot be used it is said once why."""
        if self._shelf is None:
            if self._wishes.model_path is not None:
                self._shelf = (folders.look(self._wishes.model_path),)
                self._tell_untold(self._shelf[0])
            else:
                there = folders.shelf(self._models_dir, self._environ)
                for fault in there.faults:
                    self._progress.warn(fault)
                self._shelf = there.models
        return self._shelf

    def after(self, plan: TranslatorPlan, error: Bili2TextError) -> TranslatorPlan:
        """Return the plan that comes after one that failed; raise the error where none may.

        A precision that failed is not tried there again, on a CPU float32 comes next; a size that had no room
        makes the next plan smaller; any other failure of a card leaves it for another one, or the CPU.
        """
        if not self._wishes.auto_optimize or len(self._steps) >= _MOST_STEPS:
            raise error
        if isinstance(error, PrecisionFailure) or (plan.site is None and isinstance(error, DependencyError)):
            self._refuse(plan, error)
        elif plan.site is None:
            raise error
        elif isinstance(error, OutOfMemory):
            self.lacked(plan)
            self._wishes = replace(self._wishes, vram_budget_mib=int(_STEP * plan.need_mib))
        else:
            self._wishes = replace(self._wishes, without=(*self._wishes.without, plan.gpu))
        why = f"{plan.model.name} in {plan.precision} on {plan.device_name} failed: {error.message}"
        self._steps = (*self._steps, why)
        after = self._instead(plan, error)
        how = f"{after.model.name} in {after.precision}, {after.batch_size} at once, on {after.device_name}"
        self._progress.warn(f"{error.message}; going on with {how}")
        return after

    def may_shrink(self, plan: TranslatorPlan) -> bool:
        """Return whether a plan that had no room may go on with smaller batches."""
        return self._wishes.auto_optimize and plan.batch_size > 1

    def lacked(self, plan: TranslatorPlan, held_mib: int = 0) -> None:
        """Remember that a batch had no room, unless somebody else took what was there for it.

        `held_mib` is what a translator that is still loaded has of the card.
        """
        if plan.site is None:
            return
        free = self._free_now(plan.gpu)
        had = plan.need_mib if free is None else free + held_mib
        if had >= plan.need_mib:
            self._learn(Ran(_kind(plan), plan.batch_size, plan.beam_size, had, out_of_memory=True))

    def took(self, plan: TranslatorPlan, mib: int) -> None:
        """Remember what a run really took of its card at its peak: the next plan reckons with it."""
        if plan.site is not None:
            self._learn(Ran(_kind(plan), plan.batch_size, plan.beam_size, mib))

    def _tell_untold(self, model: FoundModel) -> None:
        """Say what was asked for that a model cannot be told."""
        asked = [("--glossary", self._terms), ("--reflect", self._reflect)]
        if model.ways and (given := [option for option, wanted in asked if wanted]):
            self._progress.warn(
                f"{model.name} is told each sentence alone: {' and '.join(given)} cannot be used"
            )

    def _plan(self, wishes: TranslatorWishes) -> TranslatorPlan:
        machine = self._look(Wishes(device=wishes.device), self._environ)
        plan = choose(wishes, machine, self.models(), float8(self._environ), self._known())
        return replace(plan, reasons=(*self._steps, *plan.reasons))

    def _instead(self, plan: TranslatorPlan, error: Bili2TextError) -> TranslatorPlan:
        """Return the plan of what is left; what failed says more than that nothing, or only this, is left."""
        try:
            after = self.plan()
        except (DependencyError, OutOfMemory, ModelError):
            raise error from None
        same = (after.model, after.gpu, after.precision) == (plan.model, plan.gpu, plan.precision)
        if same and after.batch_size >= plan.batch_size:
            raise error
        return after

    def _refuse(self, plan: TranslatorPlan, error: Bili2TextError) -> None:
        """Do not try this precision again: not on that card at all, and on a CPU not in this run.

        A library that is missing on a CPU may be that of a precision, too.
        """
        if plan.site is not None:
            failed = Failed(_kind(plan), error.message)
            self._learned = self._learned.with_failed(failed)
            ledger.record(self._ledger, failed=failed)
        elif plan.precision == "float32":
            raise error
        else:
            self._wishes = replace(self._wishes, precision="float32")

    def _learn(self, ran: Ran) -> None:
        self._learned = self._learned.with_run(ran)
        ledger.record(self._ledger, ran=ran)

    def _known(self) -> Runtime:
        """Return what can run here, and what was learned: where the disk takes nothing, this run's, too."""
        found = runtime(self._environ)
        return replace(found, learned=_both(found.learned, self._learned.runs, self._learned.failed))


def _both(known: Learned, runs: Iterable[Ran], failed: Iterable[Failed]) -> Learned:
    for run in runs:
        known = known.with_run(run)
    for one in failed:
        known = known.with_failed(one)
    return known


def _kind(plan: TranslatorPlan) -> Kind:
    assert plan.site is not None  # noqa: S101 - for the type checker
    return Kind(plan.site, plan.model.name, plan.precision)
