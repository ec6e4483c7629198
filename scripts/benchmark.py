"""This program and its peers on the same recordings, model and machine, in one go: time, memory and errors.

    scripts/benchmark FOLDER [--quick] [--rounds 5] [--slow-rounds N] [--threads N] [--only NAME,...]
        [--json OUT]
    scripts/benchmark FOLDER --growth [--minutes 1,10,60] [--only NAME,...] [--json OUT]

A FOLDER holds sound with its text beside it: NAME.wav or NAME.flac with NAME.txt, or with NAME.json (a list
of {"start", "end", "text"}); the language is the folder's name or NAME, a code. Each peer has a venv of its
own, made the first time. Every program hears every recording once in a round, in turn, in a process of its
own, after one short run that is not counted. A peer that cannot run is a row with the reason.
With --json the runs are written there, and a picture of them beside it.
"""

from __future__ import annotations

import argparse
import json
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import platformdirs
from accuracy import processor
from benchmarking.programs import PROGRAMS
from benchmarking.recordings import repeated, sounds
from benchmarking.report import growth_table, rounds_table
from benchmarking.trial import Bench, prepare, rounds
from benchmarking.values import CannotRunError, Program, Ready, Run, Sound

import bili2text
from bili2text.errors import Bili2TextError
from bili2text.models.store import Places, find
from bili2text.plan.machine import cores
from bili2text.settings import environment

_GROWTH = "1,10,60"


