"""A plan as a person reads it, and as a program does. Pure."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from bili2text.files import clean_lines
from bili2text.plan.values import Candidate, Plan, Wishes

_MARKS = {"taken": ">", "fits": "+", "too large": "x", "too slow": "x", "ruled out": "-"}


def text(plan: Plan) -> str:
    """Return the tree as it was walked, with the arithmetic of what was taken; lines end with a newline.

    What came from elsewhere (a model's folder, a driver's message) stands in it without control characters.
    """
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
    return "".join(f"{line}\n" for line in clean_lines("\n".join(map(_one_line, lines))))


def values(plan: Plan) -> dict[str, Any]:
    """Return the plan as one JSON object."""
    found = asdict(plan)
    found["footprint"] = (
        None if plan.footprint is None else {**found["footprint"], "peak": plan.footprint.peak}
    )
    return found


def command(
    plan: Plan,
    wishes: Wishes = Wishes(),
    model_dir: Path | None = None,
    *,
    offline: bool = False,
    source: str = "FILE",
) -> tuple[str, ...]:
    """Return the words of a command line that runs this plan while as much memory is free.

    `wishes` are those it was made from, `model_dir` and `offline` where its models were looked for. What the
    decoder is told (prompts, terms) is not among the words.
    """
    on_card = plan.device == "cuda"
    words = ["bili2text", "gpu-transcribe" if on_card else "audio", source]
    words += ["--model", plan.model, "--compute-type", plan.compute_type]
    words += ["--batch-size", str(plan.batch_size)] if wishes.batched else ["--no-batched"]
    words += ["--beam-size", str(plan.beam_size), "--best-of", str(plan.best_of)]
    words += _on_the_card(plan, wishes) if on_card else ["--threads", str(plan.threads)]
    words += _given("--language", wishes.language)
    words += _given("--task", wishes.task, Wishes().task)
    words += ["--word-timestamps"] * plan.word_timestamps
    words += _given("--model-dir", model_dir)
    return (*words, *["--offline"] * offline)


def _on_the_card(plan: Plan, wishes: Wishes) -> list[str]:
    words = ["--gpu", wishes.gpu] if wishes.gpu else ["--device", f"cuda:{plan.device_index}"]
    words += _given("--threads", wishes.threads, Wishes().threads)
    words += [] if wishes.vram_budget_mib is None else ["--vram-budget", f"{wishes.vram_budget_mib}MB"]
    words += ["--reserve", f"{wishes.reserve_mib}MB"] if wishes.reserve_mib else []
    words += [] if wishes.cpu_fallback else ["--no-cpu-fallback"]
    return words + ([] if wishes.auto_optimize else ["--no-auto-optimize"])


def _given(option: str, value: object, usual: object = None) -> list[str]:
    """Return the option with its value, or nothing where that is the usual one."""
    return [] if value == usual else [option, str(value)]


def _one_line(line: str) -> str:
    """Return a line that no name in it, of a folder say, breaks in two."""
    return " ".join(line.splitlines())


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
