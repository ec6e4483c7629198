"""A diagnosis as a person reads it, and as a program does. Pure."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from bili2text.diagnosis.values import Diagnosis, Part, Trial, Trials
from bili2text.files import clean_text
from bili2text.gpu.device import Device
from bili2text.plan import explain
from bili2text.plan.values import Plan

WIDTH = 100
_GAP = "  "


def text(found: Diagnosis) -> str:
    """Return the report; its lines have 100 columns at most, but for the command, which is to be copied."""
    sections = [
        ("Cards", list(_cards(found))),
        ("Libraries and programs", list(_parts(found.parts))),
        *(_trials(one) for one in found.trials),
        ("Recommended", list(_plan(found))),
    ]
    if found.advice:
        sections.append(("For more", [line for one in found.advice for line in _wrapped(one, _GAP, "- ")]))
    return "\n".join("\n".join((title, *lines)) + "\n" for title, lines in sections)


def values(found: Diagnosis) -> dict[str, Any]:
    """Return the diagnosis as one JSON object."""
    machine = found.machine
    return {
        "cards": [asdict(card) for card in machine.cards.devices],
        "no_cards": machine.cards.reason,
        "lost_cards": list(machine.cards.lost),
        "cores": machine.cores,
        "free_ram_mib": int(machine.ram_gib * 1024),
        "libraries": [asdict(part) for part in found.parts],
        "trials": [asdict(one) for one in found.trials],
        "plan": None if found.plan is None else explain.values(found.plan),
        "problem": found.problem,
        "command": None if found.plan is None else list(found.command),
        "advice": list(found.advice),
    }


def _cards(found: Diagnosis) -> Iterator[str]:
    machine = found.machine
    if not machine.cards.devices:
        yield from _wrapped(f"none: {machine.cards.reason}")
    for device in machine.cards.devices:
        yield from _card(device)
    for line in machine.cards.lost:
        if machine.cards.devices or line not in machine.cards.reason:
            yield from _wrapped(line)
    yield f"{_GAP}CPU: {machine.cores} cores, {machine.ram_gib:.1f} GiB of RAM free"


def _card(device: Device) -> Iterator[str]:
    deep = _GAP + " " * 8
    facts = [device.name, f"capability {'.'.join(map(str, device.capability))}"]
    facts += [f"{device.sms} SMs"] * bool(device.sms) + [f"driver {device.driver}"] * bool(device.driver)
    yield from _wrapped(", ".join(facts), _GAP, f"cuda:{device.index}".ljust(8))
    reserved = f", {device.reserved_mib} reserved by the driver" if device.reserved_mib else ""
    used = device.used_mib or device.total_mib - device.free_mib
    yield f"{deep}{device.total_mib} MiB: {device.free_mib} free, {used} used{reserved}"
    for fact in _circumstances(device):
        yield from _wrapped(fact, deep)
    for holder in device.holders:
        used_mib = "?" if holder.used_mib is None else str(holder.used_mib)
        yield from _wrapped(
            f"{clean_text(holder.name) or 'no name'}", deep, f"PID {holder.pid:<8} {used_mib:>6} MiB  "
        )
    for line in device.unknown:
        yield from _wrapped(f"not known: {line}", deep)


def _circumstances(device: Device) -> Iterator[str]:
    if device.display:
        yield "a screen hangs on it"
    if device.integrated:
        yield "shares the computer's memory"
    if device.mig:
        yield "a MIG slice of a card"
    if device.spills:
        system = "WSL" if device.driver_model == "wsl" else "Windows (WDDM)"
        yield f"under {system} a demand beyond the free memory is not refused, but slow"


def _parts(parts: Iterable[Part]) -> Iterator[str]:
    shown = tuple(parts)
    names = max((len(part.name) for part in shown), default=0)
    versions = max((len(part.found or "-") for part in shown), default=0)
    for part in shown:
        head = f"{part.name:{names}}  {part.found or '-':{versions}}  "
        yield from _wrapped("; ".join(filter(None, (part.remark, part.remedy))), _GAP, head)


def _trials(trials: Trials) -> tuple[str, list[str]]:
    title = f"Precisions on {trials.place}"
    if trials.reason:
        return title, list(_wrapped(f"not tried: {trials.reason}"))
    lines = [line for trial in trials.each for line in _trial(trial, trials.place)]
    if any(trial.outcome == "works" for trial in trials.each):
        lines += _wrapped(
            f"x realtime and peak are those of {trials.model}, one window at a time: "
            f"larger models are slower, batches faster"
        )
    return f"{title}, tried with {trials.model}", lines


def _trial(trial: Trial, place: str) -> Iterator[str]:
    head = f"{trial.compute_type:14}{trial.outcome:11}"
    if trial.outcome != "works":
        yield from _wrapped(trial.why, _GAP, head)
        return
    memory = "RAM" if place == "cpu" else "of the card"
    peak = "peak not known" if trial.peak_mib is None else f"{trial.peak_mib:6} MiB {memory}"
    yield from _wrapped(trial.why, _GAP, f"{head}{trial.speed or 0:7.1f}x realtime  {peak}  ")


def _plan(found: Diagnosis) -> Iterator[str]:
    plan = found.plan
    if plan is None:
        yield from _wrapped(found.problem)
        return
    yield from _wrapped(_headline(plan))
    for reason in plan.reasons:
        yield from _wrapped(reason, _GAP * 2, "- ")
    yield f"{_GAP}{clean_text(shlex.join(found.command))}"


def _headline(plan: Plan) -> str:
    return explain.text(plan).partition("\n")[0]


def _wrapped(said: str, indent: str = _GAP, head: str = "") -> Iterator[str]:
    """Yield a text as lines after a head, the later ones under the first; the head alone for none."""
    lines = textwrap.wrap(clean_text(said), WIDTH - len(indent) - len(head), break_on_hyphens=False) or [""]
    yield f"{indent}{head}{lines[0]}".rstrip()
    for line in lines[1:]:
        yield f"{indent}{' ' * len(head)}{line}"
