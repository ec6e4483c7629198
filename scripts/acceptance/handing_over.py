"""Section `handover`: Whisper's process ends, its memory comes back, the translator takes what is free."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

from acceptance.ballast import fill, settled
from acceptance.bench import Bench, remaining
from acceptance.children import Ended
from acceptance.values import Check, Deadline, Errand, Found, Json, Row
from bili2text.gpu.allocator import TORCH_NAMES, TORCH_VALUE
from bili2text.plan import room
from bili2text.plan.values import Wishes
from bili2text.translators.footprint import Setting, on_card

BESIDE, AFTER = "all is free", "room for one"
_RESIDUE_MIB = 64
_SPARE_MIB = 64  # over what the translator alone must have, so that it fits and Whisper beside it does not
_BATCH = 4


def handing_over(bench: Bench, deadline: Deadline) -> Iterator[Found]:
    """Transcribe and translate two recordings where both models fit, and where one of them does."""
    given = bench.translators.smallest()
    whisper, _ = bench.models.folder("base")
    least = room_for_one(bench, given.model.path)
    with bench.ballast() as held, TemporaryDirectory(prefix="handover-") as folder:
        sounds = _twice(bench.sound, Path(folder))
        for number, (label, wanted) in enumerate(((BESIDE, None), (AFTER, least))):
            deadline.check()
            free = bench.free_now() if wanted is None else fill(held, bench.free_now, wanted)
            work = str(Path(folder, f"out-{number}"))
            errand = Errand(
                sounds, str(given.model.path), work, str(whisper), uuid=bench.device.uuid, batch_size=_BATCH
            )
            ended = bench.errand("handover_child", errand, remaining(deadline, 2 - number))
            after = None if free is None else settled(bench.free_now, free - _RESIDUE_MIB)
            yield Row({
                "run": label, "model": given.model.name, "weights": given.weights, "free_mib": free,
                "free_after_exit_mib": after, "wrong": ended.wrong, "cut": ended.cut,
                "events": ended.said.get("events", []), "translated": ended.said.get("translated", []),
            })  # fmt: skip
            yield from judged(label, ended, len(sounds))


def room_for_one(bench: Bench, folder: Path) -> int:
    """Return the MiB to leave free so that the translator has room alone, and not with Whisper beside it."""
    from bili2text.translators.folders import look

    precision = "bfloat16" if bench.device.capability >= (8, 0) else "float16"
    need = ceil(on_card(look(folder), Setting(precision, _BATCH), bench.device.sms).peak) + _SPARE_MIB
    free = need
    while room.on_card(replace(bench.device, free_mib=free), Wishes()).mib < need:
        free += _SPARE_MIB
    return free


def judged(label: str, ended: Ended, recordings: int) -> Iterator[Check]:
    """Yield what must hold of a run: all is translated, and no model is in the other's way."""
    if ended.wrong or ended.cut:
        yield Check(
            f"{label}: it runs", None if ended.cut and not ended.wrong else False, ended.wrong or ended.how
        )
        return
    events, done = ended.said["events"], ended.said.get("translated", [])
    empty = sum(one["lines"] == 0 for one in done)
    figure = f"{len(done)} of {recordings}, {empty} of them without a line"
    yield Check(f"{label}: every recording is translated", len(done) == recordings and not empty, figure)
    steps = [step["why"] for one in done for step in one["steps"]]
    yield Check(f"{label}: what was planned has room", not steps, "; ".join(steps) or "no step down")
    yield from _ordered(label, events)
    yield _told_in_time(label, done, events)


def _ordered(label: str, events: list[Json]) -> Iterator[Check]:
    """Yield whether the two models were on the card one after the other, or side by side as planned."""
    beside = any("side by side" in one["what"] for one in events)
    places = [place for place, one in enumerate(events) if one["what"].startswith("loading ")]
    if not places:
        yield Check(f"{label}: the translator is loaded", held=False, figure="it never was")
        return
    loading = events[places[0]]
    if beside:
        order = [one["what"] for one in events if one["what"] in ("transcribed", "translated")]
        yield Check(
            f"{label}: side by side: Whisper lives on", loading["models"] == 1, f"{loading['models']} models"
        )
        right = order[:2] == ["transcribed", "translated"]
        yield Check(f"{label}: side by side: each is translated at once", right, ", ".join(order))
        return
    what = f"{label}: Whisper's process has ended when the translator is loaded"
    yield Check(what, loading["models"] == 0, f"{loading['models']} models")
    what, before, free = f"{label}: its memory is back", events[0]["free_mib"], loading["free_mib"]
    if before is None or free is None:
        yield Check(what, None, "not measured")
        return
    yield Check(what, before - free <= _RESIDUE_MIB, f"{free} MiB are free, {before} before")
    # on a card with room for both, side by side is what must be seen
    if label == BESIDE:
        yield Check(f"{label}: side by side", None, f"not planned with {before} MiB free")


def _told_in_time(label: str, done: list[Json], events: list[Json]) -> Check:
    """Return whether the process that loads torch was started with its allocator's settings."""
    what = f"{label}: torch's settings are in its process's environment"
    started = [one["environment"] for one in events if "environment" in one]
    if not started or not done or done[0]["engine"] != "transformers" or done[0]["device"] != "cuda":
        return Check(what, None, "torch is not used on a card")
    told = started[0]
    return Check(what, all(told[name] == TORCH_VALUE for name in TORCH_NAMES), str(told))


def _twice(sound: Path, folder: Path) -> tuple[str, ...]:
    """Return two recordings of the one: a list is what side by side is for."""
    return tuple(str(shutil.copy(sound, folder / f"{name}.wav")) for name in ("one", "two"))
