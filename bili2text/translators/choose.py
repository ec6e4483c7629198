"""Choose a translator, a device, a precision and a batch from what is free, and say why. Pure.

The first model in order (`ways.rank`) that fits a card is taken, on the card where it runs best. What fits
can only grow with the free memory. Where nothing fits, the smallest runs on the CPU and the plan says so
aloud; without a card, the best that the RAM has room for. Nothing is ever laid half on a card, half in RAM.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bili2text.errors import DependencyError, ModelError, OutOfMemory
from bili2text.gpu.device import Device
from bili2text.plan import room
from bili2text.plan.candidates import Place
from bili2text.plan.cards import named
from bili2text.plan.values import Machine, Wishes
from bili2text.translators.catalog import CARDS, NAMED, absent
from bili2text.translators.guide import by_guide
from bili2text.translators.learned import NEW, Runtime
from bili2text.translators.said import fitted, one_line, overruled, shortage, walk
from bili2text.translators.values import (
    Float8,
    FoundModel,
    TranslatorCandidate,
    TranslatorPlan,
    TranslatorWishes,
)
from bili2text.translators.ways import Look, Way, World, look, rank

HOW_TO_GET_ONE = (
    "`hf download Qwen/Qwen3-4B --local-dir DIR/Qwen3-4B` (in China with HF_ENDPOINT=https://hf-mirror.com), "
    "then --models-dir DIR; or --api-base URL for a server that has one"
)
# CTranslate2's own default (its docs/parallel.md); a small model's matrices are over before more have begun
_SMALL_THREADS = 4
_FALLBACK_HINT = "leave out --no-cpu-fallback to run on the CPU"
_ROOM_HINT = "close other programs, take a smaller model, or convert one to int8 with `models convert`"


def choose(
    wishes: TranslatorWishes,
    machine: Machine,
    found: Sequence[FoundModel],
    float8: Float8,
    runtime: Runtime = NEW,
) -> TranslatorPlan:
    """Return the plan, and with it every model that was looked at.

    Of `found`, the one at `wishes.model_path` alone counts where that is set. Raises ModelError when there
    is none, OutOfMemory when none fits, DependencyError when a card is wanted and none can be used,
    UsageError when the wishes contradict each other or name a card that is not there.
    """
    world = World(wishes, machine, float8, runtime)
    models = _models(wishes, found)
    cards, reasons = _cards(wishes, machine)
    places = tuple(Place(card, room.on_card(card, _limits(wishes))) for card in cards)
    if wishes.policy == "guide" and wishes.model_path is None:
        return _guided(models, places, reasons, world)
    seen = _survey(models, places, world)
    taken = _best(seen, world)
    if taken is not None:
        return _plan(taken, seen, (*reasons, *overruled(taken, seen)), world)
    return _on_cpu(models, seen, reasons, world)


def overview(
    wishes: TranslatorWishes,
    machine: Machine,
    found: Sequence[FoundModel],
    float8: Float8,
    runtime: Runtime = NEW,
) -> tuple[TranslatorCandidate, ...]:
    """Return how every model stands here, found or not, where `choose` could take none. Raises nothing."""
    world = World(wishes, machine, float8, runtime)
    cards = (
        () if wishes.device == "cpu" else tuple(one for one in machine.cards.devices if any(one.capability))
    )
    places = [Place(card, room.on_card(card, _limits(wishes))) for card in cards]
    places = places or [Place(None, room.in_ram(machine))]
    seen = _survey(found, places, world)
    return walk((*seen, *_missing(seen, places[0], world)), None)


def _models(wishes: TranslatorWishes, found: Sequence[FoundModel]) -> tuple[FoundModel, ...]:
    """Return the models to choose among. Raises ModelError where there is none."""
    if wishes.model_path is not None:
        found = [one for one in found if one.path == wishes.model_path]
    if not found:
        raise ModelError("there is no translation model", hint=HOW_TO_GET_ONE)
    return tuple(found)


def _limits(wishes: TranslatorWishes) -> Wishes:
    """Return the part of the wishes that the planning of cards knows."""
    return Wishes(
        device=wishes.device,
        gpu=wishes.gpu,
        vram_budget_mib=wishes.vram_budget_mib,
        reserve_mib=wishes.reserve_mib,
    )


def _cards(wishes: TranslatorWishes, machine: Machine) -> tuple[tuple[Device, ...], tuple[str, ...]]:
    """Return the cards to plan for, and why not more; none means the CPU."""
    cards = named(_limits(wishes), machine.cards.devices)
    if wishes.device == "cpu":
        return (), ()
    able = tuple(card for card in cards if card.uuid not in wishes.without and card.capability > (0, 0))
    if able:
        return able, machine.cards.lost
    problem = "the card failed" if cards else machine.cards.reason or "there is no card"
    if not wishes.cpu_fallback:
        raise DependencyError(f"no graphics card to use: {problem}", hint=_FALLBACK_HINT)
    return (), (*machine.cards.lost, f"using the CPU: {problem}")


def _survey(models: Iterable[FoundModel], places: Iterable[Place], world: World) -> tuple[Look, ...]:
    """Return every model at every place, the preferred ones first."""
    pairs = [(model, place) for model in models for place in places]
    pairs.sort(key=lambda pair: (rank(pair[0], pair[1], world), str(pair[0].path), pair[1].name))
    return tuple(look(model, place, world) for model, place in pairs)


def _best(seen: Sequence[Look], world: World) -> Way | None:
    """Return the first model that fits, where it runs best: the better precision, then the larger batch."""
    ways = [way for one in seen if (way := one.best)]
    return min(
        ways,
        key=lambda way: (rank(way.model, way.place, world), way.order, -way.batch_size, way.place.name),
        default=None,
    )


def _on_cpu(
    models: Sequence[FoundModel], seen: tuple[Look, ...], reasons: tuple[str, ...], world: World
) -> TranslatorPlan:
    """Return a plan for the CPU: the smallest where a card was full, else the best there is room for."""
    if seen and not world.wishes.cpu_fallback:
        hint = f"{_ROOM_HINT}; or {_FALLBACK_HINT}"
        raise OutOfMemory(f"no translation model fits on the card: {shortage(seen)}", hint=hint)
    there = _survey(models, (Place(None, room.in_ram(world.machine)),), world)
    able = [one for one in there if one.best]
    if seen and able:
        least = min(one.model.shape.parameters for one in able)
        able = [one for one in able if one.model.shape.parameters == least]
        why = f"NO MODEL FITS ON THE CARD, translating on the CPU, which is slow: {shortage(seen)}"
        reasons = (*reasons, why)
    taken = _best(able, world)
    if taken is None:
        raise _nothing((*seen, *there))
    said = () if seen else overruled(taken, there)
    return _plan(taken, (*seen, *there), (*reasons, *said), world)


def _nothing(seen: tuple[Look, ...]) -> ModelError | OutOfMemory:
    """Return the error for models of which none can run: ruled out, all of them, or too large."""
    if all(one.least is None for one in seen):
        why = "; ".join(dict.fromkeys(f"{one.model.name}: {one.why}" for one in seen))
        return ModelError(f"no translation model can run here: {why}", hint=HOW_TO_GET_ONE)
    return OutOfMemory(f"no translation model fits: {shortage(seen)}", hint=_ROOM_HINT)


def _guided(
    models: Sequence[FoundModel], places: tuple[Place, ...], reasons: tuple[str, ...], world: World
) -> TranslatorPlan:
    """Return the guide's answer: its order, its numbers; where it is not ours, that is said."""
    place = max(places, key=lambda one: one.room.free_mib, default=None)
    free = place.room.free_mib / 1024 if place else 0.0
    seen = _survey(models, () if place is None else (place,), world)
    able = [one.model for one in seen if one.least is not None]
    model, fits = by_guide(able or models, free)
    reasons = reasons if fits else (*reasons, f"guide: none fits {free:.2f} GB, the smallest is taken")
    if place is None:
        return _on_cpu((model,), (), reasons, world)
    mine = next(one for one in seen if one.model is model)
    taken = mine.best or (mine.least if fits else None)
    if taken is None:
        return _on_cpu((model,), (mine,), reasons, world)
    ours = () if taken.fits else (f"by our reckoning it does not fit: {taken.footprint.arithmetic()}",)
    return _plan(taken, seen, (*reasons, *ours, *filter(None, [mine.why])), world, guide=fits)


