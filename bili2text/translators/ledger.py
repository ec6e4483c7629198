"""The file that translators' runs are remembered in: it only ever helps."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar, get_args

from bili2text.paths import cache_dir
from bili2text.plan import kept
from bili2text.plan.kept import flag, line, whole
from bili2text.plan.ledger import site_of
from bili2text.translators.learned import Failed, Kind, Learned, Ran
from bili2text.translators.values import Precision

_FORMAT = 1
_RUNS, _FAILED = 900, 100  # the newest are kept
_BYTES = 2 * 1024 * 1024  # more than that many entries ever are
_MIB = 1 << 24
_MANY = 4096  # prompts or beams at once, at most
_PRECISIONS = (*get_args(Precision), "auto")

Entry = TypeVar("Entry", Ran, Failed)


def ledger_file(environ: Mapping[str, str]) -> Path:
    """Return where it is kept; it need not exist."""
    return cache_dir(environ) / "translators.json"


def read(path: Path) -> Learned:
    """Return what the file says; nothing when there is none or it cannot be read. Raises nothing.

    A file with anything in it that we would not have written is put aside as "<name>.broken".
    """
    return kept.read(path, _parsed, Learned(), _BYTES)


def record(path: Path, *, ran: Ran | None = None, failed: Failed | None = None) -> str:
    """Add a run or a failure to the file; return "", or in one line why that could not be. Raises nothing."""

    def text() -> str:
        known = read(path)
        known = known.with_run(ran) if ran else known
        known = known.with_failed(failed) if failed else known
        return _text(known)

    return kept.update(path, text)


def _text(known: Learned) -> str:
    content = {
        "format": _FORMAT,
        "runs": [asdict(one) for one in known.runs[-_RUNS:]],
        "failed": [asdict(one) for one in known.failed[-_FAILED:]],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _parsed(raw: bytes) -> Learned:
    """Return what a file's bytes say. Raises one of the errors that `kept.read` knows."""
    content = json.loads(raw.decode("utf-8"))
    if content["format"] != _FORMAT:
        raise ValueError(content["format"])
    return Learned(_all(content["runs"], _ran, _RUNS), _all(content["failed"], _failure, _FAILED))


def _all(entries: object, read_one: Callable[[dict[str, Any]], Entry], most: int) -> tuple[Entry, ...]:
    if not isinstance(entries, list) or len(entries) > most:
        raise ValueError(type(entries))
    return tuple(read_one(one) for one in entries)


def _ran(one: dict[str, Any]) -> Ran:
    _only(one, Ran)
    return Ran(
        kind=_kind(one["kind"]),
        batch_size=whole(one["batch_size"], _MANY),
        beam_size=whole(one["beam_size"], _MANY),
        mib=whole(one["mib"], _MIB),
        out_of_memory=flag(one["out_of_memory"]),
    )


def _failure(one: dict[str, Any]) -> Failed:
    _only(one, Failed)
    return Failed(_kind(one["kind"]), line(one["why"]))


def _kind(one: dict[str, Any]) -> Kind:
    _only(one, Kind)
    precision = line(one["precision"])
    if precision not in _PRECISIONS:
        raise ValueError(precision)
    return Kind(site_of(one["site"]), line(one["model"]), precision)


def _only(one: dict[str, Any], kind: type[Ran | Failed | Kind]) -> None:
    if set(one) != {field.name for field in fields(kind)}:
        raise ValueError(kind.__name__)
