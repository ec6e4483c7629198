"""How many hours of sound a day so many machines transcribe: a simulation, failures included.

    scripts/capacity.py [--hours 1000000] [--mean-minutes 30] [--json FILE]

Each card, or core, has one recording at a time. Recordings are log-normal in length. A worker dies now and
then, loses what it had of its recording, and is replaced; a machine goes away and comes back. What is
measured is read from docs/measurements; what is assumed is named so. `expected` is the same by arithmetic: a
simulation and a formula that agree are less likely to be wrong together.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

_MEASURED = Path(__file__).resolve().parent.parent / "docs" / "measurements"
MADE = _MEASURED / "capacity.json"
_ENGLISH_SECONDS = 366.0  # 6.1 minutes: the "en" of docs/accuracy.md
_HOUR, _DAY = 3600.0, 86_400.0
# realtime factors that the project's guide demands of an RTX 4060; a floor, measured on no card of ours
GUIDE = {"tiny": 50.0, "small": 25.0, "medium": 15.0, "large": 10.0}
_BITS = 100_000  # a second of sound, as Bilibili and YouTube send it (AAC or Opus, about)


@dataclass(frozen=True, slots=True)
class Kind:
    """What does the work, one recording at a time."""

    name: str
    speed: float  # seconds of sound a second
    origin: str


@dataclass(frozen=True, slots=True)
class World:
    """Assumptions; none of them is measured, all of them can be given."""

    mean: float = 1800.0  # seconds of a recording, on average
    spread: float = 1.0  # sigma of the logarithm of its length
    overhead: float = 5.0  # seconds a recording costs beside its sound: sent, opened, surveyed, written
    dies: float = 200.0  # hours between two deaths of a worker
    restart: float = 60.0  # seconds until another one has loaded its model
    away: float = 1000.0  # hours between two losses of its machine
    back: float = 2.0  # hours until that is there again


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a simulation."""

    hours: float  # of sound
    recordings: int
    days: float
    per_day: float  # hours of sound a day, while all had work
    lost: float  # the share of the work that was done twice
    deaths: int


def kinds() -> tuple[Kind, ...]:
    """Return what was measured and what the guide demands."""
    found = json.loads((_MEASURED / "accuracy.json").read_text(encoding="utf-8"))
    cpu = found["results"]["bili2text int8, two passes (its default)"]["en"]["cpu_seconds"]
    core = Kind(
        f"a core ({found['processor']}), base int8", _ENGLISH_SECONDS / cpu, "measured: docs/accuracy.md"
    )
    cards = (
        Kind(f"RTX 4060, {name}", speed, "the guide's floor, not measured") for name, speed in GUIDE.items()
    )
    return (core, *cards)


def expected(kind: Kind, count: int, world: World) -> float:
    """Return the hours of sound a day by arithmetic.

    A recording of s seconds of work takes (exp(rate s) - 1) (1 / rate + pause) seconds on average where what
    is interrupted begins anew (Daly, A higher order estimate of the optimum checkpoint interval, FGCS 2006).
    """
    rate, pause = _harm(world)
    draw = random.Random(0)  # noqa: S311 - an integral
    lengths = [_length(draw, world) for _ in range(200_000)]
    took = sum(_interrupted(one / kind.speed + world.overhead, rate, pause) for one in lengths)
    return count * 24 * sum(lengths) / took


