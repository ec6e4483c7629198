"""What the speech engine's process took, and how its card is to be watched: values both ends know."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bili2text.gpu.account import Watching
from bili2text.gpu.meter import Measured
from bili2text.gpu.monitor import Summary


@dataclass(frozen=True, slots=True)
class AccountWish:
    """Measure what the model takes of a card: the memory pool counts per process, so its process does it."""

    uuid: str  # of the card or slice
    watching: Watching
    folder: Path  # for the log of a watch
    index: int = 0  # CUDA's, in the engine's process; 0 where it is given that card alone


@dataclass(frozen=True, slots=True)
class Ready:
    """What a loaded model says of itself."""

    multilingual: bool
    compute_type: str  # what it computes in, after "default" or "auto" was decided


@dataclass(frozen=True, slots=True)
class EngineStats:
    """What the engine's process took so far."""

    peak_rss_mib: int | None = None  # of RAM, by the whole process; None where the system does not tell
    taken: Measured | None = None  # of the card; None without an AccountWish
    watched: Summary | None = None  # the whole card, where it is watched
    log: Path | None = None  # where the watch writes
