"""From a link to the Media behind it: looks, chooses, downloads, tries again, and remembers."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bili2text.errors import Bili2TextError, DownloadError, SourceError
from bili2text.progress import Progress
from bili2text.source.accept import accept
from bili2text.source.local import open_file
from bili2text.source.media import Item, LinkOptions, Listed, Media, Offer
from bili2text.source.parameters import backoff, parameters, playlist_slices
from bili2text.source.redact import safe_url
from bili2text.source.remedies import Failed, Fault, download_error, remedy
from bili2text.source.store import Store, item_key, note_length, tidy
from bili2text.source.watch import Watch
from bili2text.source.ytdlp import Entry, Listing, Session

_NESTED = 4  # lists within lists; deeper ones are circles
_PATIENCE_LIMIT = 120.0  # seconds; a server that asks for more is answered by giving up
T = TypeVar("T")


def follower(options: LinkOptions, cache: Path, progress: Progress) -> Follower:
    """Return what follows links with these options. Raises UsageError or SourceError for a wrong one."""
    cookies = _cookies(options.cookies)
    parameters(options, cookies, None)  # a wrong option is reported before anything is asked of a server
    playlist_slices(options.playlist_items)
    return Follower(options, cookies, Store(cache), progress)


def _cookies(path: Path | None) -> str | None:
    """Return the text of a cookies file."""
    if path is None:
        return None
    try:
        return open_file(path).path.read_text(encoding="utf-8", errors="replace")
    except SourceError as error:
        raise SourceError(
            f"--cookies: {error.message}", hint="name a cookies.txt in Netscape format"
        ) from error


@dataclass(frozen=True, slots=True)
class Follower:
    """Follows links with the same options, cookies and cache."""

    options: LinkOptions
    cookies: str | None
    store: Store
    progress: Progress

    def items(self, link: str) -> Iterator[Item]:
        """Yield the items behind `link`. Raises DownloadError when it is a list and none were chosen."""
        with self._looked(link) as seen:
            if isinstance(seen, Item):
                yield seen
            elif seen.pieces or self.options.playlist_items:
                if seen.pieces:
                    self.progress.note("the site keeps this recording in several files: each is an item")
                yield from self._walk(seen, None if seen.pieces else self.options.playlist_items, 1)
            else:
                raise _is_list(seen, link)

    def unfolded(self, link: str) -> Iterator[Item | Listed]:
        """Yield the item behind `link`, or the lines of a list."""
        with self._looked(link) as seen:
            if isinstance(seen, Item):
                yield seen
                return
            for entry in _lines(seen, None if seen.pieces else self.options.playlist_items):
                yield Listed(entry.link, entry.name, entry.index, entry.address)

    @contextmanager
    def _looked(self, link: str) -> Iterator[Item | Listing]:
        """Open what is behind `link`: the cache's item, a promise of one, or a list."""
        known = self._known(link)
        if known:
            yield known
            return
        with closing(Session(self.options, self.cookies)) as session:
            seen = self._persist(link, lambda: session.look(link))
            if isinstance(seen, Offer):
                yield self._item(link, lambda again: again.look(link), (session, seen))
            else:
                yield seen

    def _known(self, link: str) -> Item | None:
        """Return the item that the cache has for a link, unless it is to be asked for anew."""
        known = None if self.options.refresh else self.store.known(link)
        return Item(known.title, lambda: known, known.part, preview=known) if known else None

    def _walk(self, listing: Listing, chosen: str | None, depth: int) -> Iterator[Item]:
        """Yield the chosen entries of a list, and all of the lists within it."""
        for entry in _lines(listing, chosen):
            yield from self._entry(entry, depth)

    def _entry(self, entry: Entry, depth: int) -> Iterator[Item]:
        known = self._known(entry.link)
        if known:
            yield known
            return
        session = Session(self.options, self.cookies)
        with closing(session):
            try:
                seen = self._persist(entry.link, lambda: session.resolve(entry))
            except Bili2TextError as error:
                yield Item(entry.name, _failing(error), entry.index)
                return
            if isinstance(seen, Offer):
                yield self._item(entry.link, lambda again: again.resolve(entry), (session, seen))
            elif depth < _NESTED:
                yield from self._walk(seen, None, depth + 1)

    def _item(
        self, link: str, ask: Callable[[Session], Offer | Listing], first: tuple[Session, Offer]
    ) -> Item:
        """Return the promise of one item: its first try uses what is already known, later ones ask again."""
        offers = [first]

        def attempt() -> Media:
            if offers:
                return self._obtain(link, *offers.pop())
            with closing(Session(self.options, self.cookies)) as session:
                offer = ask(session)
                if isinstance(offer, Listing):
                    raise _is_list(offer, link)
                return self._obtain(link, session, offer)

        offer = first[1]
        preview = _media(offer, Path(), offer.duration)
        return Item(offer.title, lambda: self._persist(link, attempt), offer.part, preview=preview)

    def _obtain(self, link: str, session: Session, offer: Offer) -> Media:
        """Return the offered item, from the cache if it is there by now. Raises Failed."""
        key = item_key(offer)
        with self.store.held(key, self.progress) as folder:
            media = None if self.options.refresh else self.store.find(key)
            if media is None:
                media = self.store.keep(key, folder, self._download(session, offer, folder))
        self.store.remember(link, key)
        return media

    def _download(self, session: Session, offer: Offer, folder: Path) -> Media:
        """Download into `folder`, and leave there only what is whole or can be continued."""
        kept = tidy(folder, offer)
        done = False
        try:
            with self.progress.stage("download", offer.size or kept, "B") as stage:
                watch = Watch(stage, offer, self.options)
                watch.on_length = lambda total: _same_length(folder, total, kept)
                path = session.download(offer, folder, watch)
            verdict, seconds = accept(path, offer, watch, self.progress)
            if verdict == "cut":
                raise Failed(Fault("the file was cut short"))
            done = True
        finally:
            if not done:
                tidy(folder, offer)
        return _media(offer, path, seconds)

    def _persist(self, link: str, action: Callable[[], T]) -> T:
        """Return what `action` returns, trying again as often as its failures deserve."""
        pauses = backoff(self.options.patience)
        failures = 0
        while True:
            try:
                return action()
            except Failed as failed:
                fault = failed.fault
                cure = remedy(fault)
                failures += 1
                if (
                    failures > min(cure.again, self.options.tries - 1)
                    or (fault.wait or 0.0) > _PATIENCE_LIMIT
                ):
                    raise download_error(fault, link) from failed
                # Many workers that were refused together must not come back together.
                pause = max(fault.wait or 0.0, pauses(failures - 1) * random.uniform(0.75, 1.25))  # noqa: S311
                self.progress.note(f"{cure.what}; trying again in {pause:.0f} s")
                time.sleep(pause)


