"""What becomes of a list when the cluster that works at it falls apart: workers killed, a machine removed.

    scripts/soak_cluster [--clips 200] [--kills 12] [--killers 2] [--broken 5] [--json FILE]

A Ray cluster of three nodes on this machine, real clips, real workers. Recordings named "lethal" kill whoever
has them: a watcher sees one in a worker's folder and ends that worker, as a library that crashes would. In a
network namespace of its own (`unshare -rn`, with `lo` up) nothing listens outside of it. Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path

from accuracy import processor
from soak import model
from soaking.cluster import LETHAL, Seen, Wanted, harm
from sounds import clips, encode

from bili2text.cluster.drive import ClusterBatch, Pools
from bili2text.lists.manifest import Manifest
from bili2text.lists.rules import Rules
from bili2text.lists.values import Entry
from bili2text.plan.values import Wishes
from bili2text.progress import Silent
from bili2text.request import Output, Request
from bili2text.transcribe.run import Listening

MEASURED = Path(__file__).resolve().parent.parent / "docs" / "measurements" / "cluster.json"
_FORMATS = ("txt", "srt", "json", "report.json")


def main() -> int:
    """Run, print, and write JSON where asked. Return 0 when nothing was lost, doubled or left behind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in ("clips", "kills", "killers", "broken"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Wanted(), name))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    wanted = Wanted(options.clips, options.kills, options.killers, options.broken)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        seen = soak(model(), Path(place), wanted)
    found = {
        "measured": time.strftime("%Y-%m-%d"),
        "machine": processor(),
        "wanted": asdict(wanted),
        **asdict(seen),
    }
    print(json.dumps(found, indent=1, ensure_ascii=False))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0 if sound(seen, wanted) else 1


def table() -> str:
    """Return the table of what was measured, for docs/scale.md."""
    found = json.loads(MEASURED.read_text(encoding="utf-8"))
    wanted, bad = found["wanted"], list(found["bad"].values())
    rows = [
        ("good recordings", wanted["clips"], f"{found['done']} done, {found['twice']} of them twice"),
        ("workers killed at random (SIGKILL)", found["kills"], f"{len(found['missing'])} files missing"),
        (
            "nodes removed",
            found["removed"],
            f"{len(found['wrong_bad'])} recordings taken for what they are not",
        ),
        (
            "recordings that kill their worker",
            wanted["killers"],
            f"{sum('quarantined' in one for one in bad)} quarantined after {found['lethal']} workers in all",
        ),
        ("broken files", wanted["broken"], f"{sum(one.startswith('failed') for one in bad)} named"),
        ("temporary files left", "", str(len(found["litter"]))),
    ]
    lines = ["| what | how many | what came of it |", "|---|---|---|"]
    lines += [f"| {what} | {count} | {came} |" for what, count, came in rows]
    nodes = f"{wanted['nodes']} nodes of {wanted['cpus']} cores, {found['seconds']:.0f} s"
    return "\n".join(lines) + f"\n\nMeasured {found['measured']} on {found['machine']}: {nodes}.\n"


def sound(seen: Seen, wanted: Wanted) -> bool:
    """Return whether every good recording was done once, the bad ones were named, and nothing was left."""
    settled = seen.done == wanted.clips and len(seen.bad) == wanted.killers + wanted.broken
    enough = seen.kills >= wanted.kills and seen.removed == wanted.remove
    return settled and enough and not (seen.twice or seen.missing or seen.wrong_bad or seen.litter)


