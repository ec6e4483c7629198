"""Every way a model can be run at one place: what each needs, and which is to be preferred. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, floor

from bili2text.gpu.device import Device
from bili2text.models.catalog import ModelCard
from bili2text.plan import footprint, precision
from bili2text.plan.experience import Need, Site
from bili2text.plan.footprint import Footprint, Setting
from bili2text.plan.values import Machine, Prefer, Room, Wishes

_BATCHES = (32, 24, 16, 12, 8, 6, 4, 3, 2, 1)
_CPU_BATCHES = (16, 8, 4, 2, 1)
_A_CORE = 8  # windows for each core of a CPU: fewer cost more time, more of them memory (docs/benchmark.md)
_RATED = 4  # windows in a batch, at most, that a CPU's speed was measured with
_ENCODED = (4, 1)  # windows encoded at once where the whole batch has no room
_ROOMY = 4  # windows at once from which a card is well used
_BEAM = 5  # openai-whisper's; wider ones take more memory and hear no better (docs/accuracy.md)
_BEST_OF = 5
_OURS = ("auto", "default")  # precisions that leave it to us
# x realtime that a CPU must reach for a model we choose: a night is enough for a night's recordings
FLOORS: dict[Prefer, float] = {"quality": 2.0, "balanced": 4.0, "speed": 8.0}

Key = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A card, or the CPU, and what may be used of it."""

    device: Device | None
    room: Room

    @property
    def name(self) -> str:
        """As the user would type it."""
        return "cpu" if self.device is None else f"cuda:{self.device.index}"


@dataclass(frozen=True, slots=True)
class Fit:
    """One way to run one model at one place."""

    place: Place
    card: ModelCard
    setting: Setting
    need: Need
    footprint: Footprint
    order: int  # of the precision: 0 is the best, and what a card without float16 has is never that
    speed: float  # x realtime, estimated, on a CPU; 0 on a card


@dataclass(frozen=True, slots=True)
class Look:
    """A model in a precision at a place: the best way that has room, or the least it would take."""

    best: Fit | None
    least: Fit
    full: (
        Fit  # the widest search, with no more windows at once than must be: what it is when nothing gives way
    )
    slow: bool = False  # a CPU would take too long
    speed: float = 0.0  # x realtime in the widest search, estimated, on a CPU; 0 on a card

    @property
    def ways(self) -> tuple[Fit | None, ...]:
        """The ways a plan may be made of."""
        return self.best, self.least, self.full

    @property
    def pace(self) -> str:
        """The speed in words, rounded down: what is under a floor does not read as if it reached it."""
        return f"about {floor(10 * self.speed) / 10:.1f}x realtime"


def looks(place: Place, card: ModelCard, wishes: Wishes, machine: Machine) -> tuple[Look, ...]:
    """Return one Look for each precision the model may have at the place; () where it may have none."""
    found = []
    for order, compute_type in enumerate(_types(place, card, wishes, machine), _first(place, machine)):
        ways = _settings(place, compute_type, wishes, machine)
        fits = [_fit(place, card, one, order, wishes, machine) for one in ways]
        roomy = [fit for fit in fits if fit.need.mib <= place.room.mib]
        best = max(roomy, key=lambda fit: key(fit, wishes.prefer), default=None)
        least = min(fits, key=lambda fit: fit.need.mib)
        widest = [fit for fit in fits if _search(fit) == _search(fits[0])]
        full = min(widest, key=lambda fit: fit.need.mib)
        bound = FLOORS[wishes.prefer] if wishes.model == "auto" and place.device is None else 0.0
        # of the widest search, which comes first: little RAM narrows it, and must not help a model
        found.append(Look(best, least, full, fits[0].speed < bound, fits[0].speed))
    return tuple(found)


def key(fit: Fit, prefer: Prefer) -> Key:
    """Return what a way to run is compared by; the larger is preferred.

    quality: model, beam, precision, candidates, batch; a greedy search costs more words than int8 does, so
    the beam stands before the precision. balanced: a batch that uses the card comes before the precision.
    speed: the batch comes before all but the model.
    """
    setting = fit.setting
    batch, beam, best_of = setting.batch_size, setting.beam_size, setting.best_of
    encoded = setting.encoder_batch or batch
    first = quality(fit.card, prefer)
    if prefer == "speed":
        return (first, batch, beam, -fit.order, best_of, encoded)
    if prefer == "balanced":
        return (first, beam, min(batch, _ROOMY), -fit.order, best_of, batch, encoded)
    return (first, beam, -fit.order, best_of, batch, encoded)


