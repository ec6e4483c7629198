"""What is sent between the one who drives a list and those who work at it, as values. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bili2text import errors
from bili2text.errors import Bili2TextError, RuntimeFailure
from bili2text.lists.values import Place
from bili2text.source.media import Media


@dataclass(frozen=True, slots=True)
class Job:
    """One recording to be transcribed, fetched already."""

    place: Place  # in the list
    key: str  # of its results
    stem: str  # of the names of its files
    media: Media  # its path is one on the driver's machine


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error as it is sent: its class, and what it says."""

    kind: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a job."""

    key: str
    trouble: Trouble | None = None
    written: tuple[str, ...] = ()  # names in the results' place
    seconds: float = 0.0  # of sound
    work: float = 0.0  # seconds it took; 0 where nothing had to be done
    lost: float = 0.0  # seconds of sound that the file should have had
    coverage: float | None = None  # the share (0..1) of speech that has text
    said: tuple[str, ...] = ()  # what a person should know of it


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster, and what it lends."""

    id: str
    address: str
    cpus: float
    gpus: float
    memory_mib: int


@dataclass(frozen=True, slots=True)
class Planned:
    """What a node would run, by its own plan, with nobody else at work there."""

    model: str
    compute_type: str
    batch_size: int
    beam_size: int
    device: str  # "cpu" or "cuda"
    device_name: str
    need_mib: int  # of the card, or of RAM
    card_mib: int = 0  # all of the card's memory; 0 on the CPU
    room_mib: int = 0  # of it, what a plan may use now
    threads: int = 1
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seat:
    """Room for one worker on a node, in what Ray counts."""

    node: str
    cpus: float
    gpus: float = 0.0  # of one card
    memory_mib: int = 0
    planned: Planned | None = None


def trouble_of(error: BaseException) -> Trouble:
    """Return an error as it is sent; one that is none of ours is our mistake, and says so."""
    if isinstance(error, Bili2TextError):
        return Trouble(type(error).__name__, error.message, error.hint)
    return Trouble(
        RuntimeFailure.__name__,
        f"{type(error).__name__}: {error}",
        "this is our mistake, please report it",
    )


def error_of(trouble: Trouble) -> Bili2TextError:
    """Return the error that was sent; of a class that is not known here, a RuntimeFailure."""
    kind: Any = getattr(errors, trouble.kind, None)
    known = isinstance(kind, type) and issubclass(kind, Bili2TextError)
    found: Bili2TextError = (kind if known else RuntimeFailure)(trouble.message, hint=trouble.hint)
    return found
