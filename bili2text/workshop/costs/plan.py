"""What a training will take, before it is begun: memory, steps, hours, disk; and whether it fits at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bili2text.errors import OutOfMemory, UsageError
from bili2text.workshop.costs import arithmetic
from bili2text.workshop.costs.arithmetic import (
    GRADIENT_BYTES,
    MASTER_BYTES,
    STATE_BYTES,
    Disk,
    Work,
)
from bili2text.workshop.costs.cards import OVERHEAD_GIB, Card
from bili2text.workshop.costs.claims import Claim, Row, of_preset, of_student
from bili2text.workshop.costs.remedies import remedies
from bili2text.workshop.costs.shapes import Shape, can_be_trimmed, shape_of, trimmed
from bili2text.workshop.students import STUDENTS
from bili2text.workshop.values import Preset, TrainSettings

LENGTHS = (32, 64, 96, 128, 256, 512)
PAIRS = 5_500_000  # where neither the preset nor the user says how many
LABEL_SAMPLES = 100_000  # of a shard
KS = (8, 16, 32)
TEACHER_PARAMETERS = 1.84e9  # Qwen1.5-1.8B: 24 layers of 2048 and two embeddings of 151,936 (its config.json)
ON_LINE_GIB = 0.02  # how far from the line through the first and the last a third peak may lie
STATES_BYTES = MASTER_BYTES + GRADIENT_BYTES + STATE_BYTES  # of a parameter; no step takes less
PROMPT_TOKENS = 30.0  # around a sentence; assumed

_NO_SETTING = "no setting makes it fit: take a smaller model, or a larger card"

# (shape, settings, lengths, stock) -> (GiB of weights, gradients and Adam's means; GiB for each length)
Measure = Callable[[Shape, TrainSettings, Sequence[int], bool], tuple[float, tuple[float, ...]]]


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What is asked."""

    preset: Preset
    card: Card
    pairs: int | None = None  # None: as the preset says
    tokens: float = arithmetic.MEAN_TOKENS


