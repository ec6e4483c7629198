"""A recording of hours: how much memory it takes, whether all of it is heard, and whether its times drift.

    nice python scripts/long.py [--hours 0.25,0.5,1] [--threads 2] [--json FILE]

The file is an m4a, in every minute real English clips, then noise, then silence. It begins and ends with
the same clip, alone between silences; by how much more its cue is late at the end is the drift.
The memory is that of the program and of its speech engine's process, looked at twice a second.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from accuracy import processor
from noise import folder_of
from sounds import clips, encode, silence, white, with_pauses

from bili2text.audio.waveform import SAMPLE_RATE, Samples

MEASURED = Path(__file__).resolve().parent.parent / "docs" / "measurements" / "long.json"
_ALONE = 15.0  # seconds of silence around the first and the last clip
_MINUTE = 60 * SAMPLE_RATE
_NOISE = 20.0  # seconds in every minute
_LOOK = 0.5  # seconds between two looks at the memory
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Sample:
    """The memory held at a moment."""

    seconds: float
    program: float  # MiB
    engine: float  # MiB


@dataclass(frozen=True, slots=True)
class Long:
    """What was seen of one length."""

    hours: float
    seconds: float  # of work, loading included
    speed: float
    program_peak_mib: float
    engine_peak_mib: float
    program_slope: float  # MiB an hour of sound, in the second half of the listening
    engine_slope: float
    coverage: float
    gap_seconds: float
    repeated: int
    doubtful_chunks: int
    chunks: int
    drift: float  # seconds


def main() -> int:
    """Measure each length, print it, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hours", default="0.25,0.5,1")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = []
    for hours in map(float, options.hours.split(",")):
        with tempfile.TemporaryDirectory() as place:
            found = measured(hours, options.threads, Path(place))
        print(asdict(found), flush=True)
        results.append(asdict(found))
    if options.json:
        about = {"measured": time.strftime("%Y-%m-%d"), "machine": processor(), "model": "tiny.en, int8"}
        options.json.write_text(json.dumps({**about, "results": results}, indent=1) + "\n", encoding="utf-8")
    return 0


def measured(hours: float, threads: int, place: Path) -> Long:
    """Make a file of that length, transcribe it, and return what was seen."""
    fox = clips("en")[-1]
    sound = encode(place / "long.m4a", "aac", recording(hours * 3600, fox), bit_rate=48_000)
    command = [sys.executable, "-m", "cli.main", "audio", str(sound), "--model", str(folder_of("tiny.en"))]
    options = ["--threads", str(threads), "--batch-size", "4", "--beam-size", "1", "-o", str(place / "out")]
    began = time.monotonic()
    with (place / "log.txt").open("wb") as log:
        running = subprocess.Popen(
            [*command, *options, "--progress", "none"],
            stdout=log,
            stderr=log,
            env={**os.environ, "BILI2TEXT_CACHE_DIR": str(place / "cache"), "PYTHONPATH": ":".join(sys.path)},
        )
        samples = list(_watched(running, began))
    if running.returncode:
        raise SystemExit((place / "log.txt").read_text(encoding="utf-8"))
    report = json.loads((place / "out" / "long.report.json").read_text(encoding="utf-8"))
    return Long(
        hours,
        round(samples[-1].seconds, 1),
        round(hours * 3600 / samples[-1].seconds, 1),
        round(max(one.program for one in samples), 1),
        round(max(one.engine for one in samples), 1),
        _slope(samples, "program", hours),
        _slope(samples, "engine", hours),
        report["speech"]["coverage"],
        report["gaps"]["seconds"],
        report["cues"]["repeated"],
        report["chunks"]["doubtful"],
        report["chunks"]["heard"],
        _drift(place / "out" / "long.json", hours * 3600, fox),
    )


def recording(seconds: float, fox: Samples) -> Iterator[Samples]:
    """Yield the sound of a file of that length, a minute at a time."""
    chance = np.random.default_rng(3)
    alone = np.concatenate([silence(_ALONE), fox, silence(_ALONE)])
    yield alone
    spoken = clips("en")
    left = round(seconds * SAMPLE_RATE) - 2 * len(alone)
    while left > 0:
        order = [spoken[number] for number in chance.permutation(len(spoken))]
        minute = np.concatenate([with_pauses(order, 0.7), white(_NOISE, chance, 0.01), silence(60.0)])
        yield minute[: min(_MINUTE, left)]
        left -= _MINUTE
    yield alone


def long_table() -> str:
    """Return the table of what was measured, for docs/reliability.md."""
    found = json.loads(MEASURED.read_text(encoding="utf-8"))
    lines = [
        "| hours | speed | peak RAM of the program | of the engine | growth an hour | with text | drift |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in found["results"]:
        growth = f"{one['program_slope']:+.1f} and {one['engine_slope']:+.1f} MiB"
        peaks = f"{one['program_peak_mib']:.0f} MiB | {one['engine_peak_mib']:.0f} MiB"
        said = f"{100 * one['coverage']:.2f} % | {one['drift']:+.3f} s"
        lines.append(f"| {one['hours']:g} | {one['speed']:.0f}x | {peaks} | {growth} | {said} |")
    longest = max(one["hours"] for one in found["results"])
    rest = "" if longest >= 10 else f" Longer than {longest:g} h: not measured."
    about = f"{found['model']}, batch 4, {found['machine']}, {found['measured']}."
    return "\n".join(lines) + f"\n\n{about}{rest}\n"


def _watched(running: subprocess.Popen[bytes], began: float) -> Iterator[Sample]:
    """Yield the memory of a program and its child until it ends."""
    program = psutil.Process(running.pid)
    while running.poll() is None:
        with suppress(psutil.Error):
            engine = sum(child.memory_info().rss for child in program.children(recursive=True))
            yield Sample(time.monotonic() - began, program.memory_info().rss / _MIB, engine / _MIB)
        time.sleep(_LOOK)


def _slope(samples: list[Sample], name: str, hours: float) -> float:
    """Return the growth in MiB for an hour of sound, by least squares over the second half."""
    listening = [one for one in samples if one.engine]  # loaded, and not let go yet
    half = listening[len(listening) // 2 : -2]
    if len(half) < 3:
        return 0.0
    each = np.polyfit([one.seconds for one in half], [getattr(one, name) for one in half], 1)[0]
    return round(float(each) * samples[-1].seconds / hours, 2)


def _drift(path: Path, seconds: float, fox: Samples) -> float:
    """Return by how much later the last cue is than the first, of the same clip, in seconds."""
    segments: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["segments"]
    last = round(seconds * SAMPLE_RATE) - len(fox) - round(_ALONE * SAMPLE_RATE)
    late: list[float] = [segments[at]["end"] - place for at, place in ((0, _ALONE), (-1, last / SAMPLE_RATE))]
    return round(late[1] - late[0], 3)


if __name__ == "__main__":
    sys.exit(main())
