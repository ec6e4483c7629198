"""The one ahead: opens the entries of a list in turn, writes down what lists hold, fetches recordings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from bili2text.errors import Bili2TextError, SourceError
from bili2text.lists.expand import host, opened
from bili2text.lists.manifest import Manifest
from bili2text.lists.rules import Rules, Sites
from bili2text.lists.values import Entry, Kind, Place, number
from bili2text.paths import cache_dir
from bili2text.pipeline import Transcribing
from bili2text.prefetch import Finding, fetched
from bili2text.progress import Progress
from bili2text.request import Request
from bili2text.source.again import verdict
from bili2text.source.media import Item, Listed, Media
from bili2text.source.redact import safe_text


@dataclass(frozen=True, slots=True)
class Found:
    """A recording of the list, fetched, or with the error that came instead."""

    place: Place
    item: Item
    prefix: str  # of the names of its files
    job: str = ""  # what its job calls its source; "" where it was not fetched
    seconds: float = 0.0


class Finder:
    """Opens entries, as far as this run may."""

    def __init__(
        self, request: Request, manifest: Manifest, rules: Rules, environ: Mapping[str, str]
    ) -> None:
        self.held: set[Place] = set()  # not to be opened in this run
        self._link = request.link
        self._manifest, self._rules = manifest, rules
        self._cache = cache_dir(environ)
        self._sites = Sites(rules.refusals)
        self._downloads = 0

    def find(
        self, chosen: Callable[[Entry], bool], transcribing: Transcribing, progress: Progress
    ) -> Finding[Found]:
        """Yield the recordings of the entries that wait and are chosen, in the list's order, each once.

        What a list turns out to hold is found, too.
        """
        tried: set[Place] = set()
        while True:
            waiting = (one for one in self._manifest.entries if one.state == "waiting" and chosen(one))
            entry = next((one for one in waiting if one.place not in tried | self.held), None)
            if entry is None:
                return
            tried.add(entry.place)
            if self.may(entry):
                yield from self._opened(entry, transcribing, progress)

    def may(self, entry: Entry) -> bool:
        """Return whether this run may open an entry; if not, it waits, and the list says why."""
        reason = self._not_now(entry)
        if reason:
            self._manifest.change(entry.place, why=reason)
            self.held.add(entry.place)
        return not reason

    def _not_now(self, entry: Entry) -> str:
        site = host(entry)
        if self._sites.closed(site):
            return self._sites.reason(site)
        most = self._rules.max_downloads
        return (
            f"--max-downloads {most} reached" if site and most is not None and self._downloads >= most else ""
        )

    def _opened(self, entry: Entry, transcribing: Transcribing, progress: Progress) -> Finding[Found]:
        self._manifest.change(entry.place, state="downloading", why="", code=0)
        empty, is_list = True, False
        try:
            for one in opened(entry, self._manifest, self._link, self._cache, progress):
                empty = False
                if isinstance(one, Listed):
                    is_list = True
                    # a folder's lines are files: each is a source of its own, known by its path
                    kind: Kind = "line" if host(entry) else "source"
                    self._manifest.add(
                        entry.place, kind, one.link, one.name, index=one.index, address=one.address
                    )
                else:
                    yield self._fetched(entry, one, transcribing)
            if empty:
                raise SourceError(f"nothing was chosen from {entry.name}", hint="check --parts")
        except Bili2TextError as error:
            self._sites.answered(host(entry), verdict(error))
            failed = error.with_traceback(None)
            yield Found(entry.place, Item(entry.name, lambda: _raised(failed)), "")
            return
        if is_list:
            self._manifest.change(entry.place, kind="list", state="done")

    def _fetched(self, entry: Entry, item: Item, transcribing: Transcribing) -> Found:
        prefix = number(entry, self._manifest.entries, numbered=self._rules.numbered)
        found = Found(entry.place, item, prefix)
        if transcribing.left_out(item, prefix) is not None:
            return found
        item = fetched(item)
        try:
            media = item.fetch()
        except Bili2TextError as error:
            self._sites.answered(host(entry), verdict(error))
            return replace(found, item=item)
        if host(entry) and not _is_cached(found.item):
            self._sites.answered(host(entry), None)
            self._downloads += 1
        job = safe_text(media.url or str(media.path))
        return replace(found, item=item, job=job, seconds=media.duration or 0.0)


def _is_cached(item: Item) -> bool:
    return item.preview is not None and bool(item.preview.path.name)


def _raised(error: Bili2TextError) -> Media:
    raise error
