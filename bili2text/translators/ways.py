"""Every way a translator can be run at one place: what it needs, and the best that has room. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import ceil

from bili2text.plan.candidates import Place
from bili2text.plan.experience import Site
from bili2text.plan.values import Machine
from bili2text.translators import footprint
from bili2text.translators.footprint import Footprint, Setting, setting
from bili2text.translators.learned import Kind, Runtime, site_of
from bili2text.translators.precision import Ladder, float8_refusal, ladder
from bili2text.translators.values import Float8, FoundModel, TranslatorWishes

_BATCHES = (64, 32, 16, 8, 4, 2, 1)
_CPU_BATCHES = (32, 16, 8, 4, 2, 1)  # 64 were hardly faster where it was measured: docs/translation.md


@dataclass(frozen=True, slots=True)
class World:
    """All that a choice is made from, beside the models."""

    wishes: TranslatorWishes
    machine: Machine
    float8: Float8
    runtime: Runtime


@dataclass(frozen=True, slots=True)
class Way:
    """A model in a precision and a batch at a place."""

    model: FoundModel
    place: Place
    precision: str
    order: int  # of the precision: 0 is the best
    batch_size: int
    need_mib: int
    footprint: Footprint
    site: Site | None

    @property
    def fits(self) -> bool:
        """Whether it has room."""
        return self.need_mib <= self.place.room.mib


@dataclass(frozen=True, slots=True)
class Look:
    """A model at a place: the best way that has room, the least it can do with, and what is to be said."""

    model: FoundModel
    place: Place
    best: Way | None
    least: Way | None  # None: it is ruled out
    why: str = ""  # why it is ruled out, or not run as expected


def look(model: FoundModel, place: Place, world: World) -> Look:
    """Return how a model may be run at a place."""
    why = _unable(model, place, world)
    steps = Ladder((), why) if why else _steps(model, place, world)
    ways = [
        _way(model, place, world, step, batch)
        for step in enumerate(steps.precisions)
        for batch in _batches(place, world.wishes)
    ]
    best = next((way for way in ways if way.fits), None)
    least = min(ways, key=lambda way: way.need_mib, default=None)
    return Look(model, place, best, least, steps.why)


def rank(model: FoundModel, place: Place, world: World) -> tuple[float, ...]:
    """Return what models are preferred by at a place; the smaller goes first.

    The catalogue's rank; FP8 that must be computed in bfloat16 stands behind the model it was made from.
    Models not in the catalogue come after all that are, the larger first. Of one model's forms the plain one
    goes first on a card, the conversion on a CPU, where it is several times as fast (docs/translation.md).
    """
    converted = (model.engine == "ctranslate2") == (place.device is not None)
    if model.card is None:
        return (1.0, -float(model.shape.parameters), float(converted))
    dequantised = model.quantization == "fp8" and bool(float8_refusal(place.device, world.float8))
    return (0.0, 2.0 * dequantised - model.card.rank, float(converted))


def _steps(model: FoundModel, place: Place, world: World) -> Ladder:
    """Return the precisions left when those that failed here before are taken out."""
    found = ladder(
        model,
        place.device,
        world.wishes,
        world.float8,
        world.machine.library,
        world.runtime.packing,
    )
    if place.device is None:
        return found
    site = _site(model, place, world)
    known = world.runtime.learned.failures(site, model.name) if site else {}
    left = tuple(one for one in found.precisions if one not in known)
    if left == found.precisions:
        return found
    said = ", ".join(f"{one} failed here before ({known[one]})" for one in found.precisions if one in known)
    if not left and "float32" not in known and world.wishes.auto_optimize and model.engine == "transformers":
        left = ("float32",)  # the guide's fallback, and right wherever it fits
    return Ladder(left, "; ".join(filter(None, (found.why, said))))


def _unable(model: FoundModel, place: Place, world: World) -> str:
    """Return why an engine cannot run here or at this place, or ""."""
    if world.wishes.engine not in ("auto", model.engine):
        return f"--engine {world.wishes.engine} was asked for"
    if why := world.runtime.why_not(model.engine):
        return why
    return world.machine.cublas if place.device and model.engine == "ctranslate2" else ""


def _batches(place: Place, wishes: TranslatorWishes) -> tuple[int, ...]:
    usual = _BATCHES if place.device else _CPU_BATCHES
    if wishes.batch_size is None:
        return usual
    smaller = tuple(one for one in usual if one < wishes.batch_size) if wishes.auto_optimize else ()
    return (wishes.batch_size, *smaller)


def _way(model: FoundModel, place: Place, world: World, step: tuple[int, str], batch: int) -> Way:
    order, precision = step
    beams = world.wishes.beam_size
    taken = _taken(model, place, setting(model, precision, batch, beams))
    site = _site(model, place, world)
    if site is None:
        need = ceil(round(taken.peak, 3))
    else:
        formula = _formula(model, place, precision, beams)
        kind = Kind(site, model.name, precision)
        need = max(_floor(model, precision), world.runtime.learned.need(kind, batch * beams, formula))
    return Way(model, place, precision, order, batch, need, taken, site)


def _floor(model: FoundModel, precision: str) -> int:
    """Return the MiB below which a need is not believed.

    What the Triton kernels of FP8 take beside torch's own count was never measured: for them the guide's
    estimate is the least.
    """
    card = model.card
    return int(card.guide_gb * 1024) if precision == "float8" and card and card.guide_gb else 0


def _formula(model: FoundModel, place: Place, precision: str, beams: int) -> Callable[[int], float]:
    """Return the formula's need in MiB for a number of replies at once."""

    def peak(rows: int) -> float:
        return _taken(model, place, setting(model, precision, max(1, rows // beams), beams)).peak

    return peak


def _taken(model: FoundModel, place: Place, setting: Setting) -> Footprint:
    return _computed(model, None if place.device is None else place.device.sms, setting)


@lru_cache(maxsize=10_000)
def _computed(model: FoundModel, sms: int | None, setting: Setting) -> Footprint:
    return footprint.on_cpu(model, setting) if sms is None else footprint.on_card(model, setting, sms)


def _site(model: FoundModel, place: Place, world: World) -> Site | None:
    if place.device is None:
        return None
    return site_of(place.device, model.engine, world.runtime, world.machine.library)
