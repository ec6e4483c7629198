"""What to stop or change so that a better plan fits: by planning again as if it were done. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from bili2text.diagnosis.lessons import Lessons, planned
from bili2text.errors import Bili2TextError
from bili2text.gpu.device import Cards, Device, Holder
from bili2text.models.catalog import card_named
from bili2text.plan import precision
from bili2text.plan.values import Candidate, Machine, Plan, Stock, Wishes

# What draws the screen: who stops it stops everything
_DESKTOP = {
    "xorg", "x", "xwayland", "gnome-shell", "mutter", "kwin_x11", "kwin_wayland", "plasmashell", "sway",
    "weston", "hyprland", "cinnamon", "gdm", "sddm", "dwm.exe", "explorer.exe", "csrss.exe", "winlogon.exe",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """What a plan was made from, and the plan; None where nothing fits."""

    wishes: Wishes
    machine: Machine
    stock: Stock
    plan: Plan | None
    lessons: Lessons  # of the trials; the plan minds them

    def instead(
        self,
        *,
        wishes: Wishes | None = None,
        machine: Machine | None = None,
        stock: Stock | None = None,
        lessons: Lessons | None = None,
    ) -> Plan | None:
        """Return the plan with something changed, where it is better; else None."""
        with suppress(Bili2TextError):
            found = planned(
                wishes or self.wishes,
                machine or self.machine,
                stock or self.stock,
                self.lessons if lessons is None else lessons,
            )
            return found if better(found, self.plan) else None
        return None


def advice(case: Case) -> tuple[str, ...]:
    """Return, a line each, what would lead to a better plan than the case's; () where nothing would."""
    lines = list(_broken(case))
    device = looked_at(case)
    if device is not None:
        lines += [*_library(case), *_stops(case, device), *_screen(case, device), *_limits(case)]
    return (*lines, *_downloads(case), *_slower(case))


def better(new: Plan, old: Plan | None) -> bool:
    """Return whether a plan has a better model, or the same one in a better precision or on a card."""
    if old is None:
        return True
    if _rank(new) != _rank(old):
        return _rank(new) > _rank(old)
    if new.device != old.device:
        return new.device == "cuda"
    steps = [(one.model, one.compute_type) for one in new.walk]
    mine, theirs = (new.model, new.compute_type), (old.model, old.compute_type)
    return mine in steps and theirs in steps and steps.index(mine) < steps.index(theirs)


def looked_at(case: Case) -> Device | None:
    """Return the card the plan is for, or else the one with the most free memory that could be used."""
    cards = case.machine.cards.devices
    if case.wishes.device == "cpu":
        return None
    broken = {uuid for one in case.lessons.with_room().broken for uuid in one.uuids}
    able = [card for card in cards if not precision.unusable(card) and card.uuid not in broken]
    planned = [card for card in able if case.plan is not None and card.uuid == case.plan.gpu]
    return next(iter(planned), max(able, key=lambda card: card.free_mib, default=None))


def _broken(case: Case) -> Iterator[str]:
    for one in case.lessons.broken:
        where = "this CPU" if one.device is None else f"cuda:{one.device.index} ({one.device.name})"
        said = f"no precision works on {where} ({one.why})"
        found = None
        if one.device is not None and not one.full:
            rest = tuple(other for other in case.lessons.broken if other is not one)
            found = case.instead(lessons=replace(case.lessons, broken=rest))
        yield said if found is None else f"{said}: once it does, {_named(found)} fits there"


def _library(case: Case) -> Iterator[str]:
    if not case.machine.cublas:
        return
    found = case.instead(machine=replace(case.machine, cublas=""))
    if found is not None:
        yield f"{case.machine.cublas}: then {_named(found)} fits on the card"


def _stops(case: Case, device: Device) -> Iterator[str]:
    """Yield the smallest program whose end is enough, each larger that gives more, and all where they do."""
    known = sorted((one for one in device.holders if _stoppable(one)), key=lambda one: one.used_mib or 0)
    after = _freed(case, device)
    said = case.plan
    for holder in known:
        found = after(holder.used_mib or 0)
        if found is not None and better(found, said):
            said = found
            yield f"stop {_program(holder)}: {_gain(case, found, device)}"
    everything = sum(one.used_mib or 0 for one in known)
    most = after(everything) if len(known) > 1 else None
    if most is not None and better(most, said):
        gain = _gain(case, most, device)
        yield f"stop all {len(known)} programs on the card ({everything} MiB): {gain}"
    silent = [one for one in device.holders if one.used_mib is None and not _draws(one)]
    if silent and after(device.total_mib - device.free_mib) is not None:
        names = ", ".join(f"{one.name or 'a program'} (PID {one.pid})" for one in silent)
        yield f"the driver does not tell how much memory is held by {names}; to stop some of it may be enough"


