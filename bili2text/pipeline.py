"""The one way the data flows: source -> media -> sound -> chunks -> plan -> transcript -> files."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path

from bili2text.errors import Bili2TextError, SourceError, UsageError
from bili2text.jobs.store import About, Jobs
from bili2text.loading import Loader
from bili2text.paths import cache_dir
from bili2text.plan import explain
from bili2text.plan.values import Plan
from bili2text.prefetch import Finding, ahead, fetched
from bili2text.progress import Progress
from bili2text.recording import key_of
from bili2text.request import Failed, Outcome, Request, Skipped
from bili2text.source.fetch import open_source
from bili2text.source.locate import locate
from bili2text.source.media import Item
from bili2text.subtitles.save import all_there, formats_of, refuse_targets
from bili2text.targets import STDOUT, Names, Owners, Target, to_write
from bili2text.work import Shared, Work

_KEPT_DAYS = 30.0  # a finished job's journal, from which other formats can be written at once
_PIPED = "-"


def run(request: Request, progress: Progress, environ: Mapping[str, str]) -> Iterator[Outcome]:
    """Yield what came of each recording, one after the other; one that fails does not stop the next.

    The model is loaded when the first recording is there, and once; of several links the next is downloaded
    meanwhile. Raises UsageError at once for an output that cannot be, before anything is downloaded.
    """
    with closing(Transcribing(request, progress, environ)) as transcribing:
        transcribing.check()
        # what is piped in is there only while it is being read, so nobody may be ahead of it
        for piped, group in groupby(request.sources, key=lambda text: text.strip() == _PIPED):
            texts = tuple(group)
            if piped or (len(texts) == 1 and not request.link.playlist_items):
                yield from (_outcome(transcribing, one) for one in _found(transcribing, texts, progress))
                continue
            with closing(ahead(lambda told: _fetched(transcribing, texts, told), progress)) as found:  # noqa: B023 - consumed within this turn
                yield from (_outcome(transcribing, one) for one in found)


def _found(transcribing: Transcribing, texts: Sequence[str], progress: Progress) -> Finding[Item | Failed]:
    """Yield the items of every source; of one that cannot be opened, why."""
    for text in texts:
        try:
            empty = True
            for item in transcribing.items(text, progress):
                empty = False
                yield item
            if empty:
                raise SourceError(f"nothing was chosen from {text}", hint="check --playlist-items")
        except Bili2TextError as error:
            yield Failed(text, light(error))


def _fetched(transcribing: Transcribing, texts: Sequence[str], progress: Progress) -> Finding[Item | Failed]:
    for one in _found(transcribing, texts, progress):
        yield fetched(one) if isinstance(one, Item) and transcribing.left_out(one) is None else one


def _outcome(transcribing: Transcribing, one: Item | Failed) -> Outcome:
    return one if isinstance(one, Failed) else transcribing.item(one)


class Transcribing:
    """Transcribes one recording after the other, with one model loaded once. Close it."""

    def __init__(self, request: Request, progress: Progress, environ: Mapping[str, str]) -> None:
        """Nothing is probed, loaded or downloaded yet."""
        self._environ = environ
        jobs = Jobs(cache_dir(environ))
        loader = Loader(request, progress, environ)
        self._run = Shared(request, formats_of(request.output.formats), progress, loader, jobs)
        self._owners = Owners(jobs)
        self._looking = threading.Lock()  # who fetches ahead asks what need not be
        self.names = Names()

    def check(self) -> Plan:
        """Return the plan as of now, shown where that is asked for.

        Raises UsageError for an output that cannot be, and what `Loader.check` raises.
        """
        run = self._run
        if run.request.output.folder == STDOUT and len(run.formats) != 1:
            raise UsageError("standard output takes one format", hint="name one, as in -f txt -o -")
        plan = run.loader.check()
        if run.request.explain:
            run.progress.show(explain.text(plan))
        run.jobs.clean(older_than_days=_KEPT_DAYS)
        return plan

    def items(self, source: str, progress: Progress) -> Iterator[Item]:
        """Yield what a source holds, nothing of it fetched. Raises what `locate` and `open_source` raise."""
        found = locate(source, exists)
        yield from open_source(found, self._run.request.link, cache_dir(self._environ), progress)

    def left_out(self, item: Item, prefix: str = "") -> Target | None:
        """Return the files that --skip leaves an item out for; None where it has to be fetched, to know.

        That is told before a byte of it is downloaded, by the title and id that the site says.
        """
        output = self._run.request.output
        if not output.skip or item.preview is None:
            return None
        with self._looking:
            try:
                target = self.names.expected(item.preview, output, self._run.formats, prefix)
            except SourceError:
                return None
            owners = self._owners.of(target.all, sure=False)
        return target if all_there(target.paths) and _finished(owners) else None

    def item(self, item: Item, prefix: str = "") -> Outcome:
        """Return what came of an item; names of its files begin with `prefix`. An error of ours is in it."""
        try:
            target = self.left_out(item, prefix)
            if target is not None:
                self.names.take(target.paths)
                return self._left(item, target, self._owners.of(target.all, sure=False))
            return self._transcribed(item, prefix)
        except Bili2TextError as error:
            return Failed(item.name, light(error))

    def _transcribed(self, item: Item, prefix: str) -> Outcome:
        run, output = self._run, self._run.request.output
        media = item.fetch()
        with self._looking:
            target = self.names.target(media, output, run.formats, prefix)
            owners = self._owners.of(target.all, sure=not (output.skip or output.overwrite))
        if output.skip and all_there(target.paths) and _finished(owners):
            return self._left(item, target, owners)
        key = key_of(media, run.request, run.progress)
        wanted = to_write(target, owners, key, run.request)
        if all_there(target.paths) and not set(target.paths) & set(wanted):
            return self._left(item, target, owners)
        # what this very job began, or has finished, is its own to go on with
        mine = {path for path, owner in owners.items() if owner.key == key}
        for theirs in (True, False):
            paths = [path for path in target.all if (path in mine) != theirs]
            refuse_targets(paths, overwrite=output.overwrite or not theirs)
        return Work(run, item.name, media, target, key, wanted).done()

    def close(self) -> None:
        """Let go of the engine, and wait until its card has its memory back."""
        self._run.loader.close()

    def _left(self, item: Item, target: Target, owners: Mapping[Path, About]) -> Skipped:
        anew = "--overwrite writes it anew, --fresh --overwrite hears it anew"
        self._run.progress.note(f"{item.name}: already there, left as it is ({anew})")
        known = [owner for path, owner in owners.items() if path in target.paths]
        return Skipped(
            item.name,
            target.paths,
            coverage=min((owner.coverage for owner in known if owner.coverage is not None), default=None),
            lost=max((owner.lost for owner in known), default=0.0),
            language=next((owner.language for owner in known if owner.language), ""),
        )


def _finished(owners: Mapping[Path, About]) -> bool:
    return all(owner.state == "finished" for owner in owners.values())


def exists(name: str) -> bool:
    """Return whether a file of that name is there; what cannot be a name is no file."""
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # too long for a name, or a NUL in it: no file of ours
        return False


def light(error: Bili2TextError) -> Bili2TextError:
    """Return the error without its traceback, which would keep every frame, and its sound, alive."""
    return error.with_traceback(None)
