"""Computers and wishes drawn at random, and what is true of precisions, written down a second time."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from bili2text.errors import Bili2TextError
from bili2text.gpu.device import Cards, Device
from bili2text.models.catalog import CARDS, ModelCard, card_named
from bili2text.plan import precision
from bili2text.plan.candidates import quality
from bili2text.plan.choose import choose
from bili2text.plan.experience import Experience
from bili2text.plan.precision import PrecisionWish
from bili2text.plan.values import Machine, Plan, Stock, Wishes

GOOD, ANCIENT, EVERY = "4.8.5", "4.6.3", Stock(CARDS)
_FULL = {"float32", "float16", "int8_float32", "int8_float16"}
_BRAIN = {*_FULL, "bfloat16", "int8_bfloat16"}
# NVIDIA's capabilities -> what CTranslate2 accepts there and is right; docs/quantization.md, and its issues.
LEGAL: dict[tuple[int, int], set[str]] = {
    (5, 0): set(), (5, 2): set(), (5, 3): {"float32"}, (6, 0): {"float32"}, (6, 1): {"float32", "int8_float32"},
    (6, 2): {"float32"}, (7, 0): _FULL, (7, 5): _FULL, (8, 0): _BRAIN, (8, 6): _BRAIN, (8, 9): _BRAIN,
    (9, 0): _BRAIN, (10, 0): _BRAIN, (12, 0): _BRAIN,
}  # fmt: skip
# Capability 7.5 without tensor cores: TU116 and TU117, as they are named by drivers and by people.
WITHOUT_CORES = (
    "NVIDIA GeForce GTX 1660 Ti", "NVIDIA GeForce GTX 1650 with Max-Q Design", "gtx 1650 ti", "NVIDIA GeForce MX450",
    "NVIDIA GeForce MX550", "NVIDIA T400 4GB", "NVIDIA T550 Laptop GPU", "NVIDIA T600", "NVIDIA T1000 8GB",
    "NVIDIA T1200 Laptop GPU", "Quadro T2000 with Max-Q Design",
)  # fmt: skip
WITH_CORES = ("NVIDIA GeForce RTX 2060", "Tesla T4", "Quadro RTX 4000", "NVIDIA TITAN RTX")
TYPES = ("float32", "float16", "bfloat16", "int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16")
NAMES = tuple(card.name for card in CARDS)


def legal(device: Device, library: str) -> set[str]:
    """Return the precisions a card may be given."""
    found = {"float32", "int8_float32"} if device.name in WITHOUT_CORES else LEGAL[device.capability]
    if device.capability >= (9, 0) and device.driver.startswith("5"):
        found = found if int(device.driver[:3]) >= 570 else set()
    if device.capability >= (10, 0) and library == ANCIENT:
        return {one for one in found if not one.startswith("int8")}
    return found


@st.composite
def devices(draw: st.DrawFn, index: int = 0, *, usable: bool = False) -> Device:
    """Draw a card, from a GTX 750 to a B200."""
    capability = draw(st.sampled_from([one for one in LEGAL if not usable or one >= (5, 3)]))
    total = draw(st.integers(1024, 96 * 1024))
    return Device(
        index=index,
        uuid=f"GPU-{index:08}",
        name=draw(st.sampled_from(WITHOUT_CORES + WITH_CORES)) if capability == (7, 5) else "NVIDIA card",
        capability=capability,
        total_mib=total,
        free_mib=draw(st.one_of(st.integers(0, total), st.integers(0, min(total, 8192)))),
        driver=draw(st.sampled_from(["575.57.08", ""] if usable else ["575.57.08", "535.104.05", ""])),
        sms=draw(st.sampled_from([0, 5, 24, 132])),
        display=draw(st.booleans()),
        driver_model=draw(st.sampled_from(["linux", "linux", "wsl", "wddm", "tcc"])),
    )


precisions = st.builds(
    PrecisionWish,
    use_fp16=st.sampled_from([True, True, False]),
    use_int8=st.sampled_from([None, None, True, False]),
    policy=st.sampled_from(["fp16", "fp16", "chosen", "dynamic", "mixed"]),
    fp16_models=st.sampled_from([(), ("large-v3",)]),
)


def _often(default: object, *others: object) -> st.SearchStrategy[object]:
    return st.sampled_from([default] * 5 + list(others))


def wishes(**fixed: object) -> st.SearchStrategy[Wishes]:
    """Draw wishes, mostly left to the program, all but those that are fixed."""
    drawn: dict[str, st.SearchStrategy[object]] = {
        "model": _often("auto", "large-v3", "large-v3-turbo", "medium", "tiny.en"),
        "device": _often("auto", "cuda"),
        "compute_type": _often("auto", "default", *TYPES),
        "batch_size": _often(None, 1, 2, 16, 64),
        "beam_size": _often(None, 1, 5, 10),
        "best_of": _often(None, 1, 5),
        "cpu_fallback": st.booleans(),
        "language": st.sampled_from([None, "en", "zh"]),
        "task": _often("transcribe", "translate"),
        "prefer": st.sampled_from(["quality", "balanced", "speed"]),
        "policy": _often("measured", "guide"),
        "precision": precisions,
        "auto_optimize": _often(True, False),
        "vram_budget_mib": st.one_of(st.none(), st.integers(200, 24_000)),
        "reserve_mib": st.sampled_from([0, 0, 500, 4096]),
        "max_model": _often(None, *NAMES),
        "min_model": _often(None, "base", "medium", "large-v3"),
        "batched": _often(True, False),
        "word_timestamps": _often(False, True),
        "told": _often(0, 223),
    }
    constant = {name: st.just(value) for name, value in fixed.items()}
    return st.builds(Wishes, **{**drawn, **constant})  # type: ignore[arg-type]


stocks = st.builds(Stock, st.lists(st.sampled_from(CARDS), unique=True).map(tuple), st.booleans())


def machine(
    *cards: Device, library: str = GOOD, known: Experience = Experience(), ram: float = 16.0
) -> Machine:
    return Machine(
        Cards(cards, "" if cards else "no card is here"), ram, 8, library=library, experience=known
    )


def outcome(wished: Wishes, here: Machine, stock: Stock = EVERY) -> Plan | Bili2TextError:
    """Return the plan, or the error instead of it."""
    try:
        return choose(wished, here, stock)
    except Bili2TextError as error:
        return error


def able(card: ModelCard, wished: Wishes) -> bool:
    """Return whether a model can do the task in the language."""
    if card.name.endswith(".en") or card.name.startswith("distil"):
        return wished.language == "en" and wished.task == "transcribe"
    return wished.task == "transcribe" or card.name != "large-v3-turbo"


def between(card: ModelCard, wished: Wishes) -> bool:
    """Return whether a model lies within --min-model and --max-model."""
    low = card_named(wished.min_model or "tiny")
    high = card_named(wished.max_model or "large-v3")
    assert low is not None
    assert high is not None
    return low.rank <= card.rank <= high.rank


def insisted(wished: Wishes) -> bool:
    """Return whether the user named a model, let nothing give way and set no limit: that is tried, fit or not."""
    limited = wished.vram_budget_mib is not None or bool(wished.reserve_mib)
    return wished.model != "auto" and not wished.auto_optimize and not limited


def as_asked(plan: Plan, wished: Wishes) -> bool:
    """Return whether every size is the one that was asked for, and the precision where the device has it."""
    sizes = ("batch_size", "beam_size", "best_of")
    batch = wished.batch_size if wished.batched else 1
    asked = {**{name: getattr(wished, name) for name in sizes}, "batch_size": batch}
    return all(value in (None, getattr(plan, name)) for name, value in asked.items())


def worth(plan: Plan, wished: Wishes, here: Machine) -> tuple[float, ...]:
    """Return what a plan is worth by the preference, as docs/plan.md tells it: the larger is better."""
    card = card_named(plan.model)
    assert card is not None
    first = quality(card, wished.prefer)
    if plan.device == "cpu":
        return (
            (0.0, first) if wished.device != "auto" or wished.policy == "guide" else (first - 5, 0.0)
        )  # a step less than on a card
    device = next(one for one in here.cards.devices if one.uuid == plan.gpu)
    half = "float16" in legal(device, here.library)
    asked = precision.resolved(wished.compute_type, device, here.library)
    ladder = [
        one for one in precision.ladder(device, wished.precision, plan.model, here.library) if one != asked
    ]
    place = 0 if plan.compute_type == asked else ladder.index(plan.compute_type)
    exact = -float(place + (not half))
    batch, beam, at_once = plan.batch_size, plan.beam_size, plan.encoder_batch or plan.batch_size
    rest: tuple[float, ...] = (beam, exact, plan.best_of, batch, at_once)
    if wished.prefer == "balanced":
        rest = (beam, min(batch, 4), exact, plan.best_of, batch, at_once)
    if wished.prefer == "speed":
        rest = (batch, beam, exact, plan.best_of, at_once)
    tier = (1.0, first) if wished.device != "auto" or wished.policy == "guide" else (first, 1.0)
    return (*tier, *rest)


def with_free(device: Device, free: int) -> Device:
    return replace(device, free_mib=min(free, device.total_mib))
