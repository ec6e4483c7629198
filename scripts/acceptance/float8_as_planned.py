"""Section `float8`: FP8 weights are computed as the plan says, and where that is not as FP8 it says why."""

from __future__ import annotations

from collections.abc import Iterator

from acceptance.bench import Bench
from acceptance.needs import first_peak
from acceptance.values import Asked, Check, Deadline, Found, Row
from bili2text.errors import Bili2TextError
from bili2text.translators.choose import choose
from bili2text.translators.float8 import float8
from bili2text.translators.precision import float8_refusal
from bili2text.translators.select import runtime
from bili2text.translators.values import TranslatorWishes

_MADE = "Qwen3-0.6B"


def float8_as_planned(bench: Bench, deadline: Deadline) -> Iterator[Found]:
    """Plan an FP8 model for this card, run it so, and compare."""
    ready = float8(bench.environ)
    why = float8_refusal(bench.device, ready)
    given = bench.translators.float8(_MADE)
    free = bench.free_now()
    machine = bench.machine(bench.device.free_mib if free is None else free)
    wishes = TranslatorWishes(
        model_path=given.model.path, device=f"cuda:{bench.device.index}", batch_size=8, cpu_fallback=False
    )
    try:
        plan = choose(wishes, machine, (given.model,), ready, runtime(bench.environ))
    except Bili2TextError as error:
        yield Row({"model": given.model.name, "native": not why, "skipped": error.message})
        return
    asked = Asked(
        str(given.model.path), "transformers", plan.precision, (plan.batch_size,), uuid=bench.device.uuid
    )
    ended = bench.translate(asked, max(5.0, deadline.left))
    ran = ended.said.get("precision")
    yield Row({
        "model": given.model.name, "weights": given.weights, "native": not why, "why_not": why,
        "planned": plan.precision, "ran": ran, "need_mib": plan.need_mib, "peak_mib": first_peak(ended),
        "reasons": list(plan.reasons), "wrong": ended.wrong, "cut": ended.cut,
    })  # fmt: skip
    if ended.wrong:
        yield Check("FP8 weights run", held=False, figure=ended.wrong)
    else:
        figure = f"planned {plan.precision}, ran in {ran}"
        yield Check(
            "FP8 weights are computed as planned", None if ran is None else ran == plan.precision, figure
        )
    yield Check(
        "FP8 is planned where it is native, and nowhere else",
        (plan.precision == "float8") == (not why),
        plan.precision,
    )
    if why:
        said = " ".join(plan.reasons)
        yield Check("the plan says why FP8 is not computed as such", why in said, why)
