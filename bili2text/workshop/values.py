"""What a training is asked to do; presets.py reads it from TOML. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bili2text.seq2seq.values import Way

TrainPrecision = Literal["fp32", "fp16", "bf16"]
Schedule = Literal["constant", "linear", "cosine"]


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which model is trained."""

    id: str  # of the hub, a folder, or a student's name
    directions: tuple[Way, ...]
    trim_vocab: int = 0  # tokens to keep of its vocabulary, by how often the pairs use them; 0: all


@dataclass(frozen=True, slots=True)
class DataSettings:
    """Which pairs it learns from."""

    wmt19: int = 0  # pairs
    opus100: int = 0
    min_chars: int = 10  # of either side
    max_chars: int = 400
    max_tokens: int = 256  # of either side; what is longer is left out
    seed: int = 42


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How it learns."""

    precision: TrainPrecision = "fp32"  # of the computation; the weights that are updated are float32
    batch: int = 24  # pairs at once
    accumulate: int = 1  # batches to a step
    epochs: int = 1
    lr: float = 3e-4
    schedule: Schedule = "cosine"
    warmup: float = 0.0  # share of the steps
    weight_decay: float = 0.01
    label_smoothing: float = 0.0
    loss_chunk: int = (
        256  # target positions whose vocabulary is computed at once; 0: all, as transformers does
    )
    checkpointing: bool = False  # activations are computed again instead of kept
    optim: str = "adamw_torch_fused"  # transformers' name
    workers: int = 0  # processes that prepare batches
    pin_memory: bool = False
    eval_every: int = 500  # steps
    save_every: int = 1000
    keep: int = 1  # checkpoints
    eval_pairs: int = 500  # of the held-out ones, each direction
    patience: int = 0  # evaluations without a lower loss before it ends; 0: never
    max_grad_norm: float = 1.0
    distil_weight: float = 0.5  # share of the teacher's distribution in the loss, where labels hold one
    temperature: float = 1.0  # 1 or 2: those the labels keep the full sum for


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """How its translations are searched for."""

    beams: int = 1
    max_tokens: int = 256


@dataclass(frozen=True, slots=True)
class Claims:
    """What the guide that a preset comes from says of it; shown beside what is computed and measured."""

    card: str = ""
    vram_gib: tuple[float, float] | None = None
    hours: tuple[float, float] | None = None
    bleu: tuple[float, float] | None = None
    parameters_m: float | None = None


@dataclass(frozen=True, slots=True)
class Preset:
    """Everything a training is asked to do."""

    name: str
    model: ModelSettings
    data: DataSettings
    train: TrainSettings
    decode: DecodeSettings
    claims: Claims = Claims()
