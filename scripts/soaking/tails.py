"""Journals as crashes and bad disks leave them: what is made of them must be what was said."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from soaking.inside import kept_engine, refusal
from soaking.job import Job

_REACH = 3  # lines from the end in which damage begins, mostly


@dataclass(slots=True)
class Tails:
    """What became of them."""

    tried: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    wrong: int = 0  # other files than without the damage
    failed: int = 0
    examples: list[str] = field(default_factory=list)


def damaged_tails(job: Job, wanted: int, seed: int) -> Tails:
    """Damage a finished journal that many times, run its command again, and compare the files."""
    chance = random.Random(seed)  # noqa: S311 - places, no secrets
    request, environ = job.request(), job.environ
    found = Tails()
    with kept_engine(request, environ):
        job.forget()
        if why := refusal(request, environ):
            raise RuntimeError(f"an undisturbed run failed: {why}")
        expected, journal = job.outputs(), job.journal()
        if journal is None:
            raise RuntimeError("a finished run left no journal")
        whole = journal.read_bytes()
        for number in range(wanted):
            kind = list(_DAMAGE)[number % len(_DAMAGE)]
            journal.write_bytes(_DAMAGE[kind](whole, chance))
            for path in job.folder.iterdir():
                path.unlink()
            found.tried += 1
            found.kinds[kind] = found.kinds.get(kind, 0) + 1
            if why := refusal(request, environ):
                found.failed += 1
                found.examples.append(f"{kind}: {why}")
            elif job.outputs() != expected:
                found.wrong += 1
                found.examples.append(f"{kind}: other files, number {number}")
    return found


def _place(whole: bytes, chance: random.Random) -> int:
    """Return a place in the file: three times in four in its last lines."""
    lines = whole.splitlines(keepends=True)
    first = len(whole) - sum(map(len, lines[-_REACH:])) if chance.random() < 0.75 else 0
    return chance.randrange(first, len(whole))


def _torn(whole: bytes, chance: random.Random) -> bytes:
    return whole[: _place(whole, chance)]


def _flipped(whole: bytes, chance: random.Random) -> bytes:
    at = _place(whole, chance)
    return whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :]


def _doubled(whole: bytes, chance: random.Random) -> bytes:
    return whole + whole[_place(whole, chance) :]


def _line_doubled(whole: bytes, chance: random.Random) -> bytes:
    lines = whole.splitlines(keepends=True)
    at = chance.randrange(len(lines))
    return b"".join([*lines[: at + 1], lines[at], *lines[at + 1 :]])


def _swapped(whole: bytes, chance: random.Random) -> bytes:
    lines = whole.splitlines(keepends=True)
    first, second = chance.sample(range(1, len(lines)), 2)
    lines[first], lines[second] = lines[second], lines[first]
    return b"".join(lines)


def _missing(whole: bytes, chance: random.Random) -> bytes:
    lines = whole.splitlines(keepends=True)
    del lines[chance.randrange(len(lines))]
    return b"".join(lines)


def _zeroed(whole: bytes, chance: random.Random) -> bytes:
    at = _place(whole, chance)
    return whole[:at] + bytes(len(whole) - at)


def _junk(whole: bytes, chance: random.Random) -> bytes:
    at = _place(whole, chance)
    return whole[:at] + chance.randbytes(chance.randrange(1, 200)) + whole[at:]


_DAMAGE: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "torn": _torn,
    "bit flipped": _flipped,
    "tail twice": _doubled,
    "line twice": _line_doubled,
    "lines swapped": _swapped,
    "line missing": _missing,
    "zeroed": _zeroed,
    "junk put in": _junk,
}
