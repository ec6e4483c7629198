"""Choose model, device, precision, batch and beam from what is free and what the user asked for. Pure.

The plan is the best of all that fit: quality first, then beam, precision and batch (`candidates.key`). What
fits can only grow with the free memory, so more of it never gives a worse plan. Where nobody insists on a
card, the CPU is weighed as well: its models count a step less, and only where it is fast enough.
"""

from __future__ import annotations

from dataclasses import replace

from bili2text.errors import DependencyError, OutOfMemory, UsageError
from bili2text.gpu.device import Device
from bili2text.models.catalog import ModelCard
from bili2text.plan import precision, remarks, room
from bili2text.plan.candidates import Fit, Place, quality, site, unfit
from bili2text.plan.cards import named
from bili2text.plan.guide import by_guide
from bili2text.plan.shortlist import Model, models
from bili2text.plan.survey import Seen, best, fastest, short, survey, unyielding, walk
from bili2text.plan.values import Machine, Plan, Stock, Wishes

# Ranks by which the CPU's model must be better than the card's: from turbo to large-v3 is not enough
_HANDICAP = 5
_FALLBACK_HINT = "leave out --no-cpu-fallback to run on the CPU"


def choose(wishes: Wishes, machine: Machine, stock: Stock) -> Plan:
    """Return the plan, and with it every candidate that was looked at.

    Of several cards the one where the best plan fits is taken. Raises DependencyError when a card is
    wanted, there is none, and the CPU is ruled out; OutOfMemory when nothing fits; UsageError when the
    wishes contradict each other or name a card that is not there.
    """
    cards, reasons = _cards(wishes, machine)
    known = models(wishes, stock)
    if wishes.policy == "guide":
        wishes, cards, said = by_guide(wishes, cards, known, machine.library)
        reasons = (*reasons, *said)
        known = models(wishes, stock)
    places = tuple(Place(card, room.on_card(card, wishes)) for card in cards)
    _refuse_precision(places or (_cpu_place(machine),), wishes, machine)
    seen = survey(places, known, wishes, machine)
    taken = best(seen, wishes)
    if taken is None and cards:
        taken, seen, said = _otherwise(seen, places, known, wishes, machine)
        reasons = (*reasons, *said)
    if cards and (taken is None or _could_be_better(taken, known, wishes)):
        taken, reasons, seen = _or_cpu(taken, reasons, seen, known, wishes, machine)
    elif not cards:
        seen = _cpu(known, wishes, machine)
        taken = best(seen, wishes) or fastest(seen)
    if taken is None:
        raise OutOfMemory(
            f"no model fits: {short(seen)}", hint="close other programs, or use a smaller --model"
        )
    reasons = (*reasons, *remarks.on(taken, seen, wishes, machine))
    return _plan(taken, seen, tuple(map(remarks.one_line, reasons)), wishes, machine)


def _or_cpu(
    taken: Fit | None,
    reasons: tuple[str, ...],
    seen: tuple[Seen, ...],
    known: tuple[Model, ...],
    wishes: Wishes,
    machine: Machine,
) -> tuple[Fit | None, tuple[str, ...], tuple[Seen, ...]]:
    """Return what the CPU would do instead, where allowed and better; the reasons; all that was seen."""
    if not wishes.cpu_fallback:
        if taken is None:
            hint = f"`bili2text gpu-optimize` shows who holds the memory; or {_FALLBACK_HINT}"
            raise OutOfMemory(f"nothing fits on the card: {short(seen)}", hint=hint)
        return taken, reasons, seen
    there = _cpu(known, wishes, machine)
    other = best(there, wishes)
    everything = (*seen, *there)
    if taken is None:
        why = f"nothing fits on the card, using the CPU: {short(seen)}"
        return other or fastest(there), (*reasons, why), everything
    if other is None or not _outdoes(other.card, taken.card, wishes):
        return taken, reasons, everything
    how = f"{other.card.name} at about {other.speed:.1f}x realtime (--device cuda keeps to the card)"
    why = f"the card has room for {taken.card.name} at most, the CPU can do {how}"
    return other, (*reasons, why), everything


def _could_be_better(taken: Fit, known: tuple[Model, ...], wishes: Wishes) -> bool:
    """Return whether there is a better model than the card's best, and nobody insisted on the card."""
    free = wishes.device == "auto" and wishes.gpu is None and wishes.policy == "measured"
    return free and any(one.allowed and _outdoes(one.card, taken.card, wishes) for one in known)


