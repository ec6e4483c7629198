"""A converted model, measured in a fresh process: what it says, how long each sentence takes, its memory."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from bili2text.gpu import allocator
from bili2text.gpu.account import Watching
from bili2text.progress import Stage
from bili2text.remote.model import Program, RemoteModel, card_environment
from bili2text.remote.plain import plain
from bili2text.remote.stats import AccountWish
from bili2text.remote.wire import Frame
from bili2text.remote.words import Words
from bili2text.seq2seq.values import Way
from bili2text.transcribe import ct2_errors
from bili2text.workshop.measures.timing import WARM_UPS, Search, Spoken

Place = Literal["cpu", "cuda"]
_AT_ONCE = 32  # sentences of a request, so that progress is told between two

WORDS = Words(
    "the translator",
    smaller="measure a smaller model",
    other="convert the run again: bili2text workshop quantize RUN --overwrite",
    reinstall='pip install --force-reinstall "bili2text[workshop]"',
    meaning=ct2_errors.meaning,
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured, and where."""

    folder: Path  # for CTranslate2
    device: Place = "cpu"
    threads: int = 1  # of the CPU
    gpu: str = ""  # UUID of the only card it sees; "" on the CPU


@dataclass(frozen=True, slots=True)
class Ready:
    """What a loaded model says of itself."""

    precision: str


@dataclass(frozen=True, slots=True)
class Ask:
    """The request for translations; its answer is a Spoken for each text."""

    way: Way
    texts: tuple[str, ...]
    search: Search
    alone: bool  # one at a time, timed
    warm_ups: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """What was said in each direction, and the most RAM its process held while it translated alone."""

    spoken: Mapping[Way, tuple[Spoken, ...]]
    peak_rss_mib: int | None  # Python and the libraries included; None where the system does not tell
    peak_card_mib: int | None  # beyond what the process had of it before; None: no card, or it does not tell


class MeasuredModel(RemoteModel[Ready]):
    """A model in a process of its own. Close it, or use `with`."""

    def __init__(self, subject: Subject, environ: Mapping[str, str]) -> None:
        """Start the process and load the model. Raises ModelError, RuntimeFailure, OutOfMemory."""
        super().__init__(
            Program("bili2text.workshop.measures.measure_child", WORDS),
            replace(subject, folder=subject.folder.absolute()),
            Ready,
            _environment(environ, subject),
            device=subject.device,
            account=AccountWish(subject.gpu, Watching(), subject.folder) if subject.gpu else None,
        )

    def speak(self, ask: Ask) -> tuple[Spoken, ...]:
        """Return what it makes of each text. Raises what translating raises."""
        return self._said(tuple[Spoken, ...], self._ask(Frame("speak", plain(ask))))


def measure(
    subject: Subject,
    sources: Mapping[Way, Sequence[str]],
    search: Search,
    timed: int,
    environ: Mapping[str, str],
    stage: Stage,
) -> Measured:
    """Return the translations of every source, the first `timed` of each direction one at a time and timed.

    Memory is read when those are done: the rest is translated in batches, which take more. `stage` advances
    by sentences. Raises ModelError, RuntimeFailure, OutOfMemory, DeviceFailure.
    """
    with MeasuredModel(subject, environ) as model:
        found = {
            way: _spoken(model, way, texts[:timed], search, stage, alone=True)
            for way, texts in sources.items()
        }
        stats = model.stats()
        rest = {
            way: _spoken(model, way, texts[timed:], search, stage, alone=False)
            for way, texts in sources.items()
        }
    card = None if stats.taken is None else stats.taken.peak_mib
    return Measured({way: (*found[way], *rest[way]) for way in sources}, stats.peak_rss_mib, card)


def _spoken(
    model: MeasuredModel, way: Way, texts: Sequence[str], search: Search, stage: Stage, *, alone: bool
) -> list[Spoken]:
    found: list[Spoken] = []
    for start in range(0, len(texts), _AT_ONCE):
        some = tuple(texts[start : start + _AT_ONCE])
        warm_ups = WARM_UPS if alone and not start else 0
        found += model.speak(Ask(way, some, search, alone, warm_ups))
        stage.advance(len(some))
    return found


def _environment(environ: Mapping[str, str], subject: Subject) -> dict[str, str]:
    if subject.device == "cpu":
        return {**environ, "CUDA_VISIBLE_DEVICES": ""}
    added = allocator.whisper_environment(environ, sys.platform, total_mib=None)
    return {**environ, **added, **card_environment(environ, subject.gpu)}
