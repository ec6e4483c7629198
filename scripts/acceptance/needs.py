"""Section `needs`: what each translator takes of the card, against what was computed, and how fast it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version

from acceptance.ballast import settled
from acceptance.bench import Bench, remaining
from acceptance.children import Ended
from acceptance.sweep import LEAST, MOST
from acceptance.translators import Given
from acceptance.values import Asked, Check, Deadline, Found, Json, Row
from bili2text.errors import Bili2TextError
from bili2text.translators.float8 import float8
from bili2text.translators.footprint import Footprint, Setting, on_card
from bili2text.translators.precision import refusal

BATCHES = (1, 8, 32)
# Cut from the end when time runs out: what is planned most comes first.
PRECISIONS = ("bfloat16", "int8_bfloat16", "float16", "int8_float16", "float8", "float32")
_CONVERTED = ("int8_bfloat16", "int8_float16")
_FLOAT8 = "Qwen3-4B"
_LONG = 0.9  # of the reply that was reckoned with: shorter ones take less


@dataclass(frozen=True, slots=True)
class _Round:
    """A model in a precision; it is made, or converted, when its turn comes."""

    name: str
    precision: str
    given: Callable[[], Given]


def needs(bench: Bench, deadline: Deadline, precisions: tuple[str, ...] = PRECISIONS) -> Iterator[Found]:
    """Run every translator in every precision that this card is planned in, as far as time goes."""
    before = bench.free_now()
    rounds = [*_rounds(bench, precisions)]
    for number, one in enumerate(rounds):
        deadline.check()
        try:
            given = one.given()
        except Bili2TextError as error:
            yield Row({"model": one.name, "precision": one.precision, "skipped": error.message})
            continue
        yield from _measured(bench, given, one.precision, remaining(deadline, len(rounds) - number))
        if before is not None:
            settled(bench.free_now, before)


def _rounds(bench: Bench, precisions: tuple[str, ...]) -> Iterator[_Round]:
    there = bench.translators
    plain = [*there.plain()]
    for precision in precisions:
        if precision == "float8":
            # made for it alone: only where it is computed as such
            if bench.device.capability >= (8, 9) and float8(bench.environ).ready:
                yield _Round(f"{_FLOAT8}-FP8", precision, lambda: there.float8(_FLOAT8))
            continue
        for given in plain:
            name = given.model.name
            if precision in _CONVERTED:
                yield _Round(name, precision, lambda given=given: there.converted(given))  # type: ignore[misc]
            else:
                yield _Round(name, precision, lambda given=given: given)  # type: ignore[misc]


def _measured(bench: Bench, given: Given, precision: str, seconds: float) -> Iterator[Found]:
    model = given.model
    about = {
        "model": model.name,
        "weights": given.weights,
        "engine": model.engine,
        "precision": precision,
    }
    why = refusal(model, bench.device, precision, float8(bench.environ), version("ctranslate2"))
    computed = {batch: on_card(model, Setting(precision, batch), bench.device.sms) for batch in BATCHES}
    free = bench.free_now()
    able = tuple(batch for batch in BATCHES if free is None or computed[batch].peak <= free)
    if why or not able:
        yield Row({**about, "skipped": why or f"needs {computed[1].peak:.0f} MiB, {free} are free"})
        return
    asked = Asked(str(model.path), model.engine, precision, able, uuid=bench.device.uuid)
    ended = bench.translate(asked, max(5.0, seconds))
    told = ended.said.get("batches", {})
    common = {
        **about, "wrong": ended.wrong, "cut": ended.cut, "runs_in": ended.said.get("precision"),
        "load_seconds": ended.said.get("load_seconds"), "pool": ended.said.get("pool"),
    }  # fmt: skip
    for batch in able:
        yield Row({**common, "batch": batch, **row(computed[batch], told.get(str(batch), {}))})
    label = f"{model.name} in {precision}"
    if ended.wrong:
        yield Check(f"{label}: it runs", held=False, figure=ended.wrong)
    for batch in able:
        yield judged(f"{label}, batch {batch}", computed[batch], told.get(str(batch), {}), asked.reply)


def row(computed: Footprint, said: Json) -> Json:
    """Return the figures of one batch."""
    share = share_of(computed, said)
    return {
        "computed_mib": round(computed.peak), "arithmetic": computed.arithmetic(),
        "peak_mib": said.get("peak_mib"), "origin": said.get("origin"),
        "outside_mib": said.get("outside_mib"), "share": None if share is None else round(share, 3),
        "tokens": said.get("tokens"), "tokens_per_second": said.get("tokens_per_second"),
    }  # fmt: skip


def judged(label: str, computed: Footprint, said: Json, reply: int) -> Check:
    """Return whether a peak lies below what was computed, and near it."""
    share = share_of(computed, said)
    if share is None:
        return Check(f"{label}: the peak is as computed", None, "not measured")
    what = f"{label}: the peak is {LEAST:.0%} to {MOST:.0%} of what was computed"
    figure = f"{share:.1%} of {computed.peak:.0f} MiB"
    if share < LEAST and said["tokens"] < _LONG * reply:
        return Check(what, None, f"{figure}, but no reply had more than {said['tokens']} tokens")
    return Check(what, LEAST <= share <= MOST, figure)


def share_of(computed: Footprint, said: Json) -> float | None:
    """Return the measured peak as a part of the computed one; None when it was not measured."""
    peak = said.get("peak_mib")
    return peak / computed.peak if peak else None


def first_peak(ended: Ended) -> int | None:
    """Return the peak of the smallest batch, or None."""
    told: dict[str, Json] = ended.said.get("batches", {})
    return next((one.get("peak_mib") for one in told.values()), None)
