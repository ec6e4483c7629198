"""A plan as a person reads it, and as a program does. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bili2text.plan.values import Candidate, Plan

_MARKS = {"taken": ">", "fits": "+", "too large": "x", "too slow": "x", "ruled out": "-"}


def text(plan: Plan) -> str:
    """Return the tree as it was walked, with the arithmetic of what was taken; lines end with a newline."""
    lines = [_headline(plan), *(f"  {reason}" for reason in plan.reasons)]
    if plan.footprint is not None:
        known = "" if plan.origin == "computed" else f"{plan.need_mib} MiB ({plan.origin}); the formula's: "
        lines.append(f"  {known}{plan.footprint.arithmetic()}")
    for place in dict.fromkeys(one.place for one in plan.walk):
        here = [one for one in plan.walk if one.place == place]
        lines += [
            "",
            f"{place}: {here[0].room_mib} MiB may be used; > taken, + fits, x does not, - ruled out",
        ]
        lines += _table(here)
    return "\n".join(lines) + "\n"


def values(plan: Plan) -> dict[str, Any]:
    """Return the plan as one JSON object."""
    found = asdict(plan)
    found["footprint"] = (
        None if plan.footprint is None else {**found["footprint"], "peak": plan.footprint.peak}
    )
    return found


def command(plan: Plan, source: str = "FILE") -> tuple[str, ...]:
    """Return the words of a command line that runs exactly this plan."""
    if plan.device == "cpu":
        words = ["bili2text", "audio", source]
    else:
        words = ["bili2text", "gpu-transcribe", source, "--device", f"cuda:{plan.device_index}"]
    words += [
        "--model",
        plan.model,
        "--compute-type",
        plan.compute_type,
        "--batch-size",
        str(plan.batch_size),
    ]
    words += ["--beam-size", str(plan.beam_size), "--best-of", str(plan.best_of)]
    if plan.device == "cpu":
        words += ["--threads", str(plan.threads)]
    return (*words, "--word-timestamps") if plan.word_timestamps else tuple(words)


def _headline(plan: Plan) -> str:
    return (
        f"{plan.model}, {plan.compute_type}, batch {plan.batch_size}, beam {plan.beam_size}, "
        f"on {plan.device_name}" + ("" if plan.on_disk else " (to be downloaded)")
    )


def _table(candidates: list[Candidate]) -> list[str]:
    """Return a line for each candidate; what is ruled out for one reason shares a line."""
    width = max(len(one.model) for one in candidates)
    kinds = max(len(one.compute_type) for one in candidates)
    lines = []
    out: dict[str, list[str]] = {}
    for one in candidates:
        if one.verdict == "ruled out" and "would fit" not in one.why:
            out.setdefault(one.why, []).append(one.model)
            continue
        shown = f"{one.model:{width}}  {one.compute_type:{kinds}}  {one.need_mib:6} MiB"
        lines.append(f"  {_MARKS[one.verdict]} {shown}  {one.why}")
    return lines + [f"  - {', '.join(dict.fromkeys(names))}: {why}" for why, names in out.items()]
