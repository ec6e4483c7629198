"""One recording being transcribed: its job is noted, its files are written as the work goes on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bili2text import results
from bili2text.coverage import Report
from bili2text.errors import Bili2TextError, SourceError
from bili2text.files import write_whole
from bili2text.jobs.journal import Journal
from bili2text.jobs.records import Survey
from bili2text.jobs.store import AGAIN, STDIN, About, Jobs, State
from bili2text.loading import Loader
from bili2text.progress import Progress
from bili2text.recording import Listened, StaleJob, header, transcribe
from bili2text.request import Request, Result
from bili2text.source.media import Media
from bili2text.subtitles.save import save
from bili2text.targets import Target, manner
from bili2text.transcribe.run import ChunkHeard

_EVERY = 2.0  # seconds between two writings of what is done so far, at least
_SHARE = 20  # and at least so many times what the last writing took


@dataclass(frozen=True, slots=True)
class Shared:
    """What all recordings of a run share."""

    request: Request
    formats: tuple[str, ...]
    progress: Progress
    loader: Loader
    jobs: Jobs


@dataclass(slots=True)
class Work:
    """One recording being transcribed: its job is noted, its files are written as it goes on."""

    run: Shared
    name: str
    media: Media
    target: Target
    key: str  # of its job
    wanted: tuple[Path, ...]  # the files that are not there yet, or are to be replaced
    _written: float = field(init=False, default=0.0)  # when, by the clock
    _took: float = field(init=False, default=0.0)  # seconds

    def done(self) -> Result:
        """Transcribe it, and return what came of it. Raises what `recording.transcribe` raises."""
        run = self.run
        if run.request.fresh:
            run.jobs.remove(self.key)
        try:
            return self._journaled()
        except StaleJob as stale:
            run.progress.note(f"{stale}: beginning anew")
            run.jobs.remove(self.key)
            return self._journaled()

    def _journaled(self) -> Result:
        run = self.run
        journal = Journal.open(run.jobs.folder(self.key), header(), wait=self._wait)
        try:
            with journal:
                return self._heard(journal)
        except SourceError:
            if journal.empty:  # there is nothing to go on with, so nothing to list
                with suppress(Bili2TextError):  # another process has it by now
                    run.jobs.remove(self.key)
            raise

    def _heard(self, journal: Journal) -> Result:
        run = self.run
        if journal.discarded:
            run.progress.warn(journal.discarded)
        if journal.empty:
            self._note(0, 0, self.media.duration or 0.0, "running")
        try:
            listened = transcribe(
                self.media, run.request, run.loader, run.progress, journal, self.key, self._told
            )
            return self._finished(listened)
        except KeyboardInterrupt:
            resume = f"to go on: bili2text jobs resume {self.key[:8]}"
            run.progress.warn(AGAIN if self.media.site == "stdin" else resume)
            raise

    def _wait(self) -> None:
        self.run.progress.note(f"{self.name}: another bili2text is at it: waiting for it")

    def _told(self, chunks: Sequence[ChunkHeard], survey: Survey) -> None:
        """Note how far it is, and write what there is: a file on the disk is valid at every moment."""
        self._note(survey.groups_with(len(chunks)), survey.groups, survey.duration, "running")
        if self.target.folder is None or time.monotonic() - self._written < max(_EVERY, _SHARE * self._took):
            return
        began = time.monotonic()
        content = results.document(self.run.request, self.media, chunks, survey, ())
        save(content, self.target.folder, self.target.stem, self._formats, overwrite=True)
        self._written = time.monotonic()
        self._took = self._written - began

    @property
    def _formats(self) -> tuple[str, ...]:
        pairs = zip(self.run.formats, self.target.paths, strict=False)  # standard output has no paths
        return tuple(name for name, path in pairs if path in self.wanted)

    def _finished(self, listened: Listened) -> Result:
        run, target = self.run, self.target
        content = results.document(run.request, self.media, listened.chunks, listened.survey, listened.steps)
        report = results.report(content, listened)
        if target.folder is not None:
            save(content, target.folder, target.stem, self._formats, overwrite=True)
        if target.report is not None:
            write_whole(target.report, results.report_json(report), overwrite=True)
        groups = listened.survey.groups
        language = content.transcript.language
        self._note(groups, groups, listened.survey.duration, "finished", report, language)
        results.remark(run.progress, report, listened)
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
        self,
        done: int,
        total: int,
        seconds: float,
        state: State,
        report: Report | None = None,
        language: str = "",
    ) -> None:
        self.run.jobs.note(
            About(
                key=self.key,
                title=self.media.title,
                source=STDIN if self.media.site == "stdin" else self.media.url or str(self.media.path),
                command=self.run.request.command,
                folder=str(Path.cwd()),
                done=done,
                total=total,
                seconds=seconds,
                state=state,
                outputs=tuple(str(path.absolute()) for path in self.target.all),
                written=manner(self.run.request),
                coverage=report.coverage if report else None,
                lost=report.damage.seconds if report else 0.0,
                language=language,
            )
        )
