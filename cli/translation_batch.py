"""`translate --config`: a list of files, by one model, in as many processes as have room."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bili2text.errors import (
    Bili2TextError,
    DependencyError,
    Incomplete,
    RuntimeFailure,
    SourceError,
    UsageError,
)
from bili2text.files import clean_text
from cli.console import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bili2text.progress import Progress
    from bili2text.translating import Translating
    from bili2text.translation_request import Translated, TranslationRequest
    from bili2text.translation_tasks import BatchConfig, BatchPlan, BatchTask
    from bili2text.translators.values import TranslatorPlan


_KINDS = (
    UsageError,
    SourceError,
    DependencyError,
    RuntimeFailure,
)  # of exit codes: why a process did not end well


def batch(values: dict[str, Any]) -> None:
    """Translate every task of a configuration; more than one process where that was asked for and fits.

    Nothing is begun before every task was looked at. Raises UsageError and SourceError, naming the place,
    for what is wrong in the configuration or in what it names; Incomplete when some task failed.
    """
    from bili2text import translation_tasks
    from bili2text.settings import environment
    from bili2text.translating import Translating

    if values["files"]:
        raise UsageError("--config and a FILE were given", hint="name the file in the configuration")
    if values["output_dir"] == "-":
        raise UsageError("a batch has no place on standard output", hint="use a folder with -o")
    config = translation_tasks.read(values["config"])
    if config.model_path is not None:
        values = {**values, "translate_model_path": Path(config.model_path)}
    asked = _requests(config, values)
    progress = console(values["progress"], quiet=values["quiet"])
    translating = Translating(asked[0], progress, environment())
    plan, count = None, 1
    if translating.takes_a_model((task.input, one) for task, one in zip(config.tasks, asked, strict=True)):
        plan = translating.check()
        count = _processes(min(config.num_processes, len(config.tasks)), plan, progress)
    if plan is not None and count > 1:
        words = _words(values, plan, max(1, plan.threads // count))
        _in_processes(_parts(config, asked, count), _planned(plan), words)
    else:
        _in_turn(config, asked, translating, as_json=values["as_json"])


def _requests(config: BatchConfig, values: dict[str, Any]) -> list[TranslationRequest]:
    """Return the request of each task. Raises what is wrong with one, naming it."""
    from bili2text.translation_tasks import check_input
    from cli.translate import wanted

    name = clean_text(values["config"].name)
    asked = []
    for number, task in enumerate(config.tasks, 1):
        try:
            asked.append(_shared(wanted(_values(values, task)), config.plan))
            check_input(task.input)
        except Bili2TextError as error:
            raise type(error)(f"{name}: task {number}: {error.message}", hint=error.hint) from error
    return asked


def _shared(request: TranslationRequest, plan: BatchPlan | None) -> TranslationRequest:
    """Return the request with the plan of its process, which is no wish: a job does not hang on it."""
    if plan is None:
        return request
    path = Path(plan.model_path)
    share = replace(request.wishes, model_path=path, precision=plan.precision, batch_size=plan.batch_size)
    return replace(request, share=share)


def _planned(plan: TranslatorPlan) -> BatchPlan:
    from bili2text.translation_tasks import BatchPlan

    return BatchPlan(str(plan.model.path.absolute()), plan.precision, plan.batch_size)


def _processes(wanted: int, plan: TranslatorPlan | None, progress: Progress) -> int:
    """Return how many processes there are to be; where that is fewer than was wanted, it is said why."""
    if plan is None:
        if wanted > 1:
            progress.warn("a server translates, many sentences at once: one process is enough")
        return 1
    room = max(1, min(wanted, plan.room.mib // max(1, plan.need_mib)))
    if room < wanted:
        progress.warn(f"there is room for {room} of {wanted} processes: {plan.room.arithmetic}")
    return room


def _in_turn(
    config: BatchConfig, asked: Sequence[TranslationRequest], translating: Translating, *, as_json: bool
) -> None:
    from cli.translate import end, report

    outcomes: list[Translated] = []
    try:
        for task, request in zip(config.tasks, asked, strict=True):
            outcomes.append(translating.file(task.input, request))
            report(outcomes[-1], as_json=as_json, alone=len(asked) == 1)
    finally:
        translating.close()
    end(outcomes)


def _parts(config: BatchConfig, asked: Sequence[TranslationRequest], count: int) -> list[BatchConfig]:
    """Return the configuration of each process."""
    from bili2text.translation_tasks import place_of, shares

    places = [place_of(task, one.output.folder) for task, one in zip(config.tasks, asked, strict=True)]
    sizes = [task.input.stat().st_size for task in config.tasks]
    return [
        replace(config, tasks=share, num_processes=1) for share in shares(config.tasks, sizes, places, count)
    ]


def _in_processes(parts: Sequence[BatchConfig], plan: BatchPlan, words: tuple[str, ...]) -> None:
    """Run the program with the words for each part by the plan, all at the same time.

    Raises Incomplete, but the error of all where all ended with the same one.
    """
    from cli.rerun import rerun_all

    # kept where they are found again: an interrupted job is resumed by the command of its process
    files = [_kept(part, plan, words) for part in parts]
    codes = rerun_all([(*words, "--config", str(file)) for file in files], Path.cwd())
    if any(codes):
        same = (kind for kind in _KINDS if set(codes) == {kind.exit_code})
        what = "none of the processes ended" if all(codes) else "some of the processes did not end"
        raise next(same, Incomplete)(f"{what} well", hint="the lines above say why")
    for file in files:
        file.unlink(missing_ok=True)


def _words(values: dict[str, Any], plan: TranslatorPlan, threads: int) -> tuple[str, ...]:
    """Return the words of each process: the user's own, and after them, so that they count, the plan's."""
    from cli.words import spelled_out

    own = spelled_out(tuple(sys.argv[1:]), click.get_current_context(silent=True))
    device = "cpu" if plan.device == "cpu" else f"cuda:{plan.device_index}"
    said = {
        "--threads": str(threads),
        "--device": device,
    }
    if values["progress"] in ("auto", "bar"):  # a terminal has one live line
        said["--progress"] = "plain"
    # one process takes what fits beside the others, and no other model
    return (*own, *(word for pair in said.items() for word in pair), "--no-resident")


def _kept(part: BatchConfig, plan: BatchPlan, words: Sequence[str]) -> Path:
    """Write down what one process is to do; another batch, of the same files otherwise, has another file."""
    from bili2text.files import write_whole
    from bili2text.paths import cache_dir
    from bili2text.settings import environment
    from bili2text.translation_tasks import as_json

    whole = "\0".join((as_json(part), *words))  # the same when only the plan is another
    name = hashlib.sha256(whole.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    path = cache_dir(environment()) / "batches" / f"{name}.json"
    write_whole(path, as_json(replace(part, plan=plan)), overwrite=True)
    return path.absolute()


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
