"""What a second worker is worth: the same list with one and with two, on a cluster of this machine.

    scripts/cluster_speed.py [--clips 24] [--rounds 3] [--json FILE]

Wall seconds from when every worker has done one recording until the last is done, and the CPU seconds of the
workers meanwhile. One thread for each; rounds alternate. CPU seconds tell of a machine that others load, too,
wall seconds only of one that nobody else uses.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psutil
from accuracy import processor
from soak import model
from soak_cluster import asked, cluster, prepared
from soaking.cluster import Wanted
from sounds import clips, encode, with_pauses

from bili2text.cluster.drive import ClusterBatch, Pools
from bili2text.lists.manifest import Manifest
from bili2text.lists.rules import Rules
from bili2text.progress import Silent

MEASURED = Path(__file__).resolve().parent.parent / "docs" / "measurements" / "cluster_speed.json"
_JOINED = 8  # clips of one recording: about half a minute


def main() -> int:
    """Measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    seen: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        sources, seconds = _sources(Path(place) / "in", options.clips)
        for number in range(options.rounds):
            for workers in seen:
                seen[workers].append(once(Path(place) / f"{number}-{workers}", sources, workers))
    wall = {
        workers: round(statistics.median(pair[0] for pair in rounds), 2) for workers, rounds in seen.items()
    }
    cpu = {
        workers: round(statistics.median(pair[1] for pair in rounds), 2) for workers, rounds in seen.items()
    }
    found = {
        "measured": time.strftime("%Y-%m-%d"),
        "machine": f"{processor()}, {os.cpu_count()} cores",
        "load": [round(value, 1) for value in os.getloadavg()],
        "recordings": options.clips,
        "seconds_of_sound": round(seconds, 1),
        "rounds": {str(workers): rounds for workers, rounds in seen.items()},
        "wall": wall,
        "cpu": cpu,
        "efficiency": round(wall[1] / (2 * wall[2]), 3),
        "cpu_ratio": round(cpu[2] / cpu[1], 3),
    }
    print(json.dumps(found, indent=1))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


def table() -> str:
    """Return the table of what was measured, for docs/scale.md."""
    found = json.loads(MEASURED.read_text(encoding="utf-8"))
    lines = ["| workers | wall seconds, median | CPU seconds, median |", "|---|---|---|"]
    lines += [f"| {count} | {found['wall'][count]:.1f} | {found['cpu'][count]:.1f} |" for count in ("1", "2")]
    said = (
        f"{found['recordings']} recordings, {found['seconds_of_sound']:.0f} s of sound, tiny.en in int8, one "
        f"thread a worker. Efficiency of the second worker: {100 * found['efficiency']:.0f} % by wall; "
        f"{found['cpu_ratio']:.2f} times the CPU seconds. Measured {found['measured']} on "
        f"{found['machine']}, which others used meanwhile (load {found['load'][0]})."
    )
    return "\n".join(lines) + f"\n\n{said}\n"


def once(place: Path, sources: list[Path], workers: int) -> tuple[float, float]:
    """Return wall and CPU seconds of the list with so many workers, each on a node of its own."""
    prepared(place)
    began = ended = cpu_before = cpu_after = 0.0
    wanted = Wanted(nodes=workers, cpus=1)
    with cluster(wanted) as (address, _), Manifest.open(place / "list") as manifest:
        request = asked(model(), place / "out")
        batch = ClusterBatch(request, manifest, Rules(), Silent(), os.environ, address, Pools(2, 4))
        with closing(batch):
            batch.add(str(path) for path in sources)
            batch.check()
            for count, entry in enumerate(batch.run(), 1):
                if entry.state != "done":
                    sys.exit(f"{entry.name}: {entry.why}")
                if count == workers:  # everyone has a model loaded now
                    began, cpu_before = time.monotonic(), _cpu()
                if count == len(sources):
                    ended, cpu_after = time.monotonic(), _cpu()
    return round(ended - began, 2), round(cpu_after - cpu_before, 2)


def _cpu() -> float:
    """Return the CPU seconds that the workers and their engines have used so far."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            words = " ".join(process.cmdline())
            if "ray::Hand" in words or "bili2text.transcribe" in words:
                times = process.cpu_times()
                total += times.user + times.system
        except psutil.Error:
            continue
    return total


def _sources(folder: Path, count: int) -> tuple[list[Path], float]:
    folder.mkdir(parents=True)
    spoken = clips("en")
    found, seconds = [], 0.0
    for number in range(count):
        path = folder / f"talk{number:03d}.wav"
        sound = with_pauses([spoken[(number + one) % len(spoken)] for one in range(_JOINED)], 0.5)
        sound = sound[: len(sound) - number]
        encode(path, "pcm_s16le", [sound])
        seconds += len(sound) / 16_000
        found.append(path)
    return found, seconds


if __name__ == "__main__":
    sys.exit(main())
