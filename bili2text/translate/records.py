"""What the journal of a translation holds: how it began, each sentence, each group's end, the steps. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Literal

from bili2text.jobs.key import KEY_LENGTH
from bili2text.jobs.lines import canonical
from bili2text.remote.plain import plain, typed
from bili2text.translate.manner import Manner
from bili2text.translate.prompts import VERSION
from bili2text.translate.values import Said, Task

if TYPE_CHECKING:
    from bili2text.subtitles.writers import Json

_FORMAT = 1  # of the journal; another one is another job
# What decides the words. A job done with another version of any of these is begun anew.
_VERSIONS = ("bili2text", "ctranslate2", "tokenizers", "transformers", "torch")


@dataclass(frozen=True, slots=True)
class Pin:
    """The part of a plan that decides what is written: a run that goes on keeps to it."""

    model: str
    digest: str  # of its weights; "" where a server does not say
    engine: str
    precision: str  # what it computes in
    batch_size: int
    device: str  # "cpu" or "cuda"
    device_name: str


@dataclass(frozen=True, slots=True)
class Begin:
    """How a job began. Its groups are made with this batch size to the end."""

    count: int  # sentences that are asked for
    pin: Pin
    reasons: tuple[str, ...] = ()  # of the plan


@dataclass(frozen=True, slots=True)
class Step:
    """A plan that failed, or another batch size, from a group on."""

    group: int  # the first that was asked in the new way
    why: str
    pin: Pin


@dataclass(frozen=True, slots=True)
class Finished:
    """A group of which every sentence is written down."""

    group: int


@dataclass(frozen=True, slots=True)
class Retry:
    """Sentences that are asked for again, in groups of their own after all others."""

    numbers: tuple[int, ...]
    why: Literal["copied", "failed"]  # "copied": it looked good, but is another sentence's translation


Entry = Begin | Said | Step | Finished | Retry
_KINDS: Mapping[str, type[Entry]] = {
    "begin": Begin, "line": Said, "step": Step, "finished": Finished, "retry": Retry,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recalled:
    """What a journal holds."""

    begin: Begin | None  # None: nothing at all
    said: Mapping[int, Said]  # by the sentence's number; the last that was written of it
    finished: int  # groups, from the first on
    steps: tuple[Step, ...]
    retries: tuple[Retry, ...]

    @property
    def pin(self) -> Pin | None:
        """What was used last."""
        if self.begin is None:
            return None
        return self.steps[-1].pin if self.steps else self.begin.pin


def header() -> dict[str, Any]:
    """Return what a journal begins with: a job of other versions is begun anew."""
    return {"kind": "header", "format": _FORMAT, "versions": {name: _version(name) for name in _VERSIONS}}


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


def recall(records: Iterable[Mapping[str, Any]], numbers: Sequence[int]) -> Recalled:
    """Return what the records of a job of these sentences say.

    Raises ValueError, with the reason, for what no run of ours writes: a checksum tells that a line is as it
    was written, not that what was written makes sense.
    """
    entries = [entry_of(one) for one in records]
    begins = [one for one in entries if isinstance(one, Begin)]
    if len(begins) != min(1, len(entries)) or entries[:1] != begins:
        raise ValueError("it does not begin with its only beginning")
    ends = [one.group for one in entries if isinstance(one, Finished)]
    if ends != list(range(len(ends))):
        raise ValueError("a group is out of place")
    lines = {one.number: one for one in entries if isinstance(one, Said)}
    retries = tuple(one for one in entries if isinstance(one, Retry))
    if not set(lines).union(*(one.numbers for one in retries)) <= set(numbers):
        raise ValueError("a sentence that the job has not")
    if begins and (begins[0].count != len(numbers) or begins[0].pin.batch_size < 1):
        raise ValueError(f"{begins[0].count} sentences in batches of {begins[0].pin.batch_size}")
    steps = tuple(one for one in entries if isinstance(one, Step))
    return Recalled(begins[0] if begins else None, lines, len(ends), steps, retries)


def alike(one: Pin, other: Pin) -> bool:
    """Return whether two plans write the same words; a digest that is not known is no other."""
    if is_other(one.digest, other.digest):
        return False
    return replace(one, digest="", device_name="") == replace(other, digest="", device_name="")


def is_other(one: str, other: str) -> bool:
    """Return whether two digests are those of two models: "" is of one that is not known."""
    return bool(one and other) and one != other


def job_key(tasks: Sequence[Task], manner: Manner, wishes: Mapping[str, Json]) -> str:
    """Return the key of a job, 32 hex digits: of its sentences, their context and terms, and of all options.

    `wishes` is what the user asked of the model, not what was chosen: a job that goes on where another model
    would be chosen now stays one job, and its journal says which it began with. Raises ValueError for NaN
    and infinities.
    """
    asked = [
        [task.sentence.number, task.sentence.text, task.before, task.after, plain(task.terms)]
        for task in tasks
    ]
    whole = canonical(
        {"translate": asked, "manner": plain(manner), "prompts": VERSION, "wishes": dict(wishes)}  # type: ignore[dict-item]
    )
    return hashlib.sha256(whole.encode("ascii")).hexdigest()[:KEY_LENGTH]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