def _plan(
    taken: Way, seen: tuple[Look, ...], reasons: tuple[str, ...], world: World, *, guide: bool = False
) -> TranslatorPlan:
    device, wishes, machine = taken.place.device, world.wishes, world.machine
    return TranslatorPlan(
        model=taken.model,
        device="cpu" if device is None else "cuda",
        device_index=0 if device is None else device.index,
        device_name=f"CPU, {machine.cores} cores" if device is None else device.name,
        gpu="" if device is None else device.uuid,
        total_mib=None if device is None else device.total_mib,
        precision=taken.precision,
        batch_size=taken.batch_size,
        beam_size=wishes.beam_size,
        threads=wishes.threads or (min(_SMALL_THREADS, machine.cores) if taken.model.ways else machine.cores),
        need_mib=taken.need_mib,
        room=taken.place.room,
        reasons=tuple(map(one_line, (fitted(taken, guide=guide), *reasons))),
        walk=walk((*seen, *_missing(seen, taken.place, world)), taken),
        site=taken.site,
        arithmetic=taken.footprint.arithmetic(),
    )


def _missing(seen: Sequence[Look], place: Place, world: World) -> tuple[Look, ...]:
    """Return what the guide's models would need that are not on the disk."""
    there = {one.model.card.name for one in seen if one.model.card}
    place = seen[0].place if seen else place
    return tuple(
        look(model, place, world)
        for card in CARDS
        if card.name in NAMED and card.name not in there and (model := absent(card)) is not None
    )
