"""A plan as lines to read, and as values for JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from bili2text.workshop.costs.arithmetic import SHARES, told_hours
from bili2text.workshop.costs.cards import OVERHEAD_GIB
from bili2text.workshop.costs.plan import LABEL_SAMPLES, PROMPT_TOKENS, TEACHER_PARAMETERS, Labels, Plan


def values(plan: Plan) -> dict[str, Any]:
    """Return everything of a plan that JSON can say, its assumptions beside it."""
    return {
        **{key: value for key, value in asdict(plan).items() if key not in ("preset", "shape")},
        "preset": plan.preset.name,
        "settings": asdict(plan.preset),
        "model": {**asdict(plan.shape), "parameters": plan.shape.parameters},
        "assumed": {"overhead_gib": OVERHEAD_GIB, "shares_of_peak": SHARES, "tokens_a_side": plan.tokens},
    }


def text(plan: Plan) -> str:
    """Return a plan as lines, the last one ended."""
    parts = (_model(plan), _memory(plan), _time(plan), _disk(plan), _labels(plan), _claims(plan))
    return "\n\n".join("\n".join(part) for part in map(list, parts) if part) + "\n"


def _model(plan: Plan) -> Iterator[str]:
    train, shape = plan.preset.train, plan.shape
    ways = " and ".join(plan.preset.model.directions)
    size = f"{shape.parameters / 1e6:.1f}M parameters, {shape.vocab:,} tokens"
    yield f"{plan.preset.name}: {shape.name}, {size}, {ways}"
    yield (
        f"batch {train.batch} x {train.accumulate}, {train.precision}, checkpointing "
        f"{'on' if train.checkpointing else 'off'}, {train.optim}, loss "
        + (f"in chunks of {train.loss_chunk} positions" if train.loss_chunk else "as transformers has it")
    )


def _memory(plan: Plan) -> Iterator[str]:
    yield f"Peak memory, GiB; {plan.states_gib:.2f} of it weights, gradients and Adam's means (computed):"
    yield "  tokens a side   this preset   transformers' loss"
    for row in plan.rows:
        yield f"  {row.tokens:>13}   {_fits(row.ours, plan):>11}   {_fits(row.stock, plan):>18}"
    yield (
        f"{OVERHEAD_GIB} of each is assumed, for the CUDA context and what the allocator cannot use. "
        f"A card of {plan.card.gib:.0f} GiB has {plan.card.usable_gib:.1f}; '!': that does not fit."
    )


def _fits(gib: float, plan: Plan) -> str:
    need = gib + OVERHEAD_GIB
    return f"{need:.1f}" + ("!" if need > plan.card.usable_gib else " ")


def _time(plan: Plan) -> Iterator[str]:
    work, (low, high) = plan.work, plan.hours
    yield (
        f"{plan.pairs:,} pairs x {_count(len(plan.preset.model.directions), 'direction')} x "
        f"{_count(plan.preset.train.epochs, 'epoch')} = {work.examples:,} examples, {work.steps:,} steps"
    )
    yield (
        f"{work.flops_per_example / 1e9:.0f} GFLOP an example of {plan.tokens:g} tokens a side, "
        f"{work.flops:.2e} in all"
    )
    whose = "as told" if plan.card.peak_of == "as told" else f"of {plan.card.peak_of}"
    yield (
        f"{told_hours(low)} to {told_hours(high)}, if the card reaches {SHARES[1]:.0%} to {SHARES[0]:.0%} of "
        f"{plan.card.peak:g} TFLOPS ({whose}); assumed, not measured"
    )


def _disk(plan: Plan) -> Iterator[str]:
    disk = plan.disk
    yield (
        f"Disk: {_gb(disk.total)} at most: pairs {_gb(disk.data)}, checkpoints {_gb(disk.checkpoints)} "
        f"({plan.preset.train.keep} kept, one being written), models {_gb(disk.products)}"
    )


def _labels(plan: Plan) -> Iterator[str]:
    labels = plan.labels
    if labels is None:
        return
    yield f"Labels of {labels.samples:,} samples, by {LABEL_SAMPLES:,} of them and in all:"
    yield f"  the teacher's text: {_gb(labels.text)}, {_gb(_all(labels, labels.text))}"
    for k, mean, longest in labels.topk:
        yield (
            f"  {k:>2} likeliest tokens: {_gb(mean)}, {_gb(_all(labels, mean))}; "
            f"if all had {plan.preset.data.max_tokens} tokens {_gb(longest)}, {_gb(_all(labels, longest))}"
        )
    low, high = labels.teacher_hours
    yield (
        f"  a teacher of {TEACHER_PARAMETERS / 1e9:.2f}G parameters reads them in {told_hours(low)} to "
        f"{told_hours(high)} ({labels.teacher_flops:.2e} FLOP; {PROMPT_TOKENS:g} tokens of prompt assumed; "
        "to generate takes longer)"
    )


def _claims(plan: Plan) -> Iterator[str]:
    for one in plan.claims:
        yield f"{one.what}: claimed {one.claimed}; computed {one.computed}; {one.verdict}"


def _all(labels: Labels, some: float) -> float:
    return some * labels.samples / LABEL_SAMPLES


def _gb(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + "s" * (number > 1)
