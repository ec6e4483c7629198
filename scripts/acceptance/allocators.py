"""Section `allocators`: who hands out the memory, which variables change that, and what stays behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from acceptance.ballast import settled
from acceptance.bench import Bench, remaining
from acceptance.children import Ended
from acceptance.values import Check, Deadline, Found, Row
from bili2text.gpu.allocator import CT2_ALLOCATOR, TORCH_NAMES, TORCH_VALUE
from bili2text.plan.footprint import Setting

_SETTING = Setting("float16", batch_size=8)
_NOISE_MIB = 32  # the pool grows in blocks of this size
_RESIDUE_MIB = 64
_KEEP_MIB = 4096
ASYNC = {CT2_ALLOCATOR: "cuda_malloc_async"}
Run = tuple[str, Mapping[str, str], int]  # label, environment, MiB to keep in the pool
RUNS: tuple[Run, ...] = (
    ("cuda_malloc_async", ASYNC, 0),
    ("cuda_malloc_async, PYTORCH_ set", {**ASYNC, **dict.fromkeys(TORCH_NAMES, TORCH_VALUE)}, 0),
    ("cub_caching", {CT2_ALLOCATOR: "cub_caching"}, 0),
    ("cuda_malloc_async, pool kept", ASYNC, _KEEP_MIB),
)


def allocators(bench: Bench, deadline: Deadline, runs: tuple[Run, ...] = RUNS) -> Iterator[Found]:
    """Run the same batches under each setting, and look at the card again when the child is gone."""
    folder, _ = bench.models.folder("base")
    task = replace(bench.task(folder, _SETTING), turns=2)
    ended: dict[str, Ended] = {}
    for number, (label, extra, keep) in enumerate(runs):
        deadline.check()
        before = bench.free_now()
        share = max(5.0, remaining(deadline, len(runs) - number))
        one = bench.run("decode_child", replace(task, keep_mib=keep), share, extra)
        ended[label] = one
        after = None if before is None else settled(bench.free_now, before)
        yield _row(label, extra, one, before, after)
        yield Check(f"{label}: it runs", None if one.cut else not one.wrong, one.wrong or one.how)
        if before is not None and after is not None:
            left = before - after
            yield Check(
                f"{label}: the card has its memory back", left <= _RESIDUE_MIB, f"{left} MiB are missing"
            )
    yield from judged(ended)


def judged(ended: Mapping[str, Ended]) -> Iterator[Check]:
    """Yield what the variables must and must not change."""
    plain, torch, _, kept = (ended.get(label) for label, _, _ in RUNS)
    first, second = (one.said.get("measured", {}).get("peak_mib") if one else None for one in (plain, torch))
    what = "PYTORCH_CUDA_ALLOC_CONF changes nothing for CTranslate2"
    if first is None or second is None:
        yield Check(what, None, "not measured")
    else:
        yield Check(what, abs(first - second) <= _NOISE_MIB, f"{first} and {second} MiB")
    pools = [one.said.get("pool_after_mib") if one else None for one in (plain, kept)]
    what = "a kept pool holds what is not in use"
    if not all(pools):
        yield Check(what, None, "not measured")
        return
    idle = [pool["reserved"] - pool["used"] for pool in pools if pool]
    yield Check(what, idle[1] > idle[0], f"{idle[1]} MiB instead of {idle[0]}")


def _row(label: str, extra: Mapping[str, str], one: Ended, before: int | None, after: int | None) -> Row:
    said = one.said
    return Row({
        "run": label, "environment": dict(extra), "wrong": one.wrong, "cut": one.cut,
        "peak_mib": said.get("measured", {}).get("peak_mib"),
        "origin": said.get("measured", {}).get("origin"), "kept": said.get("kept"),
        "decode_seconds": said.get("decode_seconds"),
        "pool_after_mib": said.get("pool_after_mib"), "free_before_mib": before,
        "free_after_close_mib": said.get("free_after_close_mib"), "free_after_exit_mib": after,
    })  # fmt: skip
