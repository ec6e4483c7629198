"""The worker as Ray runs it: a process of its own on a node. With ray_cluster.py the only importer of Ray."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import ray

from bili2text.cluster.scratch import sweep
from bili2text.cluster.values import Job, Planned, Told, Trouble, trouble_of
from bili2text.cluster.worker import Worker
from bili2text.errors import Bili2TextError
from bili2text.paths import cache_dir
from bili2text.request import Request
from bili2text.settings import environment


class Hand:
    """An actor. Errors of ours are values here: Ray would send them with their frames, and log them."""

    def __init__(self) -> None:
        """Nothing is opened yet, so that what goes wrong can be told."""
        self._worker: Worker | None = None

    def ready(self, request: Request, address: str, word: str) -> Planned | Trouble:
        """Open the results' place, and return what would run here."""
        try:
            self._worker = Worker(request, address, environment())
            return self._worker.ready(word)
        except Bili2TextError as error:
            self.close()
            return trouble_of(error)

    def transcribe(self, job: Job, pieces: Sequence[Any] | None) -> Told:
        """Return what came of a job; `pieces` refer to its sound, None where it is on this machine."""
        assert self._worker is not None  # noqa: S101 - `ready` comes first
        return self._worker.transcribe(job, None if pieces is None else _got(pieces))

    def close(self) -> None:
        """Let go of everything."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()


def swept() -> int:
    """Remove what workers that died left on this machine; return how many there were."""
    return sweep(cache_dir(environment()))


def _got(pieces: Sequence[Any]) -> Iterator[bytes]:
    for piece in pieces:
        yield ray.get(piece)
