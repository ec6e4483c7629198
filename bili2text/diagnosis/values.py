"""The values of a diagnosis. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bili2text.plan.values import Machine, Plan

Outcome = Literal[
    "works",
    "refused",  # the library or the card says no
    "nonsense",  # it computes, and what comes out is no text
    "no room",
    "aborted",  # the process was killed, or killed itself
    "no answer",  # in the time it had
    "failed",  # for a reason that is not the precision's
    "ruled out",  # not tried: known not to work on such a card
]


@dataclass(frozen=True, slots=True)
class Part:
    """A library or program, and what is to be said of it."""

    name: str
    found: str  # its version; "" when it is not here
    remark: str = ""
    remedy: str = ""  # what to do, where something should be done


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one precision."""

    compute_type: str
    outcome: Outcome
    why: str = ""
    speed: float | None = None  # x realtime of one window at a time, by the model it was tried with
    peak_mib: int | None = None  # of the card, or of RAM on the CPU; None: not known


@dataclass(frozen=True, slots=True)
class Trials:
    """The precisions that were tried at one place, or why none was."""

    place: str  # "cuda:0" or "cpu"
    model: str = ""
    each: tuple[Trial, ...] = ()
    reason: str = ""  # one line, when nothing was tried


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything that was found out."""

    machine: Machine
    parts: tuple[Part, ...]
    trials: tuple[Trials, ...]
    plan: Plan | None
    problem: str = ""  # one line, when there is no plan
    command: tuple[str, ...] = ()  # the words that run the plan
    advice: tuple[str, ...] = ()  # what would give a better plan, a line each