def _outdoes(there: ModelCard, here: ModelCard, wishes: Wishes) -> bool:
    """Return whether a model on the CPU is so much better than one on the card that it is worth the wait."""
    return quality(there, wishes.prefer) - _HANDICAP > quality(here, wishes.prefer)


def _otherwise(
    seen: tuple[Seen, ...],
    places: tuple[Place, ...],
    known: tuple[Model, ...],
    wishes: Wishes,
    machine: Machine,
) -> tuple[Fit | None, tuple[Seen, ...], tuple[str, ...]]:
    """Return what fits when parts that were asked for do not: another batch and search, then precision.

    With --no-auto-optimize nothing gives way: a model that was named is taken as it was asked for, in the
    best precision and search of those left open, unless that is beyond a limit that was asked for, too.
    """
    if not wishes.auto_optimize:
        free = wishes.model != "auto" and wishes.vram_budget_mib is None and not wishes.reserve_mib
        taken = unyielding(seen) if free else None
        return taken, seen, ("it does not fit by our reckoning, and nothing may give way",) if taken else ()
    looser = replace(wishes, batch_size=None, beam_size=None, best_of=None)
    for loose in (looser, replace(looser, compute_type="auto")):
        if loose != wishes:
            again = survey(places, known, loose, machine)
            if taken := best(again, loose):
                return taken, again, (f"what was asked for does not fit: {short(seen)}",)
    return None, seen, ()


def _cpu(known: tuple[Model, ...], wishes: Wishes, machine: Machine) -> tuple[Seen, ...]:
    return survey((_cpu_place(machine),), known, wishes, machine)


def _cpu_place(machine: Machine) -> Place:
    return Place(None, room.in_ram(machine))


def _refuse_precision(places: tuple[Place, ...], wishes: Wishes, machine: Machine) -> None:
    """Raise UsageError where nothing may give way and no place has the precision that was asked for."""
    why = [unfit(place, wishes, machine) for place in places]
    if not wishes.auto_optimize and all(why):
        raise UsageError(
            f"{wishes.compute_type} was asked for, and nothing may give way: {remarks.one_line(why[0])}",
            hint="leave out --no-auto-optimize, or --compute-type",
        )


def _cards(wishes: Wishes, machine: Machine) -> tuple[tuple[Device, ...], tuple[str, ...]]:
    """Return the cards to plan for, and why not more; none means the CPU."""
    cards = machine.cards.devices
    problem = machine.cards.reason if not cards else machine.cublas
    cards = tuple(card for card in named(wishes, cards) if card.uuid not in wishes.without)
    if wishes.device == "cpu":
        return (), ()
    if wishes.without and not cards:
        problem = "the card failed"
    able = tuple(card for card in cards if not precision.unusable(card))
    said = tuple(f"{card.name}: {precision.unusable(card)}" for card in cards if card not in able)
    problem = problem or ("" if able else said[0])
    if not problem:
        return able, (*machine.cards.lost, *said)
    if not wishes.cpu_fallback:
        raise DependencyError(f"no graphics card to use: {problem}", hint=_FALLBACK_HINT)
    return (), (*machine.cards.lost, f"using the CPU: {problem}")


def _plan(
    taken: Fit, seen: tuple[Seen, ...], reasons: tuple[str, ...], wishes: Wishes, machine: Machine
) -> Plan:
    device = taken.place.device
    setting = taken.setting
    model = next(one.model for one in seen if any(way is taken for way in one.look.ways))
    return Plan(
        model=taken.card.name if wishes.model == "auto" or wishes.policy == "guide" else wishes.model,
        device="cpu" if device is None else "cuda",
        device_index=0 if device is None else device.index,
        device_name=f"CPU, {machine.cores} cores" if device is None else device.name,
        compute_type=setting.compute_type,
        batch_size=setting.batch_size,
        beam_size=setting.beam_size,
        threads=wishes.threads or machine.cores,
        reasons=reasons,
        best_of=setting.best_of,
        encoder_batch=setting.encoder_batch,
        word_timestamps=setting.word_timestamps,
        told=setting.told,
        marks=setting.marks,
        gpu="" if device is None else device.uuid,
        site=None if device is None else site(device, machine),
        on_disk=model.on_disk,
        need_mib=taken.need.mib,
        origin=taken.need.origin,
        room=taken.place.room,
        footprint=taken.footprint,
        walk=walk(seen, taken, wishes),
    )
