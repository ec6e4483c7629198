"""The tables of docs/benchmark.md, from the runs in docs/measurements/benchmark.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarking.values import OURS, Run

MEASURED = Path(__file__).resolve().parents[2] / "docs" / "measurements" / "benchmark.json"
_NONE = "–"
_HOUR = 3600


def rounds_page() -> str:
    """Return what docs/benchmark.md shows of the last comparison."""
    return _page("rounds", rounds_table)


def growth_page() -> str:
    """Return what docs/benchmark.md shows of the last run with longer and longer recordings."""
    return _page("growth", growth_table)


def runs_of(found: Mapping[str, Any]) -> tuple[Run, ...]:
    """Return the runs of one kind, as they were written."""
    return tuple(Run(**row) for row in found["runs"])


def rounds_table(found: Mapping[str, Any]) -> str:
    """Return, for each recording, medians of each program and our share of its time in the same rounds."""
    runs = runs_of(found)
    shown = [_about(found, runs)]
    for sound in found["sounds"]:
        here = [run for run in runs if run.sound == sound["name"]]
        heads = (
            f"{sound['name']}, {_length(sound['seconds'])}", "CPU s", "ours / its CPU", "wall s",
            "ours / its wall", "memory MiB", "first text s", "errors",
        )  # fmt: skip
        shown.append(_table(heads, (_row(name, here) for name in _names(here))))
    return "\n".join([*shown, _versions(found), *_skipped(found)])


def growth_table(found: Mapping[str, Any]) -> str:
    """Return the time for an hour of sound, and the memory, of each program at each length."""
    runs = runs_of(found)
    lengths = sorted({run.seconds for run in runs})
    heads = [f"{_length(s)}: {what}" for s in lengths for what in ("CPU s an hour", "wall s an hour", "MiB")]
    rows = (
        [name, *(cell for seconds in lengths for cell in _growth_cells(name, seconds, runs))]
        for name in _names(runs)
    )
    return "\n".join([_about(found, runs), _table(("", *heads), rows), *_skipped(found)])


def shares(runs: Iterable[Run], program: str, of: Callable[[Run], float]) -> tuple[float, ...]:
    """Return, for each round, our value as a part of the program's; a round that one of them failed in is
    left out."""
    whole = [run for run in runs if not run.why]
    mine = {run.round: of(run) for run in whole if run.program == OURS}
    return tuple(mine[run.round] / of(run) for run in whole if run.program == program and run.round in mine)


def _page(kind: str, table: Callable[[Mapping[str, Any]], str]) -> str:
    found = json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.is_file() else {}
    return table(found[kind]) if kind in found else "not measured\n"


def _about(found: Mapping[str, Any], runs: Sequence[Run]) -> str:
    count = max((run.round for run in runs), default=0)
    others = median(run.others for run in runs) if runs else 0.0
    cut = f"; interrupted after {len(runs)} of {found['wanted']} runs" if len(runs) < found["wanted"] else ""
    rounds = f"{count} round{'s' if count > 1 else ''}"
    return (
        f"Measured {found['measured']}: {found['processor']}, {found['threads']} threads of "
        f"{found['cores']} cores, *{found['model']}*, language {found['language']}, {rounds}; "
        f"other work kept {others:.1f} cores busy (median of the runs){cut}.\n"
    )


def _names(runs: Iterable[Run]) -> tuple[str, ...]:
    """Return the programs, ours first, in the order they were first run."""
    names = dict.fromkeys(run.program for run in runs)
    return tuple(sorted(names, key=lambda name: not name.startswith(OURS)))


def _row(name: str, runs: Sequence[Run]) -> list[str]:
    own = [run for run in runs if run.program == name]
    whole = [run for run in own if not run.why]
    if not whole:
        return [f"{name}: {own[-1].why}", *[_NONE] * 7]
    failed = (
        f" ({len(own) - len(whole)} of {len(own)} failed: {_plain(own)})" if len(whole) < len(own) else ""
    )
    count = max(run.round for run in runs)
    fewer = f" ({len(own)} of {count} rounds)" if len(own) < count else ""
    return [
        name + fewer + failed,
        f"{median(run.cpu for run in whole):.1f}",
        _share(name, shares(runs, name, lambda run: run.cpu)),
        f"{median(run.wall for run in whole):.1f}",
        _share(name, shares(runs, name, lambda run: run.wall)),
        f"{median(run.rss for run in whole):.0f}",
        _first(whole),
        _rate(whole),
    ]


def _plain(runs: Iterable[Run]) -> str:
    return next(run.why for run in runs if run.why)


def _share(name: str, found: Sequence[float]) -> str:
    if not found or name == OURS:
        return _NONE
    span = f" ({min(found):.2f} to {max(found):.2f})" if len(found) > 1 else ""
    return f"{median(found):.2f}{span}"


def _first(runs: Iterable[Run]) -> str:
    seen = [run.first for run in runs if run.first is not None]
    return f"{median(seen):.1f}" if seen else _NONE


def _rate(runs: Iterable[Run]) -> str:
    rates = [100 * run.errors / run.units for run in runs if run.errors is not None and run.units]
    return f"{median(rates):.1f} %" if rates else _NONE


def _growth_cells(name: str, seconds: float, runs: Sequence[Run]) -> Iterator[str]:
    own = [run for run in runs if run.program == name and run.seconds == seconds]
    whole = [run for run in own if not run.why]
    if not whole:
        yield from (own[-1].why if own else _NONE, _NONE, _NONE)
        return
    yield f"{median(run.cpu for run in whole) * _HOUR / seconds:.0f}"
    yield f"{median(run.wall for run in whole) * _HOUR / seconds:.0f}"
    yield f"{median(run.rss for run in whole):.0f}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


def _versions(found: Mapping[str, Any]) -> str:
    said = {
        ", ".join(f"{package} {number}" for package, number in own.items()): None
        for own in found["versions"].values()
    }
    return "Installed, venv by venv: " + "; ".join(said) + ".\n"


def _skipped(found: Mapping[str, Any]) -> Iterator[str]:
    for name, why in found["skipped"].items():
        yield f"- {name} did not run: {why}\n"


def _length(seconds: float) -> str:
    return f"{seconds / 60:.3g} min" if seconds >= 60 else f"{seconds:.0f} s"
