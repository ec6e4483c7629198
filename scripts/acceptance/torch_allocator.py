"""Section `torch`: that torch knows its allocator's settings from the start, and what they change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from acceptance.ballast import settled
from acceptance.bench import Bench, remaining
from acceptance.children import Ended
from acceptance.values import Asked, Check, Deadline, Found, Row
from bili2text.gpu.allocator import TORCH_NAMES, TORCH_VALUE

_BATCHES = (1, 32, 4)  # a large one between two small ones: what is not used again shows
_RESIDUE_MIB = 64
OURS = "as the program sets it"
# an empty value is one the user has set, so that ours is not added; torch takes it for its own defaults
RUNS: Mapping[str, Mapping[str, str]] = {
    OURS: {},
    "expandable segments alone": dict.fromkeys(TORCH_NAMES, "expandable_segments:True"),
    "torch's own": dict.fromkeys(TORCH_NAMES, ""),
}


def torch_allocator(
    bench: Bench, deadline: Deadline, runs: Mapping[str, Mapping[str, str]] = RUNS
) -> Iterator[Found]:
    """Run the same batches under each setting, and look at the card again when the child is gone."""
    model = next(bench.translators.plain()).model
    asked = Asked(str(model.path), "transformers", "auto", _BATCHES, uuid=bench.device.uuid)
    for number, (label, extra) in enumerate(runs.items()):
        deadline.check()
        before = bench.free_now()
        ended = bench.translate(asked, max(5.0, remaining(deadline, len(runs) - number)), extra)
        after = None if before is None else settled(bench.free_now, before)
        yield Row({
            "run": label, "model": model.name, "wrong": ended.wrong, "cut": ended.cut,
            **{name: ended.said.get(name) for name in ("environment", "settings", "pool", "batches")},
            "free_before_mib": before, "free_after_exit_mib": after,
        })  # fmt: skip
        yield Check(f"{label}: it runs", None if ended.cut else not ended.wrong, ended.wrong or ended.how)
        if before is not None and after is not None:
            left = before - after
            yield Check(
                f"{label}: the card has its memory back", left <= _RESIDUE_MIB, f"{left} MiB are missing"
            )
        if label == OURS:
            yield from judged(ended)


def judged(ended: Ended) -> Iterator[Check]:
    """Yield whether torch was told in time, and says so itself."""
    what = "torch's settings are there before torch is"
    there = ended.said.get("environment") or {}
    if "torch_was_loaded" not in ended.said or not any(there.values()):
        yield Check(what, None, "no card: none are set")
    else:
        right = all(there.get(name) == TORCH_VALUE for name in TORCH_NAMES)
        yield Check(what, right and not ended.said["torch_was_loaded"], str(there))
    told = ended.said.get("settings") or {}
    what = "torch says that it uses them"
    if "expandable_segments" not in told:
        yield Check(what, None, "it does not tell")
        return
    yield Check(what, bool(told["expandable_segments"]), str(told))
