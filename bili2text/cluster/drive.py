"""A list, worked through by a cluster: this machine keeps the list and fetches, workers transcribe.

What is done is known by its results, which are whole or not there; the list is written down as `batch` does.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from bili2text.cluster.crew import Crew
from bili2text.cluster.entering import Entering, There
from bili2text.cluster.fetching import Fetching
from bili2text.cluster.ray_cluster import RayCluster
from bili2text.cluster.results import Results
from bili2text.cluster.settling import Settling
from bili2text.errors import StorageError, UsageError
from bili2text.lists.expand import remembered
from bili2text.lists.finding import Found
from bili2text.lists.manifest import Manifest
from bili2text.lists.rules import Rules
from bili2text.lists.values import SETTLED, Entry, recordings
from bili2text.progress import Progress
from bili2text.request import Request
from bili2text.source.redact import safe_text
from bili2text.subtitles.save import formats_of
from bili2text.targets import BESIDE, STDOUT

_GLANCE = 0.2  # seconds waited for workers before machines and the queue are looked at again


@dataclass(frozen=True, slots=True)
class Pools:
    """How much is done at a time on the driver's machine."""

    fetchers: int = 4  # threads that follow links
    ahead: int = 8  # recordings fetched and not begun yet, at most, beside one for each fetcher


class ClusterBatch:
    """Works through a list with all machines of a cluster. Close it."""

    def __init__(
        self,
        request: Request,
        manifest: Manifest,
        rules: Rules,
        progress: Progress,
        environ: Mapping[str, str],
        address: str,
        pools: Pools = Pools(),
    ) -> None:
        """Nothing is connected yet. `address` is a cluster's "host:port", or "local"."""
        self._request, self._manifest, self._rules, self._progress = request, manifest, rules, progress
        self._environ, self._address, self._pools = environ, address, pools
        self._cluster: RayCluster | None = None
        self._results: Results | None = None
        # by its name a run finds the word of one of the same list that died; the rest is this run's
        name = hashlib.sha256(str(manifest.folder.absolute()).encode("utf-8", "surrogateescape")).hexdigest()
        self._word = f"{name[:16]}-{secrets.token_hex(8)}"

    def check(self) -> None:
        """Connect, and open the results' place.

        Raises UsageError, DependencyError, StorageError or RuntimeFailure where that cannot be.
        """
        self._connected()

    def add(self, sources: Iterable[str]) -> None:
        """Add what the list does not hold yet. Raises UsageError for standard input."""
        for link in [remembered(text) for text in sources]:
            self._manifest.add((), "source", link, safe_text(link))

    def run(self) -> Iterator[Entry]:
        """Yield each recording as it is settled, or put off, in whichever order that happens.

        Raises what `check` raises, and the error of the last worker that could not begin once none is left;
        the list goes on with another run.
        """
        cluster, results = self._connected()
        asked = (self._request, self._manifest, self._rules, self._progress)
        entering = Entering(*asked, self._environ, results)
        settling = Settling(*asked, results, entering)
        crew = Crew(cluster, self._request, results.address, self._word, self._progress)
        pools = self._pools
        fetching = Fetching(
            entering.find, entering.wanted, self._progress, threads=pools.fetchers, ahead=pools.ahead
        )
        total = len(recordings(self._manifest.entries))
        try:
            with self._progress.stage("cluster", total or None, "recordings") as stage:
                for entry in self._worked(crew, fetching, settling):
                    stage.grow(len(recordings(self._manifest.entries)))
                    stage.advance(entry.state in SETTLED)
                    yield entry
        finally:
            fetching.close()
            crew.close()
            settling.put_back()

    def close(self) -> None:
        """Leave the cluster, and nothing half done in the results' place."""
        if self._results is not None:
            with suppress(StorageError):
                self._results.take_away(self._word)
        if self._cluster is not None:
            self._cluster.close()

    def _connected(self) -> tuple[RayCluster, Results]:
        if self._results is None:
            folder = self._request.output.folder
            formats_of(self._request.output.formats)
            if folder in (STDOUT, BESIDE):
                raise UsageError(
                    f"the results of a cluster need a place of their own, not -o {folder}",
                    hint="pass -o with a folder that all machines share, or s3://BUCKET/FOLDER",
                )
            self._results = Results(folder)
            self._results.leave(self._word)
        if self._cluster is None:
            self._cluster = RayCluster(self._address)
        return self._cluster, self._results

    def _worked(self, crew: Crew, fetching: Fetching[Found | There], settling: Settling) -> Iterator[Entry]:
        board = settling.board
        while True:
            crew.tend()
            yield from _given(crew, fetching, settling)
            for came in crew.came(_GLANCE):
                entry = settling.settled(came)
                if entry is not None:
                    yield entry
            if not board.taken and not board.waiting and fetching.quiet:
                late, seconds = settling.late()
                if not late:
                    return
                self._progress.note(f"{len(late)} may come right: trying them again in {seconds:.0f} s")
                time.sleep(seconds)
                fetching.again(late)


def _given(crew: Crew, fetching: Fetching[Found | There], settling: Settling) -> Iterator[Entry]:
    """Give every idle worker a recording; yield what needs none."""
    for worker in crew.idle:
        while not settling.board.waiting:
            one = fetching.take()
            if one is None:
                return
            entry = settling.offered(one)
            if entry is not None:
                yield entry
        job = settling.board.take(worker)
        if job is None:
            return
        settling.begun(job)
        try:
            crew.give(worker, job)
        except OSError as error:
            yield settling.unread(worker, job, error)
