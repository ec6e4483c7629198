"""The JSON of `batch_retranslate`: what to translate, with which model, in how many processes.

Every path in a BatchConfig is absolute: it may be read again in another folder, or by another process.

{"tasks": ["talk.srt", {"input": "b.json", "output_dir": "out", "to": "en", "from": "zh"}],
 "model_path": "models/Qwen3-4B", "num_processes": 1, "to": "zh"}

The part of each of several processes also says what it computes in, "plan", so that they fit side by side.
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bili2text.captions.read import kind_of
from bili2text.errors import SourceError, UsageError
from bili2text.files import clean_text

MOST_PROCESSES = 64
_BYTES = 64 * 1024 * 1024  # of a configuration; a line for each of a million files
_TEXTS = ("to", "from", "layout", "output_format", "output_dir", "glossary")  # of a task, or of all tasks
_INPUT = "input"
_BESIDE = "source"  # as `output_dir`: where the input is
_STDOUT = "-"
_PLAN = "plan"
_WHOLE = ("tasks", "model_path", "num_processes", _PLAN, *_TEXTS)
_CODE = re.compile(r"\.[a-z]{2,4}([-_][a-z0-9]{2,4})*$", re.IGNORECASE)
_EXAMPLE = 'write {"tasks": ["talk.srt"], "to": "en"}'


@dataclass(frozen=True, slots=True)
class BatchTask:
    """One file to translate, and what is said of it; None is as the command line says."""

    input: Path
    to: str | None = None
    source: str | None = None
    layout: str | None = None
    output_format: str | None = None
    output_dir: str | None = None
    glossary: str | None = None


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What the process of a part is to load. Nobody wished for it: next time it may be another."""

    model_path: str
    precision: str
    batch_size: int


@dataclass(frozen=True, slots=True)
class BatchConfig:
    """A whole batch."""

    tasks: tuple[BatchTask, ...]
    model_path: str | None = None  # None: the choice is automatic
    num_processes: int = 1
    plan: BatchPlan | None = None


def read(path: Path) -> BatchConfig:
    """Return the configuration in a file; relative paths in it are relative to the file.

    Raises SourceError for a file that cannot be read, UsageError, naming the place, for what is wrong in it.
    """
    name = clean_text(path.name)
    try:
        with path.open("rb") as file:
            raw = file.read(_BYTES + 1)
    except OSError as error:
        raise SourceError(f"cannot read {name}: {error.strerror or error}", hint="check the path") from error
    if len(raw) > _BYTES:
        raise UsageError(f"{name} is too large for a list of tasks", hint="split it")
    try:
        found = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name} is not JSON: {clean_text(str(error))}", hint=_EXAMPLE) from error
    return parsed(found, name, path.parent.absolute())


def parsed(found: object, name: str, folder: Path) -> BatchConfig:
    """Return the configuration that JSON values say, its paths below `folder`, which is absolute.

    Raises UsageError, naming the place.
    """
    if not isinstance(found, dict):
        raise UsageError(f"{name}: an object is expected", hint=_EXAMPLE)
    _known(found, _WHOLE, name)
    tasks = found.get("tasks")
    if not isinstance(tasks, list) or not tasks:
        raise UsageError(f'{name}: "tasks" must be a list with something in it', hint=_EXAMPLE)
    usual = {key: _text(found, key, name) for key in _TEXTS}
    count = found.get("num_processes", 1)
    if type(count) is not int or not 1 <= count <= MOST_PROCESSES:
        raise UsageError(f'{name}: "num_processes" must be a whole number from 1 to {MOST_PROCESSES}')
    model = _text(found, "model_path", name)
    return BatchConfig(
        tuple(_task(one, usual, f"{name}: task {number}", folder) for number, one in enumerate(tasks, 1)),
        _placed(model, name, folder),
        count,
        _plan(found.get(_PLAN), f'{name}: "{_PLAN}"', folder),
    )


def check_input(path: Path) -> None:
    """Raise SourceError for an input that is not there, cannot be opened, or is of no kind we read."""
    kind_of(path)
    name = clean_text(path.name)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise SourceError(f"not a plain file: {name}", hint="name a subtitle file")
        path.open("rb").close()
    except OSError as error:
        raise SourceError(f"cannot read {name}: {error.strerror or error}", hint="check the path") from error


def place_of(task: BatchTask, folder: str) -> tuple[str, str]:
    """Return what the files of a task are told by; two of one place might be given the same name.

    `folder` is where they go, as TranslationOutput says it. What may be a language's code, as in
    talk.zh-CN.srt, does not count: a translation loses it.
    """
    where = task.input.parent if folder == _BESIDE else Path(folder).expanduser().absolute()
    return str(where).casefold(), _CODE.sub("", task.input.stem).casefold()


