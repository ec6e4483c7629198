"""The guide this program was built to: its table of memory and its decision tree, word for word. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bili2text.errors import OutOfMemory
from bili2text.gpu.device import Device
from bili2text.plan import precision
from bili2text.plan.shortlist import Model
from bili2text.plan.values import Wishes


@dataclass(frozen=True, slots=True)
class Need:
    """Memory a model wants, in GB of VRAM."""

    fp32: float
    fp16: float


NEEDS = {
    "tiny": Need(1.5, 1.0),
    "base": Need(1.5, 1.0),
    "small": Need(2.5, 1.5),
    "medium": Need(5.0, 3.0),
    "large": Need(10.0, 6.0),
    "large-v3": Need(10.0, 6.0),
}
LARGE_CARD_GB = 8  # "8 GB of VRAM available?"


@dataclass(frozen=True, slots=True)
class Leaf:
    """Where a walk through the tree ends."""

    model: str  # of the table; "" leaves it to the planning of the CPU
    device: str  # "cuda" or "cpu"
    steps: tuple[str, ...]  # the questions on the way, answered


def need(name: str) -> Need:
    """Return the row for a model's name; turbo and distil, which the guide does not know, count as medium.

    An unknown model counts as large.
    """
    if name in NEEDS:
        return NEEDS[name]
    plain = name.removesuffix(".en")
    if "turbo" in plain or "distil" in plain:
        return NEEDS["medium"]
    return NEEDS.get(plain, NEEDS["large"])


def leaf(device: Device, *, quality: bool, half: bool, barred: Mapping[str, str]) -> Leaf:
    """Return the guide's answer for a card: medium or small, and where 8 GB are not there, tiny or the CPU.

    The question is about the card's size; the table is then held against what is free of it. `half` is
    whether the card computes in float16: without it the column for FP32 counts. `barred` has models that
    may not be taken, and why not.
    """
    total, free = device.total_mib / 1024, device.free_gib
    steps = []
    if round(total) >= LARGE_CARD_GB:
        steps.append(f"8 GB of VRAM available? yes: {total:.1f} GiB")
        steps.append(f"highest quality wanted? {'yes' if quality else 'no'}")
        wanted = ["medium", "small", "tiny"] if quality else ["small", "tiny"]
    else:
        steps.append(f"8 GB of VRAM available? no: {total:.1f} GiB")
        wanted = ["tiny"]
    for name in wanted:
        gb = need(name).fp16 if half else need(name).fp32
        if name in barred:
            steps.append(f"{name}: {barred[name]}")
        elif free >= gb:
            steps.append(f"{name} needs {gb} GB, {free:.1f} are free: {name}")
            return Leaf(name, "cuda", tuple(steps))
        else:
            steps.append(f"{name} needs {gb} GB, {free:.1f} are free: no")
    return Leaf("", "cpu", (*steps, "no model of its is left for the card: the CPU"))


def by_guide(
    wishes: Wishes, cards: tuple[Device, ...], known: tuple[Model, ...], library: str
) -> tuple[Wishes, tuple[Device, ...], tuple[str, ...]]:
    """Return the wishes with the guide's model and precision in place of "auto", its card, and its steps.

    Of several cards the one with the most free memory is asked. No card is left where the leaf is the CPU,
    whose model is planned as without the guide; raises OutOfMemory where the CPU is ruled out.
    """
    if not cards:
        return wishes, cards, ()
    card = max(cards, key=lambda one: (one.free_mib, -one.index))
    if wishes.model != "auto":
        row = need(wishes.model)
        figures = f"{row.fp32} GB in FP32, {row.fp16} in FP16; {card.free_gib:.1f} are free"
        return wishes, cards, (f"guide: its tree is not asked, for --model {wishes.model} is; {figures}",)
    asked = None if wishes.compute_type in ("auto", "default") else wishes.compute_type
    able = wishes.precision.use_fp16 and not precision.refusal(card, "float16", library)
    half = able if asked is None else asked != "float32"
    barred = {one.card.name: one.ruled_out for one in known if not one.allowed}
    end = leaf(card, quality=wishes.prefer == "quality", half=half, barred=barred)
    said = tuple(f"guide: {step}" for step in end.steps)
    if end.device == "cpu":
        if not wishes.cpu_fallback:
            raise OutOfMemory(
                f"the guide's answer for {card.name} is the CPU: {end.steps[-2]}",
                hint="leave out --no-cpu-fallback, or --policy guide",
            )
        return wishes, (), said
    return (
        replace(wishes, model=end.model, compute_type=asked or ("float16" if half else "float32")),
        (card,),
        said,
    )
