"""Section `footprint`: each stage of a few shapes against the formula's part for it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version

from acceptance.ballast import settled
from acceptance.bench import Bench, remaining
from acceptance.values import Check, Deadline, Found, Json, Row
from bili2text.models.weights import read_dims
from bili2text.plan import precision
from bili2text.plan.footprint import Setting, on_card

Shape = tuple[str, str, int]  # model, precision, batch
# Cut from the end when time runs out: what is learned most from comes first.
SHAPES: tuple[Shape, ...] = (
    ("base", "float16", 4),
    ("large-v3", "float16", 4),
    ("large-v3-turbo", "int8_float16", 8),
    ("large-v3", "int8_float16", 1),
    ("small", "float32", 4),
    ("medium", "float16", 8),
)
STAGES = ("load", "encoder", "decoder", "again", "words", "marks")
_ROOM = 1.02  # over a computed part: blocks are rounded up
_BLOCKS_MIB = 8


def footprint(bench: Bench, deadline: Deadline, shapes: tuple[Shape, ...] = SHAPES) -> Iterator[Found]:
    """Measure the stages of every shape this card computes in that precision, as far as time goes."""
    able = [one for one in shapes if not precision.refusal(bench.device, one[1], version("ctranslate2"))]
    before = bench.free_now()
    for number, (name, compute_type, batch) in enumerate(able):
        deadline.check()
        yield from _shape(bench, name, Setting(compute_type, batch), remaining(deadline, len(able) - number))
        if before is not None:
            settled(bench.free_now, before)


def _shape(bench: Bench, name: str, setting: Setting, seconds: float) -> Iterator[Found]:
    folder, real = bench.models.folder(name)
    parts = computed(bench, name, setting)
    ended = bench.run("stages_child", bench.task(folder, setting), max(seconds, 5.0))
    label = f"{name} in {setting.compute_type}, batch {setting.batch_size}"
    stages = taken(ended.said)
    yield Row({
        "model": name, "weights": "real" if real else "random", "compute_type": setting.compute_type,
        "batch": setting.batch_size, "tokens": ended.said.get("tokens"),
        "wrong": ended.wrong, "cut": ended.cut,
        "stages": {stage: {"computed": parts[stage], **stages.get(stage, {})} for stage in STAGES},
    })  # fmt: skip
    if ended.wrong:
        yield Check(f"{label} runs", held=False, figure=ended.wrong)
    for stage in STAGES:
        if stage in stages:
            used = stages[stage]["used"]
            held = used <= parts[stage] * _ROOM + _BLOCKS_MIB
            what = f"{label}: {stage} takes no more than computed"
            yield Check(what, held, f"{used:.0f} of {parts[stage]:.0f} MiB")


def computed(bench: Bench, name: str, setting: Setting) -> dict[str, float]:
    """Return the formula's parts by stage, in MiB; all but `load` on top of it."""
    folder, _ = bench.models.folder(name)
    timed = Setting(
        setting.compute_type,
        setting.batch_size,
        setting.beam_size,
        setting.best_of,
        word_timestamps=True,
        marks=True,
    )
    whole = on_card(read_dims(folder / "model.bin"), timed, bench.device.sms)
    rest = (whole.encoder, whole.decoder, whole.again, whole.words, whole.marks)
    parts = (whole.weights + whole.padding, *rest)
    return {stage: round(mib, 1) for stage, mib in zip(STAGES, parts, strict=True)}


def taken(said: Json) -> dict[str, dict[str, float]]:
    """Return the stages that were measured, each but `load` without what the model holds all the time."""
    seen = {stage: said[stage] for stage in STAGES if said.get(stage)}
    base = seen.get("load", {})
    return {
        stage: {
            kind: round(mib - (0 if stage == "load" else base.get(kind, 0)), 1) for kind, mib in one.items()
        }
        for stage, one in seen.items()
    }
