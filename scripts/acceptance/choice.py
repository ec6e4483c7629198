"""Section `choice`: the translator that is taken when so much is free, by the command and by the plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from acceptance.ballast import NEAR, fill
from acceptance.bench import Bench, remaining
from acceptance.children import command
from acceptance.values import Check, Deadline, Found, Json, Row
from bili2text.errors import Bili2TextError
from bili2text.gpu.probe import probe
from bili2text.plan.machine import this_machine
from bili2text.plan.values import Wishes
from bili2text.translators.choose import choose
from bili2text.translators.explain import Checked, check_json
from bili2text.translators.float8 import float8
from bili2text.translators.folders import scan
from bili2text.translators.gpu_memory import memory_of
from bili2text.translators.select import get_gpu_memory_gb, runtime, select_model_by_gpu
from bili2text.translators.values import TranslatorWishes

TARGETS_GIB = (24.0, 12.0, 8.0, 6.0, 4.0, 2.5, 1.2)
_PLANNED = ("model", "engine", "device", "precision", "batch_size", "need_mib")
_MOVES = 64  # MiB of free memory that two looks in a row may differ by


def choice(bench: Bench, deadline: Deadline, targets: tuple[float, ...] = TARGETS_GIB) -> Iterator[Found]:
    """Ask for the card's memory, and for the translator at each target that the card can be brought to."""
    yield from memory(bench)
    names = [one.model.name for one in bench.translators.plain()]
    shelf = bench.translators.shelf()
    yield Row({"models": names})
    with bench.ballast() as held:
        for number, target in enumerate(targets):
            deadline.check()
            wanted = round(target * 1024)
            free = fill(held, bench.free_now, wanted)
            if free is None or abs(free - wanted) > 4 * NEAR:
                said = "the driver does not tell" if free is None else f"{free} MiB are free"
                yield Row({"target_gib": target, "skipped": f"the card cannot be brought there: {said}"})
                continue
            yield from _target(bench, shelf, target, remaining(deadline, len(targets) - number))


def memory(bench: Bench) -> Iterator[Check]:
    """Yield whether `get_gpu_memory_gb` says what the driver does."""
    what = "get_gpu_memory_gb tells what is free"
    there, free = probe(bench.environ).devices, bench.free_now()
    if not there or free is None:
        yield Check(what, None, "there is no card that tells")
        return
    told = get_gpu_memory_gb(environ=bench.environ)
    yield Check(what, abs(told * 1024 - free) <= _MOVES, f"{told:.2f} GiB, {free} MiB")


def _target(bench: Bench, shelf: Path, target: float, seconds: float) -> Iterator[Found]:
    said, wrong = asked(bench, shelf, seconds)
    label = f"{target} GiB free: translate --check is the plan's choice"
    if wrong:
        yield Row({"target_gib": target, "wrong": wrong})
        yield Check(label, held=False, figure=wrong)
        return
    mine = planned(bench, shelf, said["gpu"]["free"])
    theirs = {name: said["choice"][name] for name in _PLANNED}
    yield Row({
        "target_gib": target, **theirs, "room_mib": said["choice"]["room_mib"], "reasons": said["reasons"],
        "guide": _by_guide(bench, shelf),
    })  # fmt: skip
    figure = "{model}, {precision}, batch {batch_size}, on {device}".format(**theirs)
    yield Check(label, mine == theirs, figure if mine == theirs else f"{figure}; the plan: {mine}")


def asked(bench: Bench, shelf: Path, seconds: float) -> tuple[Json, str]:
    """Return what `translate --check --json` says in a process of its own, and what went wrong, or ""."""
    words = ["-m", "cli.main", "translate", "--check", "--json", "--models-dir", str(shelf)]
    said, wrong = command(words, bench.environ, max(5.0, seconds))
    try:
        return ({}, wrong) if wrong else (json.loads(said), "")
    except ValueError as error:
        return {}, f"no JSON: {error}"


def planned(bench: Bench, shelf: Path, free_gib: float) -> Json:
    """Return the plan for a card with so much free, as the check would tell of it."""
    machine = this_machine(Wishes(), bench.environ)
    cards = tuple(replace(one, free_mib=round(free_gib * 1024)) for one in machine.cards.devices)
    machine = replace(machine, cards=replace(machine.cards, devices=cards))
    environ = bench.environ
    plan = choose(TranslatorWishes(), machine, scan(shelf), float8(environ), runtime(environ))
    told = check_json(Checked(memory_of(machine.cards), plan=plan))["choice"]
    return {name: told[name] for name in _PLANNED}


def _by_guide(bench: Bench, shelf: Path) -> str:
    """Return the name of the model that the guide's plain order takes, or why none."""
    try:
        return Path(select_model_by_gpu(shelf, policy="guide", environ=bench.environ)).name
    except Bili2TextError as error:
        return error.message
