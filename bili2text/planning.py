"""From what is wished and what is here now to a plan, and to the next one when a plan fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from bili2text.errors import Bili2TextError, DependencyError, OutOfMemory, PrecisionFailure
from bili2text.gpu.probe import free_mib_now
from bili2text.jobs.records import Pin
from bili2text.models.store import Places
from bili2text.plan import ledger
from bili2text.plan.choose import choose
from bili2text.plan.experience import Experience, Peak, Refused
from bili2text.plan.machine import this_machine
from bili2text.plan.stock import stock
from bili2text.plan.values import Machine, Plan, Wishes
from bili2text.progress import Progress

Look = Callable[[Wishes, Mapping[str, str]], Machine]
_MOST_STEPS = 12  # plans tried for one run: there are fewer precisions and sizes worth trying
_STEP = 0.75  # of what failed for lack of memory the next plan may use, for the rest of the run
_MOST_WAITS = 3
_EVERY = 0.25  # seconds between two looks at the free memory
_SETTLING = 2.0  # seconds a driver takes at most to hand memory back


class Planner:
    """Plans by what is free at the moment, and learns from plans that fail."""

    def __init__(
        self,
        wishes: Wishes,
        places: Places,
        progress: Progress,
        *,
        may_download: bool,
        look: Look | None = None,
        free_now: Callable[[str], int | None] = free_mib_now,
    ) -> None:
        """Nothing is probed yet; `look` and `free_now` stand in for looking at this machine."""
        self.may_download = may_download
        self._wishes = wishes
        self._places = places
        self._progress = progress
        self._look = look or this_machine
        self._free_now = free_now
        self._ledger = ledger.ledger_file(places.environ)
        self._learned = Experience()  # in this run: the disk may not take it
        self._steps: tuple[str, ...] = ()
        self._waits = 0

    def plan(self, pin: Pin | None = None) -> Plan:
        """Return the plan for what is free now; with a pin, the one that writes as it did, if it fits.

        Raises what `choose` raises, and ModelError for a folder that is none.
        """
        wishes = self._wishes
        if pin is not None:
            wishes = replace(
                wishes,
                model=pin.model,
                compute_type=pin.compute_type,
                beam_size=pin.beam_size,
                best_of=pin.best_of,
                batch_size=wishes.batch_size or pin.batch_size,
                device=pin.device if wishes.device == "auto" else wishes.device,
            )
        plan = self._now(wishes)
        return replace(plan, reasons=(*self._steps, *plan.reasons))

    def without_downloads(self) -> Plan | None:
        """Return the plan with what is on this disk alone; None where nothing is."""
        self.may_download = False
        here = stock(self._wishes, self._places, self._progress, may_download=False)
        return self.plan() if here.on_disk else None

    def after(self, plan: Plan, error: Bili2TextError) -> Plan:
        """Return the plan that comes after one that failed on a card; raise the error where none may.

        A precision that failed is not tried on that card again, nor a size that had no room: both are
        remembered. Where memory ran out because somebody else took it, nothing is learned: less is free
        now. Any other failure of a card leaves it for another one, or the CPU.
        """
        if plan.site is None or not self._wishes.auto_optimize:
            raise error
        if isinstance(error, PrecisionFailure):
            self._learn(refused=Refused(plan.site, plan.compute_type, error.message))
        elif isinstance(error, OutOfMemory):
            free = self._free_again(plan, _SETTLING)
            if free is not None and free < plan.need_mib and self._passed_by(plan, free):
                return plan
            self._make_do_with_less(plan, free)
        else:
            self._leave(plan)
        why = f"{plan.model} in {plan.compute_type} on {plan.device_name} failed: {error.message}"
        self._steps = (*self._steps, why)
        after = self._instead(error)
        same = (after.model, after.gpu, after.setting) == (plan.model, plan.gpu, plan.setting)
        if same or (after.gpu == plan.gpu and len(self._steps) >= _MOST_STEPS):
            self._leave(plan)
            after = self._instead(error)
        going_on = f"{after.model} in {after.compute_type}, batch {after.batch_size}, on {after.device_name}"
        self._progress.warn(f"{error.message}; going on with {going_on}")
        return after

    def took(self, plan: Plan, mib: int) -> None:
        """Remember what a run really took of its card at its peak: the next plan reckons with it."""
        if plan.site is not None:
            self._learn(peak=Peak(plan.site, plan.model, plan.setting, mib, out_of_memory=False))

    def _now(self, wishes: Wishes) -> Plan:
        there = stock(wishes, self._places, self._progress, may_download=self.may_download)
        machine = self._look(wishes, self._places.environ)
        return choose(wishes, replace(machine, experience=self._known(machine)), there)

    def _known(self, machine: Machine) -> Experience:
        known = machine.experience
        for peak in self._learned.peaks:
            known = known.with_peak(peak)
        for refused in self._learned.refused:
            known = known.with_refused(refused)
        return known

    def _learn(self, *, peak: Peak | None = None, refused: Refused | None = None) -> None:
        if peak is not None:
            self._learned = self._learned.with_peak(peak)
        if refused is not None:
            self._learned = self._learned.with_refused(refused)
        ledger.record(self._ledger, peak=peak, refused=refused)

    def _free_again(self, plan: Plan, seconds: float) -> int | None:
        """Return the card's free memory once there is enough, or in time; None where the driver is silent."""
        until = time.monotonic() + seconds
        free = self._free_now(plan.gpu)
        while free is not None and free < plan.need_mib and time.monotonic() < until:
            time.sleep(_EVERY)
            free = self._free_now(plan.gpu)
        return free

    def _passed_by(self, plan: Plan, free: int) -> bool:
        """Return whether memory that somebody else took came back while we waited for it."""
        if self._waits >= _MOST_WAITS or self._wishes.gpu_wait <= 0:
            return False
        self._waits += 1
        self._progress.warn(
            f"{plan.device_name}: another program took memory, {free} MiB are free; "
            f"waiting up to {self._wishes.gpu_wait:.0f} s for it"
        )
        again = self._free_again(plan, self._wishes.gpu_wait)
        return again is not None and again >= plan.need_mib

    def _make_do_with_less(self, plan: Plan, free: int | None) -> None:
        """Learn from a lack of memory, and take a clear step: by a little each time, steps would be many."""
        if plan.site is not None and (free is None or free >= plan.need_mib):
            had = plan.need_mib if free is None else free
            self._learn(peak=Peak(plan.site, plan.model, plan.setting, had, out_of_memory=True))
        self._wishes = replace(self._wishes, vram_budget_mib=int(_STEP * plan.need_mib))

    def _leave(self, plan: Plan) -> None:
        self._wishes = replace(self._wishes, without=(*self._wishes.without, plan.gpu))

    def _instead(self, error: Bili2TextError) -> Plan:
        """Return the plan of what is left; what failed says more than that nothing is left."""
        try:
            return self.plan()
        except (DependencyError, OutOfMemory):
            raise error from None
