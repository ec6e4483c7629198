"""The one way the data flows: source -> media -> sound -> chunks -> plan -> transcript -> files."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from bili2text import results
from bili2text.errors import Bili2TextError, SourceError, UsageError
from bili2text.files import safe_name, write_whole
from bili2text.jobs.journal import Journal
from bili2text.jobs.records import Survey
from bili2text.jobs.store import About, Jobs, State
from bili2text.loading import Loader
from bili2text.paths import cache_dir
from bili2text.plan import explain
from bili2text.progress import Progress
from bili2text.recording import Listened, StaleJob, header, key_of, transcribe
from bili2text.request import Failed, Outcome, Request, Result, Skipped
from bili2text.source.fetch import open_source
from bili2text.source.locate import locate
from bili2text.source.media import GENERIC_SITES, Item, Media
from bili2text.subtitles.save import all_there, formats_of, refuse_targets, save, targets
from bili2text.transcribe.run import ChunkHeard

_STDOUT = "-"
_BESIDE = "source"
_REPORT = "report.json"
_KEPT_DAYS = 30.0  # a finished job's journal, from which other formats can be written at once
_EVERY = 2.0  # seconds between two writings of what is done so far, at least
_SHARE = 20  # and at least so many times what the last writing took


def run(request: Request, progress: Progress, environ: Mapping[str, str]) -> Iterator[Outcome]:
    """Yield what came of each recording, one after the other; one that fails does not stop the next.

    The model is loaded when the first recording is there, and once. Raises UsageError at once for an
    output that cannot be, before anything is downloaded.
    """
    formats = formats_of(request.output.formats)
    if request.output.folder == _STDOUT and len(formats) != 1:
        raise UsageError("standard output takes one format", hint="name one, as in -f txt -o -")
    with closing(Loader(request, progress, environ)) as loader:
        plan = loader.check()
        if request.explain:
            progress.show(explain.text(plan))
        jobs = Jobs(cache_dir(environ))
        jobs.clean(older_than_days=_KEPT_DAYS)
        job = _Run(request, formats, progress, loader, jobs, set(), *_known(jobs))
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
    taken: set[str]  # names that recordings of this run have, in lower case: disks may not tell cases apart
    begun: frozenset[str]  # files of jobs that were not finished: ours to go on with
    finished: Mapping[str, str]  # files of finished jobs, and whose


@dataclass(frozen=True, slots=True)
class _Target:
    """Where the files of one recording go; no folder for standard output."""

    folder: Path | None
    stem: str
    paths: tuple[Path, ...]
    report: Path | None

    @property
    def all(self) -> tuple[Path, ...]:
        return self.paths if self.report is None else (*self.paths, self.report)


def _outcome(job: _Run, item: Item) -> Outcome:
    try:
        media = item.fetch()
        target = _target(job, media)
        output = job.request.output
        ours = {str(path.absolute()) for path in target.all} & job.begun
        if all_there(target.paths) and not ours and (output.skip or _is_done(job, media, target)):
            job.progress.note(f"{item.name}: already there, left as it is (--overwrite writes it anew)")
            return Skipped(item.name, target.paths)
        others = [path for path in target.all if str(path.absolute()) not in ours]
        refuse_targets(others, overwrite=output.overwrite)
        return _Work(job, item.name, media, target).done()
    except Bili2TextError as error:
        return Failed(item.name, _light(error))


def _target(job: _Run, media: Media) -> _Target:
    folder = _folder(job.request, media)
    if folder is None:
        return _Target(None, "", (), None)
    stem = _free_stem(job, media, folder)
    report = targets(folder, stem, (_REPORT,))[0] if job.request.output.report else None
    return _Target(folder, stem, targets(folder, stem, job.formats), report)


@dataclass(slots=True)
class _Work:
    """One recording being transcribed: its job is noted, its files are written as it goes on."""

    job: _Run
    name: str
    media: Media
    target: _Target
    key: str = field(init=False, default="")
    _written: float = field(init=False, default=0.0)  # when, by the clock
    _took: float = field(init=False, default=0.0)  # seconds

    def done(self) -> Result:
        """Transcribe it, and return what came of it. Raises what `recording.transcribe` raises."""
        job = self.job
        self.key = key_of(self.media, job.request, job.progress)
        if job.request.fresh:
            job.jobs.remove(self.key)
        try:
            return self._journaled()
        except StaleJob:
            job.progress.note("the model is not the one that was used so far: beginning anew")
            job.jobs.remove(self.key)
            return self._journaled()

    def _journaled(self) -> Result:
        job = self.job
        with Journal.open(job.jobs.folder(self.key), header(), wait=self._wait) as journal:
            if journal.discarded:
                job.progress.warn(journal.discarded)
            try:
                listened = transcribe(
                    self.media, job.request, job.loader, job.progress, journal, self.key, self._told
                )
                return self._finished(listened)
            except KeyboardInterrupt:
                job.progress.warn(f"to go on: bili2text jobs resume {self.key[:8]}")
                raise

    def _wait(self) -> None:
        self.job.progress.note(f"{self.name}: another bili2text is at it: waiting for it")

    def _told(self, chunks: Sequence[ChunkHeard], survey: Survey) -> None:
        """Note how far it is, and write what there is: a file on the disk is valid at every moment."""
        self._note(survey, len(chunks), "running")
        if self.target.folder is None or time.monotonic() - self._written < max(_EVERY, _SHARE * self._took):
            return
        began = time.monotonic()
        content = results.document(self.job.request, self.media, chunks, survey, ())
        save(content, self.target.folder, self.target.stem, self.job.formats, overwrite=True)
        self._written = time.monotonic()
        self._took = self._written - began

    def _finished(self, listened: Listened) -> Result:
        job, target = self.job, self.target
        content = results.document(job.request, self.media, listened.chunks, listened.survey, listened.steps)
        report = results.report(content, listened)
        if target.folder is not None:
            save(content, target.folder, target.stem, job.formats, overwrite=True)
        if target.report is not None:
            write_whole(target.report, results.report_json(report), overwrite=True)
        self._note(listened.survey, len(listened.chunks), "finished")
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

    def _note(self, survey: Survey, chunks: int, state: State) -> None:
        self.job.jobs.note(
            About(
                key=self.key,
                title=self.media.title,
                source=self.media.url or str(self.media.path),
                command=self.job.request.command,
                folder=str(Path.cwd()),
                done=-(-chunks // survey.group_size),
                total=survey.groups,
                seconds=survey.duration,
                state=state,
                outputs=tuple(str(path.absolute()) for path in self.target.all),
            )
        )


def _is_done(job: _Run, media: Media, target: _Target) -> bool:
    """Return whether just this job wrote these files: the same command again has nothing left to do."""
    if job.request.output.overwrite or job.request.fresh:
        return False
    whose = {job.finished.get(str(path.absolute())) for path in target.all}
    return len(whose) == 1 and whose == {key_of(media, job.request, job.progress)}


def _known(jobs: Jobs) -> tuple[frozenset[str], dict[str, str]]:
    """Return the files that jobs began and did not finish, and those of finished jobs with their keys."""
    found = jobs.all()
    begun = frozenset(path for about in found if about.state != "finished" for path in about.outputs)
    finished = {path: about.key for about in found if about.state == "finished" for path in about.outputs}
    return begun, finished


def _folder(request: Request, media: Media) -> Path | None:
    """Return where this recording's files go; None for standard output."""
    folder = request.output.folder
    if folder == _STDOUT:
        return None
    if folder == _BESIDE:
        return media.path.parent if media.site == "file" else Path()
    return Path(folder).expanduser()


