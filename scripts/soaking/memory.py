"""Cards that run out of memory at random groups: the card is a stand-in, the engine behind it is real."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from unittest.mock import patch

from bili2text import loading, pipeline
from bili2text.errors import OutOfMemory
from bili2text.gpu.device import Cards
from bili2text.gpu.known import simulated
from bili2text.loading import Loader
from bili2text.plan.values import Machine, Wishes
from bili2text.transcribe.engine import USUAL, Decoded, DecodeOptions, Effort, Load, Window
from soaking.inside import Remembering, kept_engine, refusal
from soaking.job import Job

_CARDS = ("RTX 4060, 8 GB", "RTX 3060, 12 GB, 4 free", "GTX 1060, 6 GB", "T4")
_BATCH = 2  # chunks of a group at first
_MOST = 4  # errors of one run


@dataclass(slots=True)
class Starved:
    """What became of the runs."""

    runs: int = 0
    errors: int = 0
    steps: int = 0  # written down in the results
    lost: int = 0  # chunks that are missing, heard twice, or without their text
    different: int = 0  # texts and subtitles that are not those of an undisturbed run
    failed: int = 0
    examples: list[str] = field(default_factory=list)


class _Card:
    """When the card has no room: before which calls of the engine, counted over all engines of a run."""

    def __init__(self, calls: set[int]) -> None:
        self.left = calls
        self.asked = 0
        self.errors = 0

    def use(self) -> None:
        """Raise OutOfMemory when it is time."""
        self.asked += 1
        if self.asked in self.left:
            self.errors += 1
            raise OutOfMemory("the GPU has no room left", hint="close what else uses it")


class _OnCard(Remembering):
    """The real engine on the CPU, in the place of one on a card that runs out of memory."""

    card: _Card = _Card(set())

    def __init__(
        self,
        load: Load,
        options: DecodeOptions,
        environ: Mapping[str, str],
        **others: Any,  # noqa: ANN401
    ) -> None:
        self._is_card = load.device != "cpu"
        here = replace(load, device="cpu", device_index=0, compute_type="int8", threads=1)
        super().__init__(here, options, environ, warn=others["warn"])

    def decode(self, windows: tuple[Window, ...], effort: Effort = USUAL) -> tuple[Decoded, ...]:
        """Return what each window said, or raise OutOfMemory."""
        if self._is_card:
            self.card.use()
        # alone, as on the CPU: how many are decoded at once may change the last bits of a score
        return tuple(super(_OnCard, self).decode((window,), effort)[0] for window in windows)


def starved(job: Job, wanted: int, seed: int) -> Starved:
    """Let cards run out of memory until there were that many errors, and look for every chunk."""
    chance = random.Random(seed)  # noqa: S311 - moments, no secrets
    found = Starved()
    undisturbed = job.request(batch_size=_BATCH)
    with kept_engine(undisturbed, job.environ), patch.object(loading, "RemoteEngine", _OnCard):
        job.forget()
        if why := refusal(undisturbed, job.environ):
            raise RuntimeError(f"an undisturbed run failed: {why}")
    expected, cuts = _text(job), _cuts(job)
    while found.errors < wanted:
        job.forget()
        found.runs += 1
        calls = {chance.randrange(1, 2 * cuts) for _ in range(chance.randint(1, _MOST))}
        with _card(chance.choice(_CARDS), calls) as card:
            why = refusal(job.request(device="auto", batch_size=_BATCH), job.environ)
        found.errors += card.errors
        if why:
            found.failed += 1
            found.examples.append(f"{sorted(calls)}: {why}")
            continue
        _compare(job, found, expected, cuts)
    return found


def _compare(job: Job, found: Starved, expected: Mapping[str, bytes], cuts: int) -> None:
    heard = [chunk["index"] for group in _values(job, "group") for chunk in group["heard"]["chunks"]]
    found.steps += len(_values(job, "step"))
    if heard != list(range(cuts)):
        found.lost += abs(cuts - len(set(heard))) or 1
        found.examples.append(f"chunks {heard} of {cuts}")
    if _text(job) != expected:
        found.different += 1
        found.examples.append("other text")


@contextmanager
def _card(name: str, calls: set[int]) -> Iterator[_Card]:
    card, device = _Card(calls), simulated(name)

    def look(wishes: Wishes, environ: Mapping[str, str]) -> Machine:  # noqa: ARG001 - as Look has it
        cards = Cards((), "the CPU was asked for") if wishes.device == "cpu" else Cards((device,))
        return Machine(cards, 16.0, 2, library="4.8.5")

    with (
        patch.object(_OnCard, "card", card),
        patch.object(loading, "RemoteEngine", _OnCard),
        patch.object(pipeline, "Loader", partial(Loader, look=look)),
    ):
        yield card


def _text(job: Job) -> dict[str, bytes]:
    """Return what must not differ: the JSON tells of the card and the steps."""
    return {name: raw for name, raw in job.outputs().items() if not name.endswith(".json")}


def _cuts(job: Job) -> int:
    (survey,) = _values(job, "survey")
    return len(survey["cuts"])


def _values(job: Job, kind: str) -> list[Any]:
    """Return the values of the journal's records of a kind."""
    path = job.journal()
    lines = path.read_bytes().splitlines() if path else []
    records = [json.loads(line[9:])["record"] for line in lines]
    return [record["value"] for record in records if record["kind"] == kind]
