"""What a journal holds: the survey of a recording, what each group of it said, and the steps taken. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bili2text.audio.cuts import Cut
from bili2text.audio.damage import Damage
from bili2text.remote.plain import plain, typed
from bili2text.transcribe.language import Detected
from bili2text.transcribe.run import GroupHeard


@dataclass(frozen=True, slots=True)
class Pin:
    """The part of a plan that decides what is written: a run that goes on keeps to it."""

    model: str
    digest: str  # of model.bin
    compute_type: str
    beam_size: int
    best_of: int
    batch_size: int
    device: str  # "cpu" or "cuda"
    device_name: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of a recording before the first word of it is written."""

    duration: float  # seconds of sound, the silence put in for damage included
    damage: Damage
    cuts: tuple[Cut, ...]
    group_size: int  # chunks of a group; the last may be smaller, and the first
    language: Detected
    pin: Pin
    reasons: tuple[str, ...]  # of the plan
    opening: int = 0  # chunks of the first group, where it is a small one; 0: it is like the others

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return self.groups_with(len(self.cuts))

    def groups_with(self, chunks: int) -> int:
        """Return how many groups hold the first `chunks` chunks."""
        more = max(0, chunks - self._first)
        return (chunks > 0) - (-more // self.group_size)

    def before(self, number: int) -> int:
        """Return how many chunks come before a group."""
        return min(self._first + (number - 1) * self.group_size, len(self.cuts)) if number else 0

    def group(self, number: int) -> tuple[Cut, ...]:
        """Return the cuts of a group, numbered from 0."""
        return self.cuts[self.before(number) : self.before(number + 1)]

    @property
    def _first(self) -> int:
        return self.opening or self.group_size


@dataclass(frozen=True, slots=True)
class Step:
    """A plan that failed, and the one that took its place."""

    group: int  # the first that the new plan listened to
    why: str
    pin: Pin


@dataclass(frozen=True, slots=True)
class Group:
    """What a group said, and its number."""

    number: int
    heard: GroupHeard


Entry = Survey | Group | Step
_KINDS: Mapping[str, type[Entry]] = {"survey": Survey, "group": Group, "step": Step}


def record(entry: Entry) -> dict[str, Any]:
    """Return an entry as JSON values."""
    (kind,) = (name for name, one in _KINDS.items() if isinstance(entry, one))
    return {"kind": kind, "value": plain(entry)}


def entry_of(found: Mapping[str, Any]) -> Entry:
    """Return the entry in a record. Raises ValueError for a record that holds none."""
    kind = _KINDS.get(str(found.get("kind")))
    if kind is None:
        raise ValueError(f"no such record: {found.get('kind')!r}")
    return typed(kind, found.get("value"))