def soak(folder: Path, place: Path, wanted: Wanted) -> Seen:
    """Return what was seen when a cluster worked through a list while it was taken apart."""
    cache, out = prepared(place), place / "out"
    sources = _sources(place / "in", wanted)
    request = asked(folder, out)
    began = time.monotonic()
    seen = Seen()
    settled: list[Entry] = []
    with cluster(wanted) as (address, remove), Manifest.open(place / "list") as manifest:
        batch = ClusterBatch(
            request, manifest, Rules(), Silent(), os.environ, address, Pools(fetchers=2, ahead=4)
        )
        with closing(batch), harm(cache, wanted, seen, settled, remove):
            batch.add(str(path) for path in sources)
            batch.check()
            settled.extend(batch.run())
        entries = manifest.entries
    seen.seconds = round(time.monotonic() - began, 1)
    _judge(seen, entries, settled, out)
    seen.litter = [str(path.relative_to(place)) for path in _litter(place)]
    return seen


def prepared(place: Path) -> Path:
    """Let everything that is started from here keep its cache below `place`; return that."""
    os.environ |= {
        "BILI2TEXT_CACHE_DIR": str(place / "cache"),
        "HF_HUB_OFFLINE": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": os.pathsep.join((str(Path(__file__).resolve().parents[1]), *sys.path)),
    }
    return place / "cache"


def asked(folder: Path, out: Path) -> Request:
    """Return the request: one thread for each worker, one look at everything."""
    wishes = Wishes(str(folder), device="cpu", beam_size=1, best_of=1, batch_size=1, threads=1)
    return Request(
        (), wishes=wishes, listening=Listening(language="en"), output=Output(str(out), ",".join(_FORMATS[:3]))
    )


def clip_files(folder: Path, count: int) -> list[Path]:
    """Write `count` real clips, no two of the same bytes, and return their paths."""
    spoken = clips("en")
    found = []
    for number in range(count):
        sound_of = spoken[number % len(spoken)]
        path = folder / f"clip{number:03d}.wav"
        encode(path, "pcm_s16le", [sound_of[: len(sound_of) - number]])
        found.append(path)
    return found


def _sources(folder: Path, wanted: Wanted) -> list[Path]:
    """Return good clips, lethal ones and broken files, mixed."""
    folder.mkdir(parents=True)
    paths = clip_files(folder, wanted.clips + wanted.killers)
    for number, path in enumerate(paths[wanted.clips :]):
        paths[wanted.clips + number] = path.rename(folder / f"{LETHAL}{number}.wav")
    draw = random.Random(wanted.seed)  # noqa: S311 - a soak that can be repeated
    for number in range(wanted.broken):
        path = folder / f"broken{number}.wav"
        path.write_bytes(draw.randbytes(4096))
        paths.append(path)
    draw.shuffle(paths)
    return paths


@contextmanager
def cluster(wanted: Wanted) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the address of a cluster on this machine, and what removes a node of it."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": wanted.cpus, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=head)
    nodes = [made.add_node(num_cpus=wanted.cpus) for _ in range(wanted.nodes - 1)]
    try:
        yield str(made.address), lambda: made.remove_node(nodes[-1], allow_graceful=False)
    finally:
        made.shutdown()


def _judge(seen: Seen, entries: tuple[Entry, ...], settled: list[Entry], out: Path) -> None:
    states = {Path(entry.link).stem: entry for entry in entries}
    seen.done = sum(entry.state == "done" for entry in entries)
    times = Counter(entry.place for entry in settled)
    seen.twice = sum(count > 1 for count in times.values())
    for name, entry in states.items():
        good = name.startswith("clip")
        if entry.state != "done":
            seen.bad[name] = f"{entry.state}: {entry.why}".replace(str(Path(entry.link).parent), "...")
        if good != (entry.state == "done") or (name.startswith(LETHAL) and entry.state != "quarantined"):
            seen.wrong_bad.append(name)
        there = [(out / f"{name}.{suffix}").is_file() for suffix in _FORMATS]
        if good and not all(there):
            seen.missing.append(name)
        if not good and any(there):
            seen.litter.append(name)


def _litter(place: Path) -> Iterator[Path]:
    """Yield what should not be there any more."""
    for path in place.rglob("*"):
        half = path.suffix == ".part" or path.suffix == ".here"
        if half or path.parent == place / "cache" / "cluster":
            yield path


if __name__ == "__main__":
    sys.exit(main())
