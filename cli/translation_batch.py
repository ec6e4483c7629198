"""`translate --config`: a list of files, by one model, in as many processes as have room."""

from __future__ import annotations

import hashlib
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bili2text.errors import Incomplete, UsageError
from bili2text.files import clean_text
from cli.console import console

if TYPE_CHECKING:
    from bili2text.progress import Progress
    from bili2text.translation_request import Translated
    from bili2text.translation_tasks import BatchConfig, BatchTask
    from bili2text.translators.values import TranslatorPlan


def batch(values: dict[str, Any]) -> None:
    """Translate every task of a configuration; more than one process where that was asked for and fits.

    Raises UsageError, naming the place, for a wrong configuration; Incomplete when some task failed.
    """
    from bili2text import translation_tasks

    if values["files"]:
        raise UsageError("--config and a FILE were given", hint="name the file in the configuration")
    if values["output_dir"] == "-":
        raise UsageError("a batch has no place on standard output", hint="use a folder with -o")
    config = translation_tasks.read(values["config"])
    if config.model_path is not None:
        values = {**values, "translate_model_path": Path(config.model_path)}
    requests = [_values(values, task) for task in config.tasks]  # each is checked before any is begun
    progress = console(values["progress"], quiet=values["quiet"])
    if config.num_processes > 1:
        _in_processes(config, values, progress)
    else:
        _in_turn(config, requests, progress)


def _in_turn(config: BatchConfig, requests: list[dict[str, Any]], progress: Progress) -> None:
    from bili2text.settings import environment
    from bili2text.translating import Translating
    from cli.translate import end, report, wanted

    asked = [wanted(one) for one in requests]
    translating = Translating(asked[0], progress, environment())
    translating.check()
    outcomes: list[Translated] = []
    try:
        for task, values, request in zip(config.tasks, requests, asked, strict=True):
            outcomes.append(translating.file(task.input, request))
            report(outcomes[-1], as_json=values["as_json"])
    finally:
        translating.close()
    end(outcomes)


def _in_processes(config: BatchConfig, values: dict[str, Any], progress: Progress) -> None:
    """Run a share of the tasks in each of several processes, all with the one plan that has room for all."""
    from bili2text.translation_tasks import as_json, shares
    from cli.rerun import rerun, worst

    wanted = min(config.num_processes, len(config.tasks))
    plan, count = _plan_for(wanted, values, progress)
    if count < wanted:
        progress.warn(f"there is room for {count} of {wanted} processes: {plan.room.arithmetic}")
    sizes = [_size(task) for task in config.tasks]
    parts = [replace(config, tasks=share, num_processes=1) for share in shares(config.tasks, sizes, count)]
    # kept where they are found again: an interrupted job is resumed by the command of its process
    files = [_kept(as_json(part)) for part in parts]
    threads = max(1, plan.threads // count)
    with ThreadPoolExecutor(count) as pool:
        codes = list(pool.map(lambda file: rerun(_command(file, plan, threads), Path.cwd()), files))
    code = worst(codes)
    if code:
        raise Incomplete("some of the processes did not end well", hint="the lines above say why")
    for file in files:
        file.unlink(missing_ok=True)


def _plan_for(wanted: int, values: dict[str, Any], progress: Progress) -> tuple[TranslatorPlan, int]:
    """Return the plan that leaves room for as many processes as were wanted, or as there is room for."""
    from bili2text.settings import environment
    from bili2text.translator_planning import TranslatorPlanner
    from cli.translate import wanted as request_of

    planner = TranslatorPlanner(
        request_of({**values, "translate": values["translate"] or "en"}), progress, environment()
    )
    plan = planner.plan()
    return plan, max(1, min(wanted, plan.room.mib // max(1, plan.need_mib)))


def _command(part: Path, plan: TranslatorPlan, threads: int) -> tuple[str, ...]:
    """Return the words of one process: the user's own, and after them, so that they count, the plan's."""
    from cli.words import spelled_out

    own = spelled_out(tuple(sys.argv[1:]), click.get_current_context(silent=True))
    device = "cpu" if plan.device == "cpu" else f"cuda:{plan.device_index}"
    said = {
        "--config": str(part),
        "--model-path": str(plan.model.path.absolute()),
        "--precision": plan.precision,
        "--batch-size": str(plan.batch_size),
        "--threads": str(threads),
        "--device": device,
    }
    return (*own, *(word for pair in said.items() for word in pair))


def _kept(text: str) -> Path:
    from bili2text.files import write_whole
    from bili2text.paths import cache_dir
    from bili2text.settings import environment

    name = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    path = cache_dir(environment()) / "batches" / f"{name}.json"
    write_whole(path, text, overwrite=True)
    return path


def _values(values: dict[str, Any], task: BatchTask) -> dict[str, Any]:
    """Return the values of the options with what a task says in their place."""
    from cli.translation_options import LAYOUTS

    if task.layout is not None and task.layout not in LAYOUTS:
        raise UsageError(
            f"no such layout: {clean_text(task.layout)}", hint=f"choose from {', '.join(LAYOUTS)}"
        )
    said = {
        "translate": task.to,
        "source_language": task.source,
        "layout": task.layout,
        "output_format": task.output_format,
        "output_dir": task.output_dir,
        "glossary": Path(task.glossary) if task.glossary else None,
    }
    return {**values, **{name: value for name, value in said.items() if value is not None}}


def _size(task: BatchTask) -> int:
    try:
        return task.input.stat().st_size
    except OSError:  # its share says so
        return 0