def _stem(media: Media) -> str:
    """Return the name the files have before the dot: a file's own, or the title with the site's id.

    The id keeps two recordings of one title apart, and is never what a long title pushes out. Where the
    site is none that yt-dlp knows, the id is only a file's name: a mark of the link stands in for it.
    """
    if media.site == "file":
        return media.path.stem
    if media.site == "stdin":
        return "stdin"
    known = media.id and media.site.lower() not in GENERIC_SITES
    tail = safe_name(media.id or "", limit=40) if known else _digest(media.url or media.title)
    return f"{safe_name(media.title)} [{tail}]"


def _free_stem(job: _Run, media: Media, folder: Path) -> str:
    """Return a stem that no other recording of this run has: talk.mp3 and talk.wav, or two in two folders."""
    stem = _stem(media)
    longer = media.path.name if media.site == "file" else stem
    for candidate in (stem, longer, f"{stem} [{_digest(str(media.path))}]"):
        (path,) = targets(folder, candidate, ("txt",))
        key = str(path).casefold()
        if key not in job.taken:
            job.taken.add(key)
            return candidate
    raise SourceError(f"the same recording again: {media.title}", hint="name it once")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # too long for a name, or a NUL in it: no file of ours
        return False


def _light(error: Bili2TextError) -> Bili2TextError:
    """Return the error without its traceback, which would keep every frame, and its sound, alive."""
    return error.with_traceback(None)
