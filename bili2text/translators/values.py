"""The values of the choice of a translator: what is wished, what is on the disk, what will run. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bili2text.plan.experience import Site
from bili2text.plan.precision import PrecisionWish
from bili2text.plan.values import Room
from bili2text.seq2seq.values import Way
from bili2text.translators.engine import EngineName

# float8: as the folder holds it, computed natively; int8 and int4 of "transformers" are bitsandbytes'
Precision = Literal[
    "float32", "float16", "bfloat16", "mixed", "float8", "int8", "int4",
    "int8_float32", "int8_float16", "int8_bfloat16",
]  # fmt: skip
# How a model wants to be asked; "workshop": a small one of ours, which is told the sentence and nothing else
Profile = Literal["qwen3", "qwen", "hy-mt", "chat", "workshop"]


EngineWish = Literal["auto", "transformers", "ctranslate2"]


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a decoder: enough to say how much memory it needs."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    tied: bool  # the output layer shares the embedding's weights

    @property
    def parameters(self) -> int:
        """How many numbers the weights are."""
        attention = 2 * self.hidden * self.head_dim * (self.heads + self.kv_heads)
        block = attention + 3 * self.hidden * self.intermediate + 2 * self.hidden
        embeddings = self.vocab * self.hidden * (1 if self.tied else 2)
        return self.layers * block + embeddings + self.hidden


@dataclass(frozen=True, slots=True)
class TranslatorCard:
    """A model known by name."""

    name: str  # of its folder: "Qwen3-4B-FP8"
    repo: str  # id on the Hugging Face hub
    licence: str
    profile: Profile
    billions: float  # of parameters
    shape: Shape | None  # None where it was not looked up
    guide_gb: float | None  # what the guide says it needs
    rank: int  # quality; higher is better
    float8: bool = False  # its weights are FP8
    remark: str = ""


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A folder that holds a model."""

    name: str  # the folder's
    path: Path
    engine: EngineName  # that its files are for
    shape: Shape
    weight_bytes: int  # on the disk
    family: str  # transformers' model_type: "qwen3"; "" where a converted folder does not say
    quantization: str = ""  # "fp8", "awq", "gptq", "int8", "int8_float16" ...; "" for none
    card: TranslatorCard | None = None
    profile: Profile = "chat"
    dtype: str = ""  # of the weights, as its configuration says: "bfloat16", "float32"; "" where it does not
    ways: tuple[Way, ...] = ()  # of a model made for them alone, with an encoder; () for a chat model
    positions: int = 0  # tokens of a prompt, and of a reply, where a model has no more than few; 0: many


@dataclass(frozen=True, slots=True)
class TranslatorWishes:
    """What the user asked for; "auto" and None leave it to us."""

    model_path: Path | None = None  # a folder; forces
    device: str = "auto"  # "auto", "cpu", "cuda", "cuda:1"
    gpu: str | None = None  # a card by the beginning of its UUID
    without: tuple[str, ...] = ()  # UUIDs of cards that failed
    engine: EngineWish = "auto"
    precision: str = "auto"
    wish: PrecisionWish = PrecisionWish()
    batch_size: int | None = None
    beam_size: int = 1
    threads: int = 0
    cpu_fallback: bool = True
    policy: Literal["measured", "guide"] = "measured"
    auto_optimize: bool = True
    vram_budget_mib: int | None = None
    reserve_mib: int = 0


# Capability below which, as on CPUs, transformers turns FP8 weights into bfloat16
# (its quantizers/quantizer_finegrained_fp8.py)
FLOAT8_FROM = (8, 9)


@dataclass(frozen=True, slots=True)
class Float8:
    """Whether FP8 weights can be computed as such, beside what the card must be able to do."""

    ready: bool
    why: str = ""  # why not, in one line


Verdict = Literal["taken", "fits", "too large", "missing", "ruled out"]


@dataclass(frozen=True, slots=True)
class TranslatorCandidate:
    """A model at one place, and why it is taken or not."""

    name: str
    found: bool  # on the disk
    engine: str
    precision: str
    place: str  # "cuda:0" or "cpu"
    need_mib: int
    room_mib: int
    verdict: Verdict
    why: str


@dataclass(frozen=True, slots=True)
class TranslatorPlan:
    """What will run, and why."""

    model: FoundModel
    device: str  # "cpu" or "cuda"
    device_index: int
    device_name: str
    gpu: str  # the card's UUID; "" on the CPU
    total_mib: int | None  # the card's memory
    precision: str
    batch_size: int
    beam_size: int
    threads: int
    need_mib: int  # what it is expected to take at its peak
    room: Room
    reasons: tuple[str, ...]
    walk: tuple[TranslatorCandidate, ...] = ()
    site: Site | None = None  # where what is learned of it holds; None on the CPU
    arithmetic: str = ""  # where `need_mib` comes from
