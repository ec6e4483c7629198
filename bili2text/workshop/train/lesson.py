"""What a training is given, and what comes of it. No torch in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bili2text.seq2seq.values import Way
from bili2text.workshop.run import Run
from bili2text.workshop.train.examples import Example, Examples
from bili2text.workshop.values import DecodeSettings, TrainSettings

Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a model is to learn, in which order, and what it is tried on."""

    run: Run
    train: TrainSettings
    decode: DecodeSettings
    examples: Examples  # of all steps: steps x batch x accumulate
    steps: int  # that the learning rate's schedule spans
    dev: Mapping[Way, Sequence[Example]]  # all of it is looked at in each evaluation; empty: none
    device: Device = "auto"
    seed: int = 42  # of dropout

    @property
    def step_pairs(self) -> int:
        """How many examples a step learns from."""
        return self.train.batch * self.train.accumulate

    @property
    def warmup_steps(self) -> int:
        """How many steps the learning rate rises: the share of all, rounded up as transformers does."""
        return -int(-self.train.warmup * self.steps // 1)


@dataclass(frozen=True, slots=True)
class Trained:
    """How far a training came."""

    step: int
    loss: float | None  # mean over the last logged steps
    dev_loss: float | None  # of the last evaluation, mean over its directions
    stopped_early: bool  # by patience
    seconds: float  # this time