def _freed(case: Case, device: Device) -> Callable[[int], Plan | None]:
    def after(mib: int) -> Plan | None:
        free = min(device.total_mib, device.free_mib + mib)
        machine = _with(case.machine, replace(device, free_mib=free))
        return case.instead(machine=machine, lessons=case.lessons.with_room())

    return after


def _screen(case: Case, device: Device) -> Iterator[str]:
    if not device.display:
        return
    held = sum(one.used_mib or 0 for one in device.holders if _draws(one))
    alone = replace(device, display=False, free_mib=min(device.total_mib, device.free_mib + held))
    found = case.instead(machine=_with(case.machine, alone), lessons=case.lessons.with_room())
    if found is not None:
        yield (
            f"a screen hangs on the card, which takes {held or 'some'} MiB and a larger margin: "
            f"on another card, or without a desktop, {_named(found)} fits"
        )


def _limits(case: Case) -> Iterator[str]:
    wishes = case.wishes
    freed = {
        "--vram-budget": (wishes.vram_budget_mib is not None, replace(wishes, vram_budget_mib=None)),
        "--reserve": (wishes.reserve_mib > 0, replace(wishes, reserve_mib=0)),
        "--max-model": (wishes.max_model is not None, replace(wishes, max_model=None)),
    }
    for option, (given, without) in freed.items():
        found = case.instead(wishes=without) if given else None
        if found is not None:
            yield f"{option} is set: without it {_named(found)} fits"


def _downloads(case: Case) -> Iterator[str]:
    plan = case.plan
    if plan is not None and not plan.on_disk:
        yield (
            f"{plan.model} is not on this disk yet; the first run fetches it, or now: "
            f"bili2text models download {plan.model}"
        )
    if not case.stock.may_download:
        found = case.instead(stock=replace(case.stock, may_download=True))
        command = "" if found is None else f"bili2text models download {found.model}"
        if found is not None and not (plan and any(reason.endswith(command) for reason in plan.reasons)):
            yield (
                f"nothing is downloaded (--offline, or HF_HUB_OFFLINE): {_named(found)} would fit; {command}"
            )


def _slower(case: Case) -> Iterator[str]:
    """Yield the next better model a CPU could run, in more time than most want to wait."""
    if case.plan is None or case.plan.device != "cpu":
        return
    slow = [one for one in case.plan.walk if one.verdict == "too slow" and _rank_of(one) > _rank(case.plan)]
    if slow:
        nearest = min(slow, key=_rank_of)
        yield f"--model {nearest.model} gives fewer mistakes, where time does not matter: {nearest.why}"


def _gain(case: Case, found: Plan, device: Device) -> str:
    """Say what fits then, and how much it lacked until now."""
    place = f"cuda:{device.index}"
    for one in case.plan.walk if case.plan is not None else ():
        same = (one.place, one.model, one.compute_type) == (place, found.model, found.compute_type)
        if same and one.verdict == "too large":
            return f"then {_named(found)} fits on the card; {one.need_mib - one.room_mib} MiB are missing"
    return f"then {_named(found)} fits on the card"


def _with(machine: Machine, device: Device) -> Machine:
    cards = tuple(device if card.index == device.index else card for card in machine.cards.devices)
    return replace(machine, cards=Cards(cards, machine.cards.reason, machine.cards.lost))


def _stoppable(holder: Holder) -> bool:
    return bool(holder.used_mib) and not _draws(holder)


def _draws(holder: Holder) -> bool:
    return holder.name.lower() in _DESKTOP


def _program(holder: Holder) -> str:
    return f"{holder.name or 'the program'} (PID {holder.pid}, {holder.used_mib} MiB)"


def _named(plan: Plan) -> str:
    return f"{plan.model} in {plan.compute_type}"


def _rank(plan: Plan) -> int:
    card = card_named(plan.model)
    return 0 if card is None else card.rank


def _rank_of(candidate: Candidate) -> int:
    card = card_named(candidate.model)
    return 0 if card is None else card.rank
