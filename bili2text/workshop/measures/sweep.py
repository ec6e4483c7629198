"""Students of several sizes: trained where they are not yet, converted and measured, and the best chosen."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bili2text.errors import UsageError
from bili2text.files import prove_writable, write_whole
from bili2text.progress import Progress
from bili2text.seq2seq.values import WAYS
from bili2text.workshop.begin import refuse_untrained
from bili2text.workshop.measures import evaluation_text
from bili2text.workshop.measures.choice import Candidate, Choice, candidate, choose
from bili2text.workshop.measures.evaluate import EvaluateRequest, Evaluation, TestSet, evaluate
from bili2text.workshop.measures.evaluation_file import keep, refuse_unwritable
from bili2text.workshop.measures.measure import Place
from bili2text.workshop.measures.picture import picture
from bili2text.workshop.measures.quantize import QuantizeRequest, quantize
from bili2text.workshop.measures.targets import SPECIFIED, Targets
from bili2text.workshop.measures.timing import Search
from bili2text.workshop.run import Run

Train = Callable[[str, Run], None]  # a student's name, and the run its model is to be in
_SMALL = "int8"
_COMPARED = 100  # sentences of a direction that a conversion is compared on
_HEADS = ("run", "test set", "n", "M parameters", "BLEU", "mean ms", "RSS MB", "file MB", "")


@dataclass(frozen=True, slots=True)
class SweepRequest:
    """Which students and runs are compared, and how."""

    out: Path  # a folder: a run for each student, sweep.json, sweep.svg
    sets: tuple[TestSet, ...]  # the first decides
    search: Search
    students: tuple[str, ...] = ()
    runs: tuple[Path, ...] = ()  # that are finished
    devices: tuple[Place, ...] = ("cpu",)
    gpu: str = ""
    threads: int = 1
    timed: int = 200


@dataclass(frozen=True, slots=True)
class Sweep:
    """What came of a sweep."""

    candidates: tuple[Candidate, ...]
    choice: Choice
    evaluations: tuple[Evaluation, ...]


def sweep(
    request: SweepRequest,
    train: Train,
    environ: Mapping[str, str],
    progress: Progress,
    targets: Targets = SPECIFIED,
) -> Sweep:
    """Train, convert and measure what is not yet, and choose; write sweep.json and sweep.svg into `out`.

    A student whose run holds a model is not trained again, so a sweep that was ended goes on with the next.
    Raises UsageError, ModelError for a run that is not finished, before any training, and what training,
    converting and measuring raise.
    """
    runs = _runs(request)
    for folder in request.runs:  # before hours of training, not after
        if not Run(folder).converted(_SMALL).is_dir():
            refuse_untrained(Run(folder))
        refuse_unwritable(folder)
    prove_writable(request.out)
    evaluations = []
    for name, run in runs.items():
        missing = name in request.students and not (run.model / "config.json").is_file()
        trained = name in request.students and not missing
        progress.note(f"sweep: {name}{', trained already' if trained else ''}")
        if missing:
            train(name, run)
        evaluations.append(_measured(run, request, environ, progress, targets))
    candidates = tuple(candidate(one) for one in evaluations)
    found = Sweep(candidates, choose(candidates, targets), tuple(evaluations))
    told = json.dumps(values(found), ensure_ascii=False, indent=1)
    write_whole(request.out / "sweep.json", f"{told}\n", overwrite=True)
    picture(found.candidates, found.choice, targets, request.out / "sweep.svg")
    return found


def values(found: Sweep) -> dict[str, Any]:
    """Return a sweep as one JSON object."""
    best, nearest = found.choice.best, found.choice.nearest
    return {
        "best": best and best.name,
        "nearest": nearest and nearest.name,
        "why": found.choice.why,
        "candidates": [asdict(one) for one in found.candidates],
        "evaluations": [evaluation_text.values(one) for one in found.evaluations],
    }


def text(found: Sweep) -> str:
    """Return a sweep as a table and a line; lines end with a newline."""
    rows = [_row(one, found.choice) for one in found.candidates]
    lines = (*evaluation_text.table([_HEADS, *rows]), "", found.choice.why)
    return "".join(f"{line}\n" for line in lines)


def _row(one: Candidate, choice: Choice) -> tuple[str, ...]:
    figures = one.figures
    mark = "best" if one is choice.best else "nearest" if one is choice.nearest else ""
    return (
        one.name,
        one.test,
        str(one.n),
        f"{one.parameters / 1e6:.1f}",
        f"{figures.bleu:.1f} ±{one.half:.1f}",
        "-" if figures.mean_ms is None else f"{figures.mean_ms:.1f}",
        "-" if figures.peak_mb is None else f"{figures.peak_mb:.0f}",
        f"{figures.weight_mb:.1f}",
        mark,
    )


def _runs(request: SweepRequest) -> dict[str, Run]:
    """Return the runs by name. Raises UsageError for none, or two of one name."""
    named = [(name, Run(request.out / name)) for name in request.students]
    named += [(folder.resolve().name, Run(folder)) for folder in request.runs]
    if not named:
        raise UsageError("there is nothing to compare", hint="--students tiny,small or --runs RUN")
    found = dict(named)
    if len(found) < len(named):
        raise UsageError("two runs have the same name", hint="rename one of the folders")
    return found


def _measured(
    run: Run, request: SweepRequest, environ: Mapping[str, str], progress: Progress, targets: Targets
) -> Evaluation:
    if not run.converted(_SMALL).is_dir():
        pairs = request.sets[0].pairs[:_COMPARED] if request.sets else ()
        sentences = {way: [pair.source(way) for pair in pairs] for way in WAYS}
        quantize(
            QuantizeRequest(run, sentences, max_tokens=request.search.max_tokens, overwrite=True), progress
        )
    asked = EvaluateRequest(
        folder=run.folder,
        sets=request.sets,
        search=request.search,
        devices=request.devices,
        threads=request.threads,
        timed=request.timed,
        gpu=request.gpu,
    )
    found = evaluate(asked, environ, progress, targets)
    keep(found, run.folder)
    return found
