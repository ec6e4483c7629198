"""Choose model, device, precision and batch from what is free and what the user asked for. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bili2text.errors import DependencyError, UsageError
from bili2text.gpu.device import Cards, Device
from bili2text.models.catalog import ModelCard
from bili2text.plan import guide

_GPU_BATCH = 8
_CPU_BATCH = 4  # a CPU has no idle units to fill: a larger batch only takes more memory
_GPU_BEAM = 5  # openai-whisper's; each beam more is memory for every window of the batch
_CPU_BEAM = 8  # a CPU hardly notices, Chinese gains: docs/accuracy.md
_ONLY_ON_CARDS = ("float16", "bfloat16", "int8_float16", "int8_bfloat16")
_FALLBACK_HINT = "leave out --no-cpu-fallback to run on the CPU"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked for; "auto" and None leave it to us."""

    model: str = "auto"
    device: str = "auto"  # "auto", "cpu", "cuda", "cuda:1"
    compute_type: str = "auto"
    batch_size: int | None = None
    beam_size: int | None = None
    threads: int = 0  # on the CPU; 0: every core
    cpu_fallback: bool = True
    language: str | None = None
    task: str = "transcribe"


@dataclass(frozen=True, slots=True)
class Machine:
    """What this computer has free now."""

    cards: Cards
    ram_gib: float
    cores: int
    cublas: str = ""  # why cuBLAS cannot be loaded, or empty


@dataclass(frozen=True, slots=True)
class Plan:
    """What will run, and why."""

    model: str
    device: str  # "cpu" or "cuda"
    device_index: int
    device_name: str
    compute_type: str
    batch_size: int
    beam_size: int
    threads: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where to run: a card, or the CPU and why not a card."""

    device: Device | None
    reasons: tuple[str, ...]


def choose(wishes: Wishes, machine: Machine, on_disk: tuple[ModelCard, ...]) -> Plan:
    """Return the plan. `on_disk` are the models that can be loaded without a download.

    With no wish for a model the best one on disk that fits by the guide's table is taken, or else the
    best that would fit once downloaded. Raises DependencyError when a card is wanted, there is none, and
    the CPU is ruled out; UsageError when the wishes contradict each other.
    """
    place = _place(wishes, machine)
    if place.device is None:
        return _on_cpu(wishes, machine, on_disk, place.reasons)
    compute_type = _wanted_type(wishes) or guide.precision(place.device)
    free = place.device.free_gib
    name = wishes.model
    reasons = place.reasons
    if name == "auto":
        fitting = [card for card in _usable(on_disk, wishes) if guide.fits_gpu(card.name, compute_type, free)]
        if not fitting and on_disk and wishes.cpu_fallback:
            why = f"no model on disk fits in {free:.1f} GiB of free VRAM: using the CPU"
            return _on_cpu(wishes, machine, on_disk, (*reasons, why))
        name, why = _best(fitting, _downloads(free, compute_type), f"{free:.1f} GiB of free VRAM")
        reasons = (*reasons, why)
    return Plan(
        model=name,
        device="cuda",
        device_index=place.device.index,
        device_name=place.device.name,
        compute_type=compute_type,
        batch_size=wishes.batch_size or _GPU_BATCH,
        beam_size=wishes.beam_size or _GPU_BEAM,
        threads=wishes.threads or machine.cores,
        reasons=reasons,
    )


def on_cpu_instead(plan: Plan, wishes: Wishes, why: str, cores: int) -> Plan:
    """Return the same work for the CPU, after the card failed: what `audio` would do with this model."""
    return replace(
        plan,
        device="cpu",
        device_index=0,
        device_name=f"CPU, {cores} cores",
        compute_type="int8",
        batch_size=wishes.batch_size or _CPU_BATCH,
        beam_size=wishes.beam_size or _CPU_BEAM,
        reasons=(*plan.reasons, why),
    )


def _place(wishes: Wishes, machine: Machine) -> _Place:
    if wishes.device == "cpu":
        return _Place(None, ())
    cards = machine.cards.devices
    problem = machine.cards.reason if not cards else machine.cublas
    if wishes.device.startswith("cuda:") and cards:
        known = ", ".join(f"cuda:{card.index}" for card in cards)
        cards = tuple(card for card in cards if f"cuda:{card.index}" == wishes.device)
        if not cards:
            raise UsageError(f"there is no card {wishes.device}", hint=f"there is {known}")
    if not problem:
        best = max(cards, key=lambda card: (card.free_mib, -card.index))
        return _Place(best, (f"{best.name}: {best.free_gib:.1f} of {best.total_mib / 1024:.1f} GiB free",))
    if not wishes.cpu_fallback:
        raise DependencyError(f"no graphics card to use: {problem}", hint=_FALLBACK_HINT)
    return _Place(None, (f"using the CPU: {problem}",))


def _on_cpu(
    wishes: Wishes, machine: Machine, on_disk: tuple[ModelCard, ...], reasons: tuple[str, ...]
) -> Plan:
    asked = _wanted_type(wishes)
    compute_type = asked or "int8"
    if asked in _ONLY_ON_CARDS and wishes.device != "cpu":
        compute_type = "int8"
        reasons = (*reasons, f"a CPU does not compute in {asked}: int8 instead")
    name = wishes.model
    if name == "auto":
        fitting = [card for card in _usable(on_disk, wishes) if guide.fits_cpu(card.name, machine.ram_gib)]
        small = "small" if guide.fits_cpu("small", machine.ram_gib) else "base"
        name, why = _best(fitting, small, f"{machine.ram_gib:.1f} GiB of free RAM")
        reasons = (*reasons, why)
    return Plan(
        model=name,
        device="cpu",
        device_index=0,
        device_name=f"CPU, {machine.cores} cores",
        compute_type=compute_type,
        batch_size=wishes.batch_size or _CPU_BATCH,
        beam_size=wishes.beam_size or _CPU_BEAM,
        threads=wishes.threads or machine.cores,
        reasons=reasons,
    )


def _wanted_type(wishes: Wishes) -> str | None:
    return None if wishes.compute_type in ("auto", "default") else wishes.compute_type


def _usable(on_disk: tuple[ModelCard, ...], wishes: Wishes) -> list[ModelCard]:
    """Return the models that can do the job in that language."""
    return [
        card
        for card in on_disk
        if (not card.english_only or wishes.language == "en")
        and (wishes.task != "translate" or card.translates)
    ]


def _best(fitting: list[ModelCard], download: str, room: str) -> tuple[str, str]:
    if not fitting:
        return download, f"no model on disk fits: {download} is the best for {room}"
    best = max(fitting, key=lambda card: card.rank)
    return best.name, f"{best.name} is the best model on disk that fits in {room}"


def _downloads(free_gib: float, compute_type: str) -> str:
    """Return the largest model of the guide's tree that fits, for when nothing is on disk."""
    return next(
        (name for name in ("medium", "small", "base") if guide.fits_gpu(name, compute_type, free_gib)), "tiny"
    )