def shares(
    tasks: Sequence[BatchTask], sizes: Sequence[int], places: Sequence[object], count: int
) -> tuple[tuple[BatchTask, ...], ...]:
    """Return the tasks in at most `count` shares of about the same size, each in the order given.

    Tasks of one place stay together: one process tells their files apart, two would not. The largest first,
    to the share that has least so far (Graham, Bounds on Multiprocessing Timing Anomalies, 1969: at most
    4/3 of the best).
    """
    groups: dict[object, list[int]] = {}
    for index, place in enumerate(places):
        groups.setdefault(place, []).append(index)
    weighed = [(sum(sizes[index] for index in group), group) for group in groups.values()]
    loads = [0] * min(count, len(weighed))
    shared: list[list[int]] = [[] for _ in loads]
    for size, group in sorted(weighed, key=lambda one: (-one[0], one[1])):
        least = loads.index(min(loads))
        loads[least] += size
        shared[least] += group
    return tuple(tuple(tasks[index] for index in sorted(share)) for share in shared)


def as_json(config: BatchConfig) -> str:
    """Return a configuration as `read` reads it."""
    tasks = [
        {_INPUT: str(one.input)}
        | {
            key: value
            for key, value in {
                "to": one.to,
                "from": one.source,
                "layout": one.layout,
                "output_format": one.output_format,
                "output_dir": one.output_dir,
                "glossary": one.glossary,
            }.items()
            if value is not None
        }
        for one in config.tasks
    ]
    whole = {
        "tasks": tasks,
        "num_processes": config.num_processes,
        "model_path": config.model_path,
        _PLAN: asdict(config.plan) if config.plan else None,
    }
    return json.dumps({key: value for key, value in whole.items() if value is not None})


def _task(found: object, usual: Mapping[str, str | None], where: str, folder: Path) -> BatchTask:
    if isinstance(found, str):
        found = {_INPUT: found}
    if not isinstance(found, dict):
        raise UsageError(f'{where}: a path, or an object with "input", is expected', hint=_EXAMPLE)
    _known(found, (_INPUT, *_TEXTS), where)
    name = _text(found, _INPUT, where)
    if not name:
        raise UsageError(f'{where}: "input" is missing', hint=_EXAMPLE)
    said = {key: _text(found, key, where) or usual[key] for key in _TEXTS}
    return BatchTask(
        _path(name, where, folder),
        said["to"],
        said["from"],
        said["layout"],
        said["output_format"],
        _folder(said["output_dir"], where, folder),
        _placed(said["glossary"], where, folder),
    )


def _plan(found: object, where: str, folder: Path) -> BatchPlan | None:
    if found is None:
        return None
    if not isinstance(found, dict):
        raise UsageError(f"{where}: an object is expected")
    names = ("model_path", "precision", "batch_size")
    _known(found, names, where)
    path, precision = _text(found, "model_path", where), _text(found, "precision", where)
    size = found.get("batch_size")
    if path is None or precision is None or type(size) is not int or size < 1:
        raise UsageError(f"{where}: all of it is needed: {', '.join(names)}")
    return BatchPlan(str(_path(path, where, folder)), precision, size)


def _folder(text: str | None, where: str, folder: Path) -> str | None:
    if text == _STDOUT:
        raise UsageError(f'{where}: "output_dir" must be a folder: a batch has no standard output')
    return text if text == _BESIDE else _placed(text, where, folder)


def _placed(text: str | None, where: str, folder: Path) -> str | None:
    return None if text is None else str(_path(text, where, folder))


def _path(text: str, where: str, folder: Path) -> Path:
    try:
        return folder / Path(text).expanduser()
    except RuntimeError as error:  # "~nobody/talk.srt"
        raise UsageError(f"{where}: no such home: {clean_text(text)}", hint="write the whole path") from error


def _known(found: Mapping[str, Any], names: Sequence[str], where: str) -> None:
    unknown = sorted(clean_text(str(name)) for name in found.keys() - set(names))
    if unknown:
        raise UsageError(f"{where}: unknown: {', '.join(unknown)}", hint=f"there is {', '.join(names)}")


def _text(found: Mapping[str, Any], key: str, where: str) -> str | None:
    value = found.get(key)
    if value is not None and (not isinstance(value, str) or not value.strip() or "\0" in value):
        raise UsageError(f'{where}: "{key}" must be a text')
    return value
