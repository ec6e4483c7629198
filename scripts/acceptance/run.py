"""The sections in order, each within its time, each written down as soon as it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from acceptance.allocators import allocators
from acceptance.bench import Bench
from acceptance.choice import choice
from acceptance.float8_as_planned import float8_as_planned
from acceptance.footprints import footprint
from acceptance.half import half
from acceptance.handing_over import handing_over
from acceptance.needs import needs
from acceptance.precisions import precisions
from acceptance.pressing import pressure
from acceptance.probing import context, probe
from acceptance.speed import speed
from acceptance.squeezing import squeezing
from acceptance.sweep import sweep
from acceptance.torch_allocator import torch_allocator
from acceptance.values import Check, Deadline, Found, Json, OutOfTime, Section, State

Measure = Callable[[Bench, Deadline], Iterator[Found]]

WHISPER: Mapping[str, Measure] = {
    "probe": probe,
    "context": context,
    "sweep": sweep,
    "pressure": pressure,
    "precisions": precisions,
    "footprint": footprint,
    "allocators": allocators,
}
TRANSLATION: Mapping[str, Measure] = {
    "choice": choice,
    "handover": handing_over,
    "squeeze": squeezing,
    "float8": float8_as_planned,
    "torch": torch_allocator,
    "needs": needs,
    "half": half,
}
SPEED: Mapping[str, Measure] = {"speed": speed}
PARTS = {"whisper": WHISPER, "translation": TRANSLATION, "speed": SPEED}  # each has the whole time
SECTIONS: Mapping[str, Measure] = {**WHISPER, **TRANSLATION, **SPEED}
# Shares of a part's time: together less than one, the rest is for making models and giving memory back.
SHARES = {
    "probe": 0.03,
    "context": 0.12,
    "sweep": 0.36,
    "pressure": 0.12,
    "precisions": 0.08,
    "footprint": 0.16,
    "allocators": 0.08,
    "choice": 0.12,
    "handover": 0.13,
    "squeeze": 0.11,
    "float8": 0.05,
    "torch": 0.08,
    "needs": 0.36,
    "half": 0.12,
    "speed": 0.98,
}


def run(
    bench: Bench,
    names: Iterable[str],
    seconds: float,
    sections: Mapping[str, Measure] = SECTIONS,
) -> Iterator[Section]:
    """Yield each section when it is over; each has its share of its part's `seconds`, or what is left."""
    whole: dict[str, Deadline] = {}
    for name in names:
        part = next(part for part, its in PARTS.items() if name in its)
        left = whole.setdefault(part, Deadline(seconds)).left
        yield _section(bench, name, sections[name], min(SHARES[name] * seconds, left))


def _section(bench: Bench, name: str, measure: Measure, seconds: float) -> Section:
    deadline = Deadline(seconds)
    checks: list[Check] = []
    rows: list[Json] = []
    state: State = "done"
    why = ""
    try:
        for found in measure(bench, deadline):
            if isinstance(found, Check):
                checks.append(found)
            else:
                rows.append(found.values)
    except OutOfTime:
        state, why = "out of time", f"{seconds:.0f} s were not enough for all of it"
    except Exception as error:  # noqa: BLE001 - one section must not cost the others their results
        state, why = "failed", f"{type(error).__name__}: {error}"
    return Section(name, state, round(seconds - deadline.left, 1), tuple(checks), tuple(rows), why)