def simulate(kind: Kind, count: int, world: World, hours: float, seed: int = 1) -> Outcome:
    """Return what `count` of a kind make of a list of so many hours, worked through to its end."""
    draw = random.Random(seed)  # noqa: S311
    # the same list whatever befalls it
    todo = _lengths(random.Random(f"list {seed}"), world, hours * _HOUR)  # noqa: S311
    again: list[float] = []
    free = [(0.0, number) for number in range(count)]
    done = spent = wasted = ends = 0.0
    recordings = deaths = 0
    first_idle = math.inf
    while free:
        now, number = heapq.heappop(free)
        length = again.pop() if again else next(todo, None)
        if length is None:
            first_idle = min(first_idle, now)
            continue
        took = length / kind.speed + world.overhead
        dies, away = draw.expovariate(1 / (world.dies * _HOUR)), draw.expovariate(1 / (world.away * _HOUR))
        if min(dies, away) < took:
            deaths += 1
            pause = world.restart if dies < away else world.back * _HOUR
            again.append(length)
            took = min(dies, away)
            wasted += took
            heapq.heappush(free, (now + took + pause, number))
        else:
            recordings += 1
            done += length
            heapq.heappush(free, (now + took, number))
            ends = max(ends, now + took)
        spent += took
    # the last recordings are done while others stand idle: their time is no measure of the speed
    busy = min(first_idle, ends)
    per_day = done / _HOUR / (ends / _DAY) if busy <= 0 else done / _HOUR / (busy / _DAY)
    return Outcome(done / _HOUR, recordings, ends / _DAY, per_day, wasted / spent if spent else 0.0, deaths)


def rows(hours: float, world: World) -> list[dict[str, Any]]:
    """Return what some clusters do, simulated and reckoned."""
    core, tiny, small, medium, large = kinds()
    asked = [(core, 4), (core, 64), (core, 1024), (tiny, 1), (small, 1), (medium, 1), (large, 1)]
    asked += [(large, count) for count in (8, 64, 512, 4096)]
    found = []
    for kind, count in asked:
        # a list of a month's work, at most: the whole of it would take a simulated lifetime on one card
        some = min(hours, 24 * 30 * count * kind.speed)
        seen = simulate(kind, count, world, some)
        reckoned = expected(kind, count, world)
        found.append({"kind": asdict(kind), "count": count, "expected": reckoned, **asdict(seen)})
    return found


def table() -> str:
    """Return the table of docs/scale.md."""
    found = json.loads(MADE.read_text(encoding="utf-8"))
    hours = found["hours"]
    head = (
        "what works", "how many", "speed of each", "from", "audio hours a day", "by arithmetic",
        f"days for {hours:,.0f} h", "done twice",
    )  # fmt: skip
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for row in found["rows"]:
        kind = row["kind"]
        numbers = (f"{row['per_day']:,.0f}", f"{row['expected']:,.0f}", f"{hours / row['per_day']:,.1f}")
        speed = (f"{row['count']:,}", f"{kind['speed']:.1f}x", kind["origin"])
        cells = (kind["name"], *speed, *numbers, f"{100 * row['lost']:.2f} %")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def carried(bits_a_second: float) -> float:
    """Return the hours of sound a day that a line of the driver's can fetch."""
    return bits_a_second / _BITS * 24


def main() -> int:
    """Print JSON, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hours", type=float, default=1_000_000.0)
    parser.add_argument("--mean-minutes", type=float, default=World().mean / 60)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    world = replace(World(), mean=60 * options.mean_minutes)
    found = {
        "made": time.strftime("%Y-%m-%d"),
        "assumed": asdict(world),
        "hours": options.hours,
        "rows": rows(options.hours, world),
    }
    text = json.dumps(found, indent=1) + "\n"
    print(text)
    if options.json:
        options.json.write_text(text, encoding="utf-8")
    return 0


def _lengths(draw: random.Random, world: World, seconds: float) -> Iterator[float]:
    while seconds > 0:
        one = min(_length(draw, world), seconds)
        seconds -= one
        yield one


def _length(draw: random.Random, world: World) -> float:
    return draw.lognormvariate(math.log(world.mean) - world.spread**2 / 2, world.spread)


def _harm(world: World) -> tuple[float, float]:
    """Return how often a worker is interrupted, a second, and the seconds until work goes on, on average."""
    dies, away = 1 / (world.dies * _HOUR), 1 / (world.away * _HOUR)
    rate = dies + away
    return rate, (dies * world.restart + away * world.back * _HOUR) / rate


def _interrupted(seconds: float, rate: float, pause: float) -> float:
    return math.expm1(rate * seconds) * (1 / rate + pause)


if __name__ == "__main__":
    sys.exit(main())
