"""The diagnosis of this computer: look, try, plan, advise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from bili2text.diagnosis import trial
from bili2text.diagnosis.advice import Case, advice
from bili2text.diagnosis.lessons import Lessons, learned, planned, to_remember
from bili2text.diagnosis.libraries import installed
from bili2text.diagnosis.values import Diagnosis, Part, Trial, Trials
from bili2text.errors import ModelError, OutOfMemory
from bili2text.gpu.device import Device
from bili2text.gpu.libraries import load_cublas
from bili2text.models import store
from bili2text.models.catalog import card_named
from bili2text.models.store import ModelFolder, Places
from bili2text.plan import candidates, explain, ledger, precision
from bili2text.plan.cards import named
from bili2text.plan.experience import Experience, Refused
from bili2text.plan.machine import this_machine
from bili2text.plan.stages import weights_bytes
from bili2text.plan.stock import stock
from bili2text.plan.values import Machine, Plan, Stock, Wishes
from bili2text.progress import Progress

Look = Callable[[Wishes, Mapping[str, str]], Machine]
_LARGEST = 300 << 20  # bytes of weights in int8: `small`; a larger model would make a trial of minutes
_NO_MODEL = "no small model is on this disk: bili2text models download tiny"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be found out."""

    wishes: Wishes
    places: Places
    may_download: bool
    tries: bool = True  # whether precisions are tried


def diagnose(
    asked: Asked, progress: Progress, environ: Mapping[str, str], look: Look = this_machine
) -> Diagnosis:
    """Return what this computer is and can do. What fails in a trial is remembered, and not planned with.

    `look` stands in for looking at this machine. Raises UsageError for wishes that cannot be, ModelError for
    a model that was named and is broken.
    """
    wishes = replace(asked.wishes, cpu_fallback=True)
    machine = look(wishes, environ)
    there = stock(wishes, asked.places, progress, may_download=asked.may_download)
    _planned(wishes, machine, there, Lessons())  # wishes that cannot be are refused before anything is tried
    problem = machine.cublas if machine.cards.devices else load_cublas()
    parts = installed(machine, problem, environ, date.today())
    tried = tuple(_tried(asked, machine, progress, environ))
    known = remember(tried, machine, environ, progress)
    machine = replace(machine, experience=known)
    return judged(wishes, machine, there, parts, tried, asked.places.model_dir)


def judged(
    wishes: Wishes,
    machine: Machine,
    there: Stock,
    parts: tuple[Part, ...],
    tried: tuple[Trials, ...],
    model_dir: Path | None = None,
) -> Diagnosis:
    """Return the diagnosis with its plan, in which nothing is that failed, and its advice. Pure.

    Raises UsageError.
    """
    lessons = learned(tried, machine)
    plan, problem = _planned(wishes, machine, there, lessons)
    case = Case(wishes, machine, there, plan, lessons)
    offline = not there.may_download
    command = () if plan is None else explain.command(plan, wishes, model_dir, offline=offline)
    return Diagnosis(machine, parts, tried, plan, problem, command, advice(case))


def _planned(wishes: Wishes, machine: Machine, there: Stock, lessons: Lessons) -> tuple[Plan | None, str]:
    try:
        return planned(wishes, machine, there, lessons), ""
    except OutOfMemory as error:
        return None, f"{error.message}; {error.hint}"


def _tried(
    asked: Asked, machine: Machine, progress: Progress, environ: Mapping[str, str]
) -> Iterator[Trials]:
    """Yield the trials of each kind of card that could be used, and of the CPU where none works."""
    cards = _cards(asked.wishes, machine)
    model, reason = _model(asked.places, progress) if asked.tries else (None, "--no-trials was given")
    threads = asked.wishes.threads or machine.cores
    usable = False
    for device in (*cards, None):
        where = "cpu" if device is None else f"cuda:{device.index}"
        if device is None and usable:
            return
        if device is not None and machine.cublas:
            yield Trials(where, reason=machine.cublas)
        elif model is None:
            usable = True  # as far as anybody knows
            yield Trials(where, reason=reason)
        else:
            each = tuple(_each(model, device, threads, machine.library, progress, environ))
            usable = usable or any(one.outcome == "works" for one in each)
            yield Trials(where, model.name, each)


def _cards(wishes: Wishes, machine: Machine) -> tuple[Device, ...]:
    """Return the cards that are asked for and can be used, one of a kind."""
    found: dict[object, Device] = {}
    for card in named(wishes, machine.cards.devices):
        if not precision.unusable(card):
            found.setdefault(candidates.site(card, machine), card)
    return tuple(found.values())


def _each(
    model: ModelFolder,
    device: Device | None,
    threads: int,
    library: str,
    progress: Progress,
    environ: Mapping[str, str],
) -> Iterator[Trial]:
    surroundings = trial.environment(environ, device)
    for compute_type, why_not in trial.ladder(device, library):
        if why_not:
            yield Trial(compute_type, "ruled out", why_not)
            continue
        progress.note(f"trying {compute_type} on {'the CPU' if device is None else device.name}")
        arguments = trial.command(model.path, device, compute_type, threads)
        yield trial.run(compute_type, arguments, surroundings)


def _model(places: Places, progress: Progress) -> tuple[ModelFolder | None, str]:
    """Return the smallest known model on this disk that is whole, or why there is none."""
    sizes = {}
    for folder in store.on_disk(places):
        card = card_named(folder.name)
        if card is not None and weights_bytes(card.dims, "int8") <= _LARGEST:
            sizes[folder.name] = weights_bytes(card.dims, "int8")
    reason = _NO_MODEL
    for name in sorted(sizes, key=lambda name: sizes[name]):
        try:
            found = store.find(name, places, progress)
        except ModelError as error:
            reason = error.message
            continue
        if found is not None:
            return found, ""
    return None, reason


def remember(
    tried: tuple[Trials, ...], machine: Machine, environ: Mapping[str, str], progress: Progress
) -> Experience:
    """Return what is known now; the precisions that failed on a card are kept for later plans, too."""
    known = machine.experience
    file = ledger.ledger_file(environ)
    for trials in tried:
        device = next((card for card in machine.cards.devices if f"cuda:{card.index}" == trials.place), None)
        if device is None:
            continue
        for failure in to_remember(trials.each):
            refused = Refused(candidates.site(device, machine), failure.compute_type, failure.why)
            known = known.with_refused(refused)
            if problem := ledger.record(file, refused=refused):
                progress.warn(problem)
    return known
