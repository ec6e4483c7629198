"""Section `sweep`: the card filled until little is free, a plan for that, and a run of it at its worst."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from acceptance.ballast import NEAR, Ballast, fill, settled
from acceptance.bench import Bench, remaining
from acceptance.children import Ended
from acceptance.values import Check, Deadline, Found, Json, Row
from bili2text.errors import Bili2TextError
from bili2text.plan.values import Candidate, Plan

TARGETS_GIB = (1.2, 1.6, 2.5, 3.0, 4.0, 5.0, 6.0, 7.2, 10.0)
LEAST, MOST = 0.80, 1.00  # of the plan's figure, between which the measured peak shall lie


def sweep(bench: Bench, deadline: Deadline, targets: tuple[float, ...] = TARGETS_GIB) -> Iterator[Found]:
    """Run a plan for each target that the card can be brought to, as far as time goes."""
    with bench.ballast() as held:
        for number, target in enumerate(targets):
            deadline.check()
            yield from _target(bench, held, target, remaining(deadline, len(targets) - number))


def _target(bench: Bench, held: Ballast, target: float, seconds: float) -> Iterator[Found]:
    wanted = round(target * 1024)
    free = fill(held, bench.free_now, wanted)
    if free is None or abs(free - wanted) > 4 * NEAR:
        said = "the driver does not tell" if free is None else f"{free} MiB are free"
        yield Row({"target_gib": target, "skipped": f"the card cannot be brought there: {said}"})
        return
    try:
        plan = bench.planned(free)
    except Bili2TextError as error:
        yield Row({"target_gib": target, "free_mib": free, "skipped": error.message})
        return
    folder, real = bench.models.folder(plan.model)
    ended = bench.run("decode_child", bench.task(folder, plan.setting), max(seconds, 5.0))
    settled(bench.free_now, free - NEAR)  # or the next target is reckoned from what the child still has
    yield Row({"weights": "real" if real else "random", **row(target, free, plan, ended)})
    yield from judged(target, plan, ended)


def row(target: float, free: int, plan: Plan, ended: Ended) -> Json:
    """Return the figures of one run."""
    measured, share = ended.said.get("measured", {}), share_of(plan, ended)
    return {
        "target_gib": target, "free_mib": free, "model": plan.model, "compute_type": plan.compute_type,
        "batch": plan.batch_size, "beam": plan.beam_size, "best_of": plan.best_of,
        "encoder_batch": plan.encoder_batch, "need_mib": plan.need_mib, "room_mib": plan.room.mib,
        "peak_mib": measured.get("peak_mib"), "outside_pool_mib": measured.get("outside_mib"),
        "lowest_free_mib": measured.get("lowest_free_mib"), "origin": measured.get("origin"),
        "share": None if share is None else round(share, 3),
        "tokens": ended.said.get("tokens"), "again": ended.said.get("again"),
        "load_seconds": ended.said.get("load_seconds"), "speed": ended.said.get("speed"),
        "cut": ended.cut, "wrong": ended.wrong, "larger": larger(plan, share),
    }  # fmt: skip


def judged(target: float, plan: Plan, ended: Ended) -> Iterator[Check]:
    """Yield what must hold of a planned run: no failure, and a peak near the plan's figure, never above."""
    label = f"{target} GiB free, {plan.model} in {plan.compute_type}, batch {plan.batch_size}"
    memory = ended.said.get("error") == "OutOfMemory"
    if ended.wrong and not memory:
        yield Check(f"{label}: it runs", held=False, figure=ended.wrong)
    figure = ended.wrong or ("ended for want of time" if ended.cut else "none")
    # a run that broke or was ended before it was over shows nothing of the memory it would have wanted
    held = False if memory else None if ended.wrong or ended.cut else True
    yield Check(f"{label}: no out of memory", held, figure)
    share = share_of(plan, ended)
    if share is None or ended.wrong:
        yield Check(f"{label}: the peak is as planned", None, "not measured")
        return
    what = f"{label}: the peak is {LEAST:.0%} to {MOST:.0%} of the plan's"
    figure = f"{share:.1%} of {plan.need_mib} MiB"
    if share < LEAST and ended.cut:
        yield Check(what, None, f"{figure} until it was ended for want of time")
        return
    yield Check(what, LEAST <= share <= MOST, figure)


def share_of(plan: Plan, ended: Ended) -> float | None:
    """Return the measured peak as a part of the plan's figure; None when it was not measured."""
    peak = ended.said.get("measured", {}).get("peak_mib")
    return None if not peak or not plan.need_mib else peak / plan.need_mib


def larger(plan: Plan, share: float | None) -> Json | None:
    """Return the nearest of the models and precisions preferred to the one taken, and what it lacked.

    `fits_at_this_share`: whether it would have had room, were its need as far below the computed one as this
    run's peak was. None where nothing better was too large.
    """
    better: list[Candidate] = []
    for one in plan.walk:
        if one.verdict == "taken":
            break
        if one.verdict == "too large":
            better.append(one)
    if not better:
        return None
    nearest = min(better, key=lambda one: one.need_mib)
    return {
        "model": nearest.model,
        "compute_type": nearest.compute_type,
        "need_mib": nearest.need_mib,
        "over_room_mib": nearest.need_mib - nearest.room_mib,
        "fits_at_this_share": None if share is None else ceil(nearest.need_mib * share) <= plan.room.free_mib,
    }