def _lines(listing: Listing, chosen: str | None) -> Iterator[Entry]:
    """Yield the chosen lines of a list. Raises DownloadError where a page of it cannot be had."""
    entries = listing.chosen(chosen)
    while True:
        try:
            entry = next(entries, None)
        except Failed as failed:
            raise download_error(failed.fault, listing.link) from failed
        if entry is None:
            return
        yield entry


def _media(offer: Offer, path: Path, seconds: float | None) -> Media:
    return Media(
        path=path, title=offer.title, id=offer.id, site=offer.site, url=safe_url(offer.page),
        duration=seconds, uploader=offer.uploader, tags=offer.tags, part=offer.part,
    )  # fmt: skip


def _same_length(folder: Path, total: int, kept: int | None) -> None:
    if kept is not None and total != kept:
        (folder / "length").unlink(missing_ok=True)
        raise Failed(Fault("the file changed while it was downloaded"))
    note_length(folder, total)


def _failing(error: Bili2TextError) -> Callable[[], Media]:
    def fetch() -> Media:
        raise error

    return fetch


def _is_list(listing: Listing, link: str) -> DownloadError:
    try:
        count, all_of_them = listing.count()
    except Failed:
        count, all_of_them = 0, False
    number = f"{count} items" if all_of_them else f"at least {count} items" if count else "several items"
    if all_of_them and not count:
        return DownloadError(f"an empty list: {safe_url(link)}", hint="check the link in a browser")
    return DownloadError(
        f"a list of {number}: {safe_url(link)}",
        hint="pass --playlist-items 1: for all, or --playlist-items 3 for the third",
    )
