"""The one way the data flows: source -> media -> sound -> chunks -> plan -> transcript -> files."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bili2text import results
from bili2text.coverage import Report
from bili2text.errors import Bili2TextError, SourceError, UsageError
from bili2text.files import write_whole
from bili2text.jobs.journal import Journal
from bili2text.jobs.records import Survey
from bili2text.jobs.store import AGAIN, STDIN, About, Jobs, State
from bili2text.loading import Loader
from bili2text.paths import cache_dir
from bili2text.plan import explain
from bili2text.progress import Progress
from bili2text.recording import Listened, StaleJob, header, key_of, transcribe
from bili2text.request import Failed, Outcome, Request, Result, Skipped
from bili2text.source.fetch import open_source
from bili2text.source.locate import locate
from bili2text.source.media import Item, Media
from bili2text.subtitles.save import all_there, formats_of, refuse_targets, save
from bili2text.targets import STDOUT, Names, Owners, Target, manner, to_write
from bili2text.transcribe.run import ChunkHeard

_KEPT_DAYS = 30.0  # a finished job's journal, from which other formats can be written at once
_EVERY = 2.0  # seconds between two writings of what is done so far, at least
_SHARE = 20  # and at least so many times what the last writing took


def run(request: Request, progress: Progress, environ: Mapping[str, str]) -> Iterator[Outcome]:
    """Yield what came of each recording, one after the other; one that fails does not stop the next.

    The model is loaded when the first recording is there, and once. Raises UsageError at once for an
    output that cannot be, before anything is downloaded.
    """
    formats = formats_of(request.output.formats)
    if request.output.folder == STDOUT and len(formats) != 1:
        raise UsageError("standard output takes one format", hint="name one, as in -f txt -o -")
    with closing(Loader(request, progress, environ)) as loader:
        plan = loader.check()
        if request.explain:
            progress.show(explain.text(plan))
        jobs = Jobs(cache_dir(environ))
        jobs.clean(older_than_days=_KEPT_DAYS)
        job = _Run(request, formats, progress, loader, jobs, Owners(jobs), Names())
        for text in request.sources:
            try:
                empty = True
                for item in open_source(locate(text, _exists), request.link, cache_dir(environ), progress):
                    empty = False
                    yield _outcome(job, item)
                if empty:
                    raise SourceError(f"nothing was chosen from {text}", hint="check --playlist-items")
            except Bili2TextError as error:
                yield Failed(text, _light(error))


@dataclass(frozen=True, slots=True)
class _Run:
    """What all recordings of a run share."""

    request: Request
    formats: tuple[str, ...]
    progress: Progress
    loader: Loader
    jobs: Jobs
    owners: Owners
    names: Names


def _outcome(job: _Run, item: Item) -> Outcome:
    try:
        media = item.fetch()
        target = job.names.target(media, job.request.output, job.formats)
        output = job.request.output
        owners = job.owners.of(target.all, sure=not (output.skip or output.overwrite))
        finished = all(owner.state == "finished" for owner in owners.values())
        if output.skip and all_there(target.paths) and finished:
            return _left(job, item, target, owners)
        key = key_of(media, job.request, job.progress)
        wanted = to_write(target, owners, key, job.request)
        if all_there(target.paths) and not set(target.paths) & set(wanted):
            return _left(job, item, target, owners)
        # what this very job began, or has finished, is its own to go on with
        mine = {path for path, owner in owners.items() if owner.key == key}
        for theirs in (True, False):
            paths = [path for path in target.all if (path in mine) != theirs]
            refuse_targets(paths, overwrite=output.overwrite or not theirs)
        return _Work(job, item.name, media, target, key, wanted).done()
    except Bili2TextError as error:
        return Failed(item.name, _light(error))


@dataclass(slots=True)
class _Work:
    """One recording being transcribed: its job is noted, its files are written as it goes on."""

    job: _Run
    name: str
    media: Media
    target: Target
    key: str  # of its job
    wanted: tuple[Path, ...]  # the files that are not there yet, or are to be replaced
    _written: float = field(init=False, default=0.0)  # when, by the clock
    _took: float = field(init=False, default=0.0)  # seconds

    def done(self) -> Result:
        """Transcribe it, and return what came of it. Raises what `recording.transcribe` raises."""
        job = self.job
        if job.request.fresh:
            job.jobs.remove(self.key)
        try:
            return self._journaled()
        except StaleJob as stale:
            job.progress.note(f"{stale}: beginning anew")
            job.jobs.remove(self.key)
            return self._journaled()

    def _journaled(self) -> Result:
        job = self.job
        journal = Journal.open(job.jobs.folder(self.key), header(), wait=self._wait)
        try:
            with journal:
                return self._heard(journal)
        except SourceError:
            if journal.empty:  # there is nothing to go on with, so nothing to list
                with suppress(Bili2TextError):  # another process has it by now
                    job.jobs.remove(self.key)
            raise

    def _heard(self, journal: Journal) -> Result:
        job = self.job
        if journal.discarded:
            job.progress.warn(journal.discarded)
        if journal.empty:
            self._note(0, 0, self.media.duration or 0.0, "running")
        try:
            listened = transcribe(
                self.media, job.request, job.loader, job.progress, journal, self.key, self._told
            )
            return self._finished(listened)
        except KeyboardInterrupt:
            resume = f"to go on: bili2text jobs resume {self.key[:8]}"
            job.progress.warn(AGAIN if self.media.site == "stdin" else resume)
            raise

    def _wait(self) -> None:
        self.job.progress.note(f"{self.name}: another bili2text is at it: waiting for it")

    def _told(self, chunks: Sequence[ChunkHeard], survey: Survey) -> None:
        """Note how far it is, and write what there is: a file on the disk is valid at every moment."""
        done = -(-len(chunks) // survey.group_size)
        self._note(done, survey.groups, survey.duration, "running")
        if self.target.folder is None or time.monotonic() - self._written < max(_EVERY, _SHARE * self._took):
            return
        began = time.monotonic()
        content = results.document(self.job.request, self.media, chunks, survey, ())
        save(content, self.target.folder, self.target.stem, self._formats, overwrite=True)
        self._written = time.monotonic()
        self._took = self._written - began

    @property
    def _formats(self) -> tuple[str, ...]:
        pairs = zip(self.job.formats, self.target.paths, strict=False)  # standard output has no paths
        return tuple(name for name, path in pairs if path in self.wanted)

    def _finished(self, listened: Listened) -> Result:
        job, target = self.job, self.target
        content = results.document(job.request, self.media, listened.chunks, listened.survey, listened.steps)
        report = results.report(content, listened)
        if target.folder is not None:
            save(content, target.folder, target.stem, self._formats, overwrite=True)
        if target.report is not None:
            write_whole(target.report, results.report_json(report), overwrite=True)
        groups = listened.survey.groups
        self._note(groups, groups, listened.survey.duration, "finished", report)
        results.remark(job.progress, report, listened)
        return Result(
            self.name,
            self.media,
            content,
            target.paths,
            listened.survey.pin,
            listened.speed,
            listened.survey.damage.seconds,
            report,
        )

    def _note(
        self, done: int, total: int, seconds: float, state: State, report: Report | None = None
    ) -> None:
        self.job.jobs.note(
            About(
                key=self.key,
                title=self.media.title,
                source=STDIN if self.media.site == "stdin" else self.media.url or str(self.media.path),
                command=self.job.request.command,
                folder=str(Path.cwd()),
                done=done,
                total=total,
                seconds=seconds,
                state=state,
                outputs=tuple(str(path.absolute()) for path in self.target.all),
                written=manner(self.job.request),
                coverage=report.coverage if report else None,
                lost=report.damage.seconds if report else 0.0,
            )
        )


def _left(job: _Run, item: Item, target: Target, owners: Mapping[Path, About]) -> Skipped:
    anew = "--overwrite writes it anew, --fresh --overwrite hears it anew"
    job.progress.note(f"{item.name}: already there, left as it is ({anew})")
    known = [owner for path, owner in owners.items() if path in target.paths]
    return Skipped(
        item.name,
        target.paths,
        coverage=min((owner.coverage for owner in known if owner.coverage is not None), default=None),
        lost=max((owner.lost for owner in known), default=0.0),
    )


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # too long for a name, or a NUL in it: no file of ours
        return False


def _light(error: Bili2TextError) -> Bili2TextError:
    """Return the error without its traceback, which would keep every frame, and its sound, alive."""
    return error.with_traceback(None)
