"""What the trials of a report teach the plan in the same report. Pure.

What holds for good is in the ledger (`diagnose.remember`). Here is what holds now: a card on which nothing
works today, and what this CPU gets wrong, for which the ledger has no place.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bili2text.diagnosis.values import Outcome, Trial, Trials
from bili2text.gpu.device import Device
from bili2text.plan import candidates
from bili2text.plan.choose import choose
from bili2text.plan.values import Machine, Plan, Stock, Wishes


@dataclass(frozen=True, slots=True)
class Broken:
    """A kind of card, or the CPU, on which no precision works."""

    device: Device | None  # the one that was tried; None: the CPU
    uuids: tuple[str, ...]  # of every card of its kind; where memory was short, of it alone
    why: str  # of the first trial that failed
    full: bool = False  # every trial failed for want of memory: what to stop is the question then


@dataclass(frozen=True, slots=True)
class Lessons:
    """What not to plan with."""

    broken: tuple[Broken, ...] = ()
    wrong_on_cpu: tuple[Trial, ...] = ()
    right_on_cpu: str = ""  # the fastest precision of those that work there; "" where none was tried

    def with_room(self) -> Lessons:
        """Return them as they would be if there were memory enough."""
        return replace(self, broken=tuple(one for one in self.broken if not one.full))


def to_remember(trials: Iterable[Trial]) -> tuple[Trial, ...]:
    """Return the failures that are the precision's, so that no plan should use it there again.

    A place that aborts or hangs in every precision has another fault, which may be gone tomorrow.
    """
    tried = tuple(trials)
    wrong: set[Outcome] = {"refused", "nonsense"}
    if any(trial.outcome == "works" for trial in tried):
        wrong |= {"aborted", "no answer"}
    return tuple(trial for trial in tried if trial.outcome in wrong)


def learned(tried: Iterable[Trials], machine: Machine) -> Lessons:
    """Return what the trials of a machine teach."""
    broken: list[Broken] = []
    wrong: tuple[Trial, ...] = ()
    right = ""
    for trials in tried:
        each = tuple(one for one in trials.each if one.outcome != "ruled out")
        working = [one for one in each if one.outcome == "works"]
        if each and not working:
            broken.append(_broken(trials.place, each, machine))
        elif trials.place == "cpu" and working:
            wrong = to_remember(each)
            right = max(working, key=lambda one: one.speed or 0.0).compute_type
    return Lessons(tuple(broken), wrong, right)


def planned(wishes: Wishes, machine: Machine, stock: Stock, lessons: Lessons) -> Plan:
    """Return the plan without what failed in the trials. Raises what `choose` raises."""
    uuids = tuple(uuid for one in lessons.broken for uuid in one.uuids)
    wishes = replace(wishes, without=(*wishes.without, *uuids))
    plan = choose(wishes, machine, stock)
    wrong = {one.compute_type: one.why for one in lessons.wrong_on_cpu}
    if plan.device != "cpu" or plan.compute_type not in wrong or not wishes.auto_optimize:
        return plan
    # the CPU was tried because no card can be used, so this binds none
    instead = choose(replace(wishes, compute_type=lessons.right_on_cpu), machine, stock)
    why = f"{plan.compute_type} fails on this CPU ({wrong[plan.compute_type]})"
    return replace(instead, reasons=(*instead.reasons, why))


def _broken(place: str, failed: tuple[Trial, ...], machine: Machine) -> Broken:
    cards = machine.cards.devices
    why = f"{failed[0].compute_type}: {failed[0].why}"
    full = all(one.outcome == "no room" for one in failed)
    device = next((card for card in cards if f"cuda:{card.index}" == place), None)
    if device is None:
        return Broken(None, (), why, full)
    kind = candidates.site(device, machine)
    same = tuple(card.uuid for card in cards if candidates.site(card, machine) == kind)
    return Broken(device, (device.uuid,) if full else same, why, full)
