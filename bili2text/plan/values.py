"""The typed values of the decision: what is wished for, what is here, and what will run. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bili2text.gpu.device import Cards
from bili2text.models.catalog import ModelCard
from bili2text.plan.experience import Experience, Site
from bili2text.plan.footprint import Footprint, Setting
from bili2text.plan.precision import PrecisionWish

Prefer = Literal["quality", "balanced", "speed"]
Verdict = Literal["taken", "fits", "too large", "too slow", "ruled out"]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked for; "auto" and None leave it to us."""

    model: str = "auto"
    device: str = "auto"  # "auto", "cpu", "cuda", "cuda:1"
    gpu: str | None = None  # a card by the beginning of its UUID
    without: tuple[str, ...] = ()  # UUIDs of cards that failed
    compute_type: str = "auto"
    batch_size: int | None = None
    beam_size: int | None = None
    best_of: int | None = None
    threads: int = 0  # on the CPU; 0: every core
    cpu_fallback: bool = True
    language: str | None = None
    task: str = "transcribe"
    prefer: Prefer = "quality"
    policy: Literal["measured", "guide"] = "measured"
    precision: PrecisionWish = PrecisionWish()
    auto_optimize: bool = True  # step down when a precision or a size fails
    vram_budget_mib: int | None = None  # use no more of the card than this
    reserve_mib: int = 0  # leave this much free beside the margin
    max_model: str | None = None
    min_model: str | None = None
    batched: bool = True
    word_timestamps: bool = False
    told: int = 0  # tokens of prompt, hotwords and text before that each window is told, at most
    marks: bool = False  # whether the model may be asked for marks
    gpu_wait: float = 30.0  # seconds to wait for memory that a neighbour took in mid-run


@dataclass(frozen=True, slots=True)
class Machine:
    """What this computer has free now, and what is known of it."""

    cards: Cards
    ram_gib: float
    cores: int
    cublas: str = ""  # why CTranslate2 cannot use a card: no cuBLAS, or built without CUDA; or empty
    library: str = ""  # CTranslate2's version
    experience: Experience = Experience()


@dataclass(frozen=True, slots=True)
class Stock:
    """The models to choose among."""

    on_disk: tuple[ModelCard, ...]  # those that can be loaded without a download
    may_download: bool = False  # whether every other model we know counts as well
    named: ModelCard | None = None  # the one asked for, when it is none of ours: a folder or a hub id


@dataclass(frozen=True, slots=True)
class Room:
    """What a plan may use of a card or of the RAM, and how that was reckoned; MiB."""

    mib: int
    free_mib: int
    arithmetic: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model in a precision at one place, and why it is taken or not."""

    model: str
    compute_type: str
    place: str  # "cuda:0" or "cpu"
    need_mib: int  # in the setting it would run in; the least it can do with when it does not fit
    room_mib: int
    on_disk: bool
    verdict: Verdict
    why: str
    arithmetic: str = ""  # where the need comes from


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
    best_of: int = 5
    encoder_batch: int | None = None  # windows encoded at once; None: the whole batch
    word_timestamps: bool = False
    told: int = 0
    marks: bool = False
    gpu: str = ""  # the card's UUID; "" on the CPU
    site: Site | None = None  # where what is learned of it holds; None on the CPU
    on_disk: bool = True
    need_mib: int = 0  # what it is expected to take at its peak
    origin: str = ""  # of that figure: "computed", "measured", "learned"
    room: Room = Room(0, 0, "")
    footprint: Footprint | None = None
    walk: tuple[Candidate, ...] = ()  # every candidate, in the order of preference

    @property
    def setting(self) -> Setting:
        """How the model is run, as far as memory goes."""
        return Setting(
            self.compute_type,
            self.batch_size,
            self.beam_size,
            self.best_of,
            self.encoder_batch,
            self.word_timestamps,
            self.told,
            self.marks,
        )
