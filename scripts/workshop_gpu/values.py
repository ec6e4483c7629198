"""What is measured, as values that go to a child as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Literal

from bili2text.workshop.costs.shapes import Shape, shape_of
from bili2text.workshop.presets import preset
from bili2text.workshop.values import TrainSettings

Kind = Literal["memory", "speed", "labels"]
LENGTHS = (32, 64, 96, 128, 256)
LABEL_TOKENS, LABEL_K = 64, 16


@dataclass(frozen=True, slots=True)
class TeacherShape:
    """A decoder as Qwen1.5-1.8B's config.json has it, unless told otherwise."""

    width: int = 2048
    layers: int = 24
    heads: int = 16
    ffn: int = 5504
    vocab: int = 151_936


@dataclass(frozen=True, slots=True)
class Errand:
    """A row to measure."""

    kind: Kind
    name: str
    shape: Shape
    train: TrainSettings
    device: str = "cuda"
    cap_gib: float | None = None  # of the card
    tokens: int = 0  # memory: of a side
    stock: bool = False  # with transformers' own loss
    mean: float = 35.0  # speed: tokens of a side
    longest: int = 256
    warm: int = 20  # steps, or batches
    steps: int = 200
    likely: int = 0
    teacher: TeacherShape = TeacherShape()

    def text(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self))


def errand_of(text: str) -> Errand:
    """Return what `Errand.text` wrote."""
    told = json.loads(text)
    told["shape"] = Shape(**told["shape"])
    told["train"] = TrainSettings(**told["train"])
    told["teacher"] = TeacherShape(**told["teacher"])
    return Errand(**{one.name: told[one.name] for one in fields(Errand)})


def errands(cap_gib: float) -> list[Errand]:
    """Return everything that is measured on a card."""
    nllb, student = preset("rtx4080s"), preset("student")
    shape = shape_of(nllb.model.id)
    memory = [
        Errand("memory", "rtx4080s", shape, nllb.train, cap_gib=cap_gib, tokens=tokens, stock=stock)
        for stock in (False, True)
        for tokens in LENGTHS
    ]
    speed = [Errand("speed", "rtx4080s", shape, nllb.train, cap_gib=cap_gib)]
    for name in ("small", "qwen-256"):
        for likely in (0, LABEL_K):
            one = shape_of(name)
            speed.append(
                Errand("speed", name, one, student.train, longest=student.data.max_tokens, likely=likely)
            )
    labels = Errand("labels", "1.8B teacher", shape, nllb.train, likely=LABEL_K, warm=2, steps=40)
    return [*memory, *speed, labels]
