"""Sections `probe` and `context`: our picture of the card against nvidia-smi's, and what CUDA takes of it."""

from __future__ import annotations

import csv
import shutil
import subprocess
from collections.abc import Iterator

from acceptance.ballast import settled
from acceptance.bench import Bench
from acceptance.values import Check, Deadline, Found, Json, Row
from bili2text.gpu.device import Device
from bili2text.models.weights import read_dims
from bili2text.plan.footprint import Setting, on_card

FIELDS = ("uuid", "name", "memory.total", "memory.free", "driver_version", "compute_cap")
_MOVES = 64  # MiB of free memory that two looks in a row may differ by
_SMALL = Setting("float32", batch_size=1, beam_size=1, best_of=1)


def probe(bench: Bench, deadline: Deadline) -> Iterator[Found]:
    """Compare what we say of the card with what nvidia-smi says."""
    program = shutil.which("nvidia-smi")
    ours = bench.device
    yield Row({"sms": ours.sms, "unknown": list(ours.unknown)})
    if program is None:
        yield Check("the card is as nvidia-smi says", None, "there is no nvidia-smi to ask")
        return
    done = subprocess.run(
        [program, f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader,nounits"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=max(1.0, deadline.left),
        check=False,
    )
    yield from compared(ours, done.stdout)


def compared(ours: Device, said: str) -> Iterator[Found]:
    """Yield a check for each fact that nvidia-smi tells of our card too."""
    rows = [dict(zip(FIELDS, map(str.strip, row), strict=False)) for row in csv.reader(said.splitlines())]
    theirs = next((row for row in rows if row.get("uuid") == ours.uuid), None)
    if theirs is None:
        why = "a slice of a card" if ours.mig else said.strip()[:200]
        yield Check("nvidia-smi lists our card", None if ours.mig else False, why)
        return
    mine = facts(ours)
    for field in FIELDS:
        same = theirs[field] == mine[field]
        if field == "memory.free" and theirs[field].isdigit():
            same = abs(int(theirs[field]) - ours.free_mib) <= _MOVES
        figure = "the same" if field == "uuid" and same else f"{mine[field]}, {theirs[field]}"
        yield Check(f"{field} is as nvidia-smi says", same, figure)


def facts(device: Device) -> Json:
    """Return what we know of a card under nvidia-smi's names."""
    return {
        "uuid": device.uuid,
        "name": device.name,
        "memory.total": str(device.total_mib),
        "memory.free": str(device.free_mib),
        "driver_version": device.driver,
        "compute_cap": ".".join(map(str, device.capability)),
    }


def context(bench: Bench, deadline: Deadline) -> Iterator[Found]:
    """Measure what a bare CUDA context takes, and what CTranslate2 and cuBLAS take outside the pool."""
    before = bench.free_now()
    with bench.ballast():
        within = bench.free_now()
    if before is not None and within is not None:
        yield Row({"bare_context_mib": before - within})
        settled(bench.free_now, before)
    folder, _ = bench.models.folder("base")
    computed = round(on_card(read_dims(folder / "model.bin"), _SMALL, bench.device.sms).context)
    outside: list[int] = []
    for which in ("first", "second"):  # the first may have to translate the kernels for this card
        ended = bench.run("decode_child", bench.task(folder, _SMALL, longest=False), deadline.left)
        measured = ended.said.get("measured", {})
        taken = measured.get("outside_mib")
        outside += [] if taken is None else [int(taken)]
        yield Row({
            "run": which, "wrong": ended.wrong, "load_seconds": ended.said.get("load_seconds"),
            "decode_seconds": ended.said.get("decode_seconds"), "outside_mib": taken,
            "computed_mib": computed,
        })  # fmt: skip
        if ended.wrong:
            yield Check("the engine runs on this card", held=False, figure=ended.wrong)
            return
    held = max(outside) <= computed if outside else None
    seen = f"{max(outside)} of {computed} MiB computed" if outside else "no pool tells"
    yield Check("CUDA, kernels and cuBLAS take no more than the formula says", held, seen)