def main() -> int:
    """Measure, print a table, and write JSON and a picture where asked. Return 1 when nothing ran."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what is running ends with us
    parser = _parser()
    options = parser.parse_args()
    try:
        heard, chosen, bench = _sounds(options.folder), _chosen(options.only), _bench(options)
    except (CannotRunError, Bili2TextError, OSError) as error:
        parser.error(str(error))
    programs, skipped = _prepared(chosen, bench, min(heard, key=lambda sound: sound.seconds))
    about = _about(bench, options.model, heard, programs, skipped)
    if options.growth:
        kind, runs = "growth", _growth(programs, heard, bench, options.minutes)
        wanted = len(programs) * len(_lengths(options.minutes))
    else:
        count = 1 if options.quick else options.rounds
        slow = count if options.slow_rounds is None else min(count, options.slow_rounds)
        kind, runs = "rounds", _told(rounds(programs, heard, bench, count, slow))
        wanted = len(heard) * sum(slow if ready.program.slow else count for ready in programs)
    found = {kind: {**about, "wanted": wanted, "runs": [asdict(run) for run in runs]}}
    print(growth_table(found[kind]) if options.growth else rounds_table(found[kind]))
    if options.json:
        _write(options.json, found)
    return 0 if any(not run.why for run in runs) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slow-rounds", type=int, help="of those that are slow; default: as many")
    parser.add_argument("--threads", type=int, default=cores(), help="default: every core")
    parser.add_argument("--only", default="", help=f"of: {_names()}")
    parser.add_argument("--model", default="base")
    parser.add_argument("--detect", action="store_true", help="do not tell the programs the language")
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds a run may take")
    parser.add_argument("--growth", action="store_true", help="the longest recording again and again instead")
    parser.add_argument("--minutes", default=_GROWTH, help=f"lengths for --growth; default: {_GROWTH}")
    default = platformdirs.user_cache_path("bili2text-benchmark", appauthor=False)
    parser.add_argument("--venvs", type=Path, default=default, help=f"default: {default}")
    parser.add_argument("--json", type=Path)
    return parser


def _sounds(folder: Path) -> tuple[Sound, ...]:
    """Return what is in the folder. Raises CannotRunError where that is nothing to compare by."""
    if not folder.is_dir():
        raise CannotRunError(f"{folder} is no folder")
    heard = sounds(folder)
    if not heard:
        raise CannotRunError(f"{folder} has no .wav or .flac with its text beside it (NAME.txt or NAME.json)")
    return heard


def _chosen(only: str) -> tuple[Program, ...]:
    """Return the programs that are named, or all."""
    names = {name.strip() for name in only.split(",") if name.strip()}
    unknown = names - {one.name for one in PROGRAMS}
    if unknown:
        raise CannotRunError(f"no program is called {min(unknown)}: there are {_names()}")
    return tuple(one for one in PROGRAMS if not names or one.name in names)


def _names() -> str:
    return ", ".join(one.name for one in PROGRAMS)


def _bench(options: argparse.Namespace) -> Bench:
    if min(options.rounds, options.threads, options.limit, *_lengths(options.minutes)) <= 0:
        raise CannotRunError("--rounds, --threads, --limit and --minutes are numbers above 0")
    home = options.venvs.expanduser().resolve()
    home.mkdir(parents=True, exist_ok=True)
    model = find(options.model, Places(home / "cache", None, environment()))
    if model is None:
        raise CannotRunError(f"the model {options.model} is not on this disk")
    return Bench(home, model.path, options.threads, options.limit, options.detect)


def _lengths(minutes: str) -> list[float]:
    try:
        return [float(part) for part in minutes.split(",")]
    except ValueError as error:
        raise CannotRunError(f"--minutes takes numbers with commas, not {minutes}") from error


def _prepared(programs: Sequence[Program], bench: Bench, sound: Sound) -> tuple[list[Ready], dict[str, str]]:
    """Return the programs that can run, and why the others cannot."""
    ready, skipped = [], {}
    for program in programs:
        print(f"{program.name}: a first run ...", file=sys.stderr, flush=True)
        try:
            ready.append(prepare(program, bench, sound))
        except CannotRunError as error:
            skipped[program.name] = str(error)
            print(f"{program.name}: {error}", file=sys.stderr, flush=True)
    return ready, skipped


def _growth(programs: Sequence[Ready], heard: Sequence[Sound], bench: Bench, minutes: str) -> list[Run]:
    """Return one run for each program and length, of the longest recording again and again."""
    longest = max(heard, key=lambda sound: sound.seconds)
    with tempfile.TemporaryDirectory() as place:
        made = [
            repeated(longest, 60 * count, Path(place, f"{count:g} min.wav")) for count in _lengths(minutes)
        ]
        return _told(rounds(programs, made, bench, 1))


def _told(runs: Iterable[Run]) -> list[Run]:
    """Return the runs, each said as it ends; those until then where the user or the system interrupts."""
    kept: list[Run] = []
    with suppress(KeyboardInterrupt):
        for run in runs:
            kept.append(run)
            _tell(run)
    return kept


def _tell(run: Run) -> None:
    rate = f"{100 * run.errors / run.units:.1f} % errors" if run.units and run.errors is not None else ""
    print(
        f"{run.round} {run.sound} {run.program}: CPU {run.cpu:.1f} s, {run.wall:.1f} s, "
        f"{run.rss:.0f} MiB, {run.why or rate} (others {run.others:.1f} cores)",
        file=sys.stderr, flush=True,
    )  # fmt: skip


def _about(
    bench: Bench, model: str, heard: Sequence[Sound], programs: Sequence[Ready], skipped: dict[str, str]
) -> dict[str, Any]:
    """Return on what it was measured."""
    return {
        "measured": time.strftime("%Y-%m-%d"),
        "version": bili2text.__version__,
        "processor": processor(),
        "cores": cores(),
        "threads": bench.threads,
        "system": platform.platform(),
        "python": platform.python_version(),
        "model": model,
        "language": "detected" if bench.detect else "told",
        "sounds": [{"name": s.name, "seconds": round(s.seconds, 1), "language": s.language} for s in heard],
        "versions": {ready.program.name: dict(ready.versions) for ready in programs},
        "skipped": skipped,
    }


def _write(path: Path, found: dict[str, Any]) -> None:
    """Write what was found, beside what the file has of the other kind; and the picture."""
    old = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    path.write_text(json.dumps(old | found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if "rounds" in found:
        from benchmarking.picture import draw

        draw(found["rounds"], path.with_suffix(".svg"))


if __name__ == "__main__":
    sys.exit(main())
