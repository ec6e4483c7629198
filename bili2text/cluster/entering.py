"""From a list's entries to recordings that workers can have: what is there already is told apart first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue

from bili2text.cluster.fetching import Chosen
from bili2text.cluster.results import Results, key_of
from bili2text.lists.finding import Finder, Found
from bili2text.lists.manifest import Manifest
from bili2text.lists.rules import Rules
from bili2text.lists.values import Entry, Place
from bili2text.pipeline import Transcribing
from bili2text.prefetch import Finding
from bili2text.progress import Progress
from bili2text.request import Output, Request


@dataclass(frozen=True, slots=True)
class There:
    """An entry whose results are whole already."""

    place: Place
    files: tuple[str, ...]
    seconds: float  # of sound


class Entering:
    """Opens entries in several threads at once, unless their results are there."""

    def __init__(
        self,
        request: Request,
        manifest: Manifest,
        rules: Rules,
        progress: Progress,
        environ: Mapping[str, str],
        results: Results,
    ) -> None:
        """Nothing is opened yet."""
        # what may pass comes again at the end of the list; nothing is left out by what this disk holds
        once = replace(request, link=replace(request.link, tries=1), output=Output())
        self.finder = Finder(once, manifest, rules, environ)
        self._transcribing = Transcribing(once, progress, environ)
        self._manifest, self._results = manifest, results
        self._mark = manifest.asked.mark if manifest.asked is not None else ""
        self._anew = request.fresh or request.output.overwrite
        self._there: SimpleQueue[There] = SimpleQueue()

    def key(self, entry: Entry) -> str:
        """Return what the results of an entry are called."""
        parents = [self._manifest.entry(entry.place[:depth]) for depth in range(1, len(entry.place))]
        return key_of(entry, parents, self._mark)

    def wanted(self, entry: Entry) -> bool:
        """Return whether an entry has to be opened; if not, `find` yields what is there of it."""
        mark = None if self._anew else self._results.whole(self.key(entry))
        if mark is None:
            return True
        self._there.put(There(entry.place, tuple(mark.files), float(mark.facts.get("seconds", 0.0))))
        return False

    def find(self, chosen: Chosen, progress: Progress) -> Finding[Found | There]:
        """Yield what the chosen entries hold, and what was there already."""
        for one in self.finder.find(chosen, self._transcribing, progress):
            yield from self._emptied()
            yield one
        yield from self._emptied()

    def _emptied(self) -> Iterator[There]:
        with suppress(Empty):
            while True:
                yield self._there.get_nowait()