@dataclass(frozen=True, slots=True)
class Labels:
    """What a teacher's labels take."""

    samples: int  # of all pairs, both directions
    text: float  # bytes of LABEL_SAMPLES
    topk: tuple[tuple[int, float, float], ...]  # k; bytes of LABEL_SAMPLES at mean length, and at the longest
    teacher_flops: float
    teacher_hours: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a training takes."""

    preset: Preset
    card: Card
    shape: Shape
    pairs: int
    tokens: float
    states_gib: float
    rows: tuple[Row, ...]
    work: Work
    hours: tuple[float, float]
    disk: Disk
    labels: Labels | None  # of a student
    claims: tuple[Claim, ...]


def plan(request: PlanRequest, measure: Measure) -> Plan:
    """Return what a training takes. `measure` is train.memory's, which needs torch and no card.

    Raises UsageError for a model whose shape is not known or that reads less than max_tokens, OutOfMemory
    where a batch of the longest sentences does not fit, with the settings that were found to help.
    """
    preset, card = request.preset, request.card
    shape = trimmed(shape_of(preset.model.id), preset.model.trim_vocab)
    if preset.data.max_tokens > shape.positions:
        raise UsageError(
            f"{shape.name} has {shape.positions} positions, fewer than max_tokens = {preset.data.max_tokens}",
            hint=f"set max_tokens = {shape.positions} in the preset"
            + (", or pass --preset student" if shape.name in STUDENTS else ""),
        )
    if request.tokens > preset.data.max_tokens:
        raise UsageError(
            f"{request.tokens:g} tokens on average are more than max_tokens = {preset.data.max_tokens}",
            hint="pass another --mean-tokens",
        )
    lengths = _lengths(preset.data.max_tokens)
    states, ours = _by_length(measure, shape, preset.train, lengths, stock=False)
    if ours[-1] + OVERHEAD_GIB > card.usable_gib:
        raise _too_large(request, shape, ours[-1], measure)
    stock = ours
    if preset.train.loss_chunk:
        stock = _by_length(measure, shape, preset.train, lengths, stock=True)[1]
    rows = tuple(Row(*row) for row in zip(lengths, ours, stock, strict=True))
    pairs = request.pairs or preset.data.wmt19 + preset.data.opus100 or PAIRS
    ways = len(preset.model.directions)
    work = arithmetic.work(shape, preset.train, pairs, ways, request.tokens)
    student = shape.name in STUDENTS
    judged = of_preset(preset.claims, shape, rows, work, ways, card) + (of_student() if student else [])
    return Plan(
        preset=preset,
        card=card,
        shape=shape,
        pairs=pairs,
        tokens=request.tokens,
        states_gib=states,
        rows=rows,
        work=work,
        hours=arithmetic.hours(work.flops, card.peak),
        disk=arithmetic.disk(shape.parameters, preset.train, pairs, request.tokens),
        labels=_labels(request, shape, pairs * ways) if student else None,
        claims=tuple(judged),
    )


def _lengths(longest: int) -> tuple[int, ...]:
    return (*(one for one in LENGTHS if one < longest), longest)


def _by_length(
    measure: Measure, shape: Shape, train: TrainSettings, lengths: tuple[int, ...], *, stock: bool
) -> tuple[float, tuple[float, ...]]:
    """Return what `measure` does, with three lengths measured and the others on their line, if there is one.

    What a step keeps grows with the sentences' tokens: where the three do not lie on a line, something else
    is the peak of some, and all are measured.
    """
    first, last = lengths[0], lengths[-1]
    some = sorted({first, lengths[len(lengths) // 2], last})
    states, found = measure(shape, train, some, stock)
    known = dict(zip(some, found, strict=True))
    slope = (known[last] - known[first]) / max(last - first, 1)
    line = {one: known[first] + slope * (one - first) for one in lengths}
    if any(abs(known[one] - line[one]) > ON_LINE_GIB for one in some):
        rest = [one for one in lengths if one not in known]
        line |= dict(zip(rest, measure(shape, train, rest, stock)[1], strict=True)) if rest else {}
    return states, tuple((line | known).values())


def _too_large(request: PlanRequest, shape: Shape, found: float, measure: Measure) -> OutOfMemory:
    preset, card = request.preset, request.card
    room = card.usable_gib - OVERHEAD_GIB

    def need(other: Preset) -> float:
        own = trimmed(shape_of(other.model.id), other.model.trim_vocab)
        least = own.parameters * STATES_BYTES / 2**30
        return least if least > room else measure(own, other.train, (other.data.max_tokens,), False)[1][0]

    vocab = shape.vocab if can_be_trimmed(shape) else 0
    helping = remedies(preset, vocab, need, room)
    said = "; or ".join(f"{one.words} ({one.gib + OVERHEAD_GIB:.1f} GiB)" for one in helping)
    return OutOfMemory(
        f"{preset.name} takes {found + OVERHEAD_GIB:.1f} GiB for {preset.data.max_tokens} tokens; "
        f"a card of {card.gib:.0f} GiB has {card.usable_gib:.1f}",
        hint=f"it fits with {said}" if said else _NO_SETTING,
    )


def _labels(request: PlanRequest, shape: Shape, samples: int) -> Labels:
    tokens, longest = request.tokens, request.preset.data.max_tokens
    work = arithmetic.teacher_flops(TEACHER_PARAMETERS, 2 * tokens + PROMPT_TOKENS, samples)
    return Labels(
        samples=samples,
        text=arithmetic.text_bytes(tokens) * LABEL_SAMPLES,
        topk=tuple(
            (
                k,
                arithmetic.label_bytes(k, shape.vocab, tokens) * LABEL_SAMPLES,
                arithmetic.label_bytes(k, shape.vocab, longest) * LABEL_SAMPLES,
            )
            for k in KS
        ),
        teacher_flops=work,
        teacher_hours=arithmetic.hours(work, request.card.peak),
    )