def quality(card: ModelCard, prefer: Prefer) -> float:
    """Return the rank of a model under a preference.

    A long decoder is what makes a model slow: balanced puts the large ones with 32 layers just under
    turbo, which has 4; speed puts every model with a short decoder before any with a long one.
    """
    layers = card.dims.decoder_layers
    if prefer == "balanced" and layers >= 32:
        return card.rank - 6.0
    if prefer == "speed" and layers <= 12:
        return card.rank + 100.0
    return float(card.rank)


def site(device: Device, machine: Machine) -> Site:
    """Return where a measurement on this card holds."""
    return Site(device.name, device.total_mib, device.driver, f"ctranslate2 {machine.library}")


def _first(place: Place, machine: Machine) -> int:
    """Return the order of a place's best precision: of two cards, one that computes in float16 is better."""
    return int(place.device is not None and bool(precision.refusal(place.device, "float16", machine.library)))


def unfit(place: Place, wishes: Wishes, machine: Machine) -> str:
    """Return why a place cannot have the precision that was asked for, or "" where it can, or none was."""
    asked = wishes.compute_type
    if asked in _OURS:
        return ""
    if place.device is None:
        return "" if asked in precision.ON_CPU else f"a CPU does not compute in {asked}"
    device = place.device
    asked = precision.resolved(asked, device, machine.library)
    if why := precision.refusal(device, asked, machine.library):
        return why
    known = machine.experience.refusals(site(device, machine))
    return f"it failed on {device.name} before ({known[asked]})" if asked in known else ""


def _types(place: Place, card: ModelCard, wishes: Wishes, machine: Machine) -> tuple[str, ...]:
    asked = None if wishes.compute_type in _OURS else wishes.compute_type
    device = place.device
    if asked is not None:
        asked = asked if device is None else precision.resolved(asked, device, machine.library)
        if not unfit(place, wishes, machine):
            return (asked,)
        if not wishes.auto_optimize:
            return ()
    if device is None:
        return ("float32",) if wishes.precision.use_int8 is False else ("int8",)
    refused = machine.experience.refusals(site(device, machine))
    wanted = precision.ladder(device, wishes.precision, card.name, machine.library)
    return tuple(one for one in wanted if one not in refused and one != asked)


def _settings(place: Place, compute_type: str, wishes: Wishes, machine: Machine) -> Iterator[Setting]:
    """Yield every setting the wishes allow."""
    gpu = place.device is not None
    most = _A_CORE * _threads(wishes, machine)
    batches = _BATCHES if gpu else tuple(one for one in _CPU_BATCHES if one <= most)
    if wishes.batch_size:
        batches = (wishes.batch_size,)
    if not wishes.batched:
        batches = (1,)
    for beam, best_of in _searches(wishes):
        for batch in batches:
            whole = Setting(
                compute_type, batch, beam, best_of, None, wishes.word_timestamps, wishes.told, wishes.marks
            )
            yield whole
            # numpy, through which the parts are joined, has no bfloat16
            if gpu and "bfloat16" not in compute_type:
                yield from (replace(whole, encoder_batch=part) for part in _ENCODED if part < batch)


def _searches(wishes: Wishes) -> list[tuple[int, int]]:
    """Return (beam, best of) to try, the widest first; what was asked for stays."""
    widest = (wishes.beam_size or _BEAM, wishes.best_of or _BEST_OF)
    found = [widest]
    if wishes.best_of is None:
        found.append((widest[0], 1))
    if wishes.beam_size is None:
        found.append((1, wishes.best_of or 1))
    return found


def _search(fit: Fit) -> tuple[int, int]:
    return fit.setting.beam_size, fit.setting.best_of


def _fit(
    place: Place, card: ModelCard, setting: Setting, order: int, wishes: Wishes, machine: Machine
) -> Fit:
    if place.device is None:
        need = _cpu(card, setting, footprint.workers(_threads(wishes, machine), setting.batch_size))
        rated = replace(setting, batch_size=min(setting.batch_size, _RATED))
        speed = footprint.cpu_speed(card.dims, rated, machine.cores)
        return Fit(place, card, setting, Need(ceil(need.peak), "computed"), need, order, speed)
    taken = _gpu(card, setting, place.device.sms)
    known = machine.experience.need(site(place.device, machine), card.name, setting, taken)
    return Fit(place, card, setting, known, taken, order, 0.0)


@lru_cache(maxsize=20_000)
def _gpu(card: ModelCard, setting: Setting, sms: int) -> Footprint:
    return footprint.on_card(card.dims, setting, sms)


@lru_cache(maxsize=5_000)
def _cpu(card: ModelCard, setting: Setting, workers: int) -> Footprint:
    return footprint.on_cpu(card.dims, setting, workers=workers)


def _threads(wishes: Wishes, machine: Machine) -> int:
    """Return the threads of a plan for a CPU."""
    return wishes.threads or machine.cores
