"""One text through a translator: its sentences, its job, and the journal that a kill does not undo."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from bili2text.captions.values import Captions, Kind
from bili2text.errors import StorageError, UsageError
from bili2text.jobs.journal import Journal
from bili2text.jobs.lines import canonical
from bili2text.jobs.store import About, Jobs, State
from bili2text.models.stamps import Stamps
from bili2text.progress import Progress
from bili2text.remote.plain import plain
from bili2text.seq2seq.values import Way
from bili2text.translate.context import tasks
from bili2text.translate.holder import Holder
from bili2text.translate.manner import Manner
from bili2text.translate.profiles import RULES
from bili2text.translate.records import header, job_key
from bili2text.translate.sentences import sentences
from bili2text.translate.told import StaleJob, Translated, as_line, there
from bili2text.translate.values import Direction, Said, Sentence, Task
from bili2text.translate.work import translate
from bili2text.translation_direction import are_chinese, direction_of, refuse_beyond
from bili2text.translation_request import TranslationRequest, wished
from bili2text.translators import folders
from bili2text.translators.engine import Decoding
from bili2text.translators.fingerprint import fingerprint
from bili2text.translators.values import Profile

_NOTE_EVERY = 20  # sentences between two notes of how far a job is


@dataclass(frozen=True, slots=True)
class Origin:
    """What is to be translated, and where the translation goes."""

    name: str  # for the user
    captions: Captions
    folder: Path | None = None  # None: standard output, or nowhere
    stem: str = ""
    formats: tuple[Kind, ...] = ()


class ProfiledHolder(Holder, Protocol):
    """A holder that knows how its translator wants to be asked before that is loaded."""

    @property
    def profile(self) -> Profile:
        """How the translator that is loaded, or would be, wants to be asked."""

    @property
    def ways(self) -> tuple[Way, ...]:
        """The directions that it was made for; () for a chat model, or where that is not known."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What all texts of a run share."""

    request: TranslationRequest
    holder: ProfiledHolder
    jobs: Jobs
    progress: Progress
    environ: Mapping[str, str]


def digest_of(captions: Captions) -> str:
    """Return a sha256, in hex, of a file's lines, times, styles and title."""
    told = canonical(plain(replace(captions, language="", warning="")))  # type: ignore[arg-type]
    return hashlib.sha256(told.encode("ascii")).hexdigest()


@dataclass(frozen=True, slots=True)
class Job:
    """One text being translated. Made by `job_of`."""

    desk: Desk
    origin: Origin
    direction: Direction
    sentences: tuple[Sentence, ...]
    tasks: tuple[Task, ...]
    manner: Manner
    key: str

    def done(self) -> Translated:
        """Translate what is not translated yet; return all of it.

        Raises what `translate` raises, and StorageError.
        """
        if self.desk.request.fresh:
            self._begin_anew()
        try:
            return self._journaled()
        except StaleJob as stale:
            self.desk.progress.note(f"{stale}: beginning anew")
            self._begin_anew()
            return self._journaled()

    @property
    def about(self) -> About | None:
        """What was noted of the job so far."""
        return self.desk.jobs.about(self.key)

    @property
    def total(self) -> int:
        """The sentences; where no model is asked, the lines."""
        return len(self.tasks) or len(self.origin.captions.lines)

    def note(
        self, done: int, state: State, outputs: Sequence[Path] = (), wrote: tuple[str, ...] = ()
    ) -> None:
        """Write down how far the job is, for `jobs list`; what was noted of its files before stays.

        `outputs` are files that it has written, or is about to, and `wrote` what, as `About` has it.
        """
        before = self.about
        there = [path for path in before.outputs if os.path.lexists(path)] if before else []
        self.desk.jobs.note(
            About(
                key=self.key,
                title=f"{self._title} ({self.direction.target})",
                source=self.origin.name,
                command=self.desk.request.command,
                folder=str(Path.cwd()),
                done=done,
                total=self.total,
                seconds=0.0,
                state=state,
                outputs=tuple(dict.fromkeys((*there, *(str(path.absolute()) for path in outputs)))),
                wrote=wrote or (before.wrote if before else ()),
            )
        )

    @property
    def _title(self) -> str:
        name, title = self.origin.name, self.origin.captions.title
        if self.origin.captions.kind == "ass" and title not in ("", name):
            return f"{name}: {title}"  # the same in every file of a series
        return title or name

    def _journaled(self) -> Translated:
        desk = self.desk
        with Journal.open(desk.jobs.folder(self.key), header(), wait=self._wait) as journal:
            if journal.discarded:
                desk.progress.warn(journal.discarded)
            if journal.empty:
                self.note(0, "running")
            told = _Told(self, there(self.tasks, journal.records))
            try:
                return translate(
                    self.tasks,
                    self.manner,
                    desk.holder,
                    journal,
                    desk.progress,
                    told,
                    retry_failed=desk.request.retry_failed,
                    digest="" if journal.empty else self._forced_digest(),
                )
            except KeyboardInterrupt:
                desk.progress.warn(f"to go on: bili2text jobs resume {self.key[:8]}")
                raise
            finally:
                told.end()

    def _begin_anew(self) -> None:
        """Forget all that was translated, but not which files the job has written."""
        jobs, before = self.desk.jobs, self.about
        try:
            jobs.remove(self.key)
        except UsageError as error:
            hint = "stop it first; without --fresh this waits for it, and takes what it has translated"
            raise UsageError(error.message, hint=hint) from error
        if before is not None:
            jobs.note(replace(before, done=0, state="unfinished"))

    def _forced_digest(self) -> str:
        """Return the digest of the model in a folder that is forced; "" where none is."""
        folder = self.desk.request.wishes.model_path
        if folder is None:
            return ""
        stamps = Stamps(folders.models_dir(self.desk.environ) / ".stamps")
        return fingerprint(folder, stamps, self.desk.progress)

    def _wait(self) -> None:
        self.desk.progress.note(f"{self.origin.name}: another bili2text is at it: waiting for it")


def job_of(desk: Desk, origin: Origin) -> Job:
    """Return the job of a text; nothing is loaded. Raises what `direction_of` raises, and the choice does."""
    request, lines = desk.request, origin.captions.lines
    direction = direction_of(request, origin.captions, origin.name)
    found = () if are_chinese(direction.source, direction.target) else sentences(lines, direction.source)
    asked = tasks(found, request.terms, before=request.context, lines=lines)
    profile = desk.holder.profile if asked else "chat"
    told = RULES[profile].told
    if not told:
        refuse_beyond(desk.holder.ways, direction.target, direction.source, "this model")
        asked = tasks(found, (), before=0, lines=lines)
    manner = Manner(
        direction, profile, Decoding(beam_size=request.wishes.beam_size), request.reflect and told
    )
    # what asks nothing of a model is told apart by its lines
    of = wished(request) if asked else {"lines": digest_of(origin.captions)}
    return Job(desk, origin, direction, found, asked, manner, job_key(asked, manner, of))


class _Told:
    """Tells of every sentence as soon as it is written down, and now and then how far the job is."""

    def __init__(self, job: Job, done: set[int]) -> None:
        """`done` are the sentences that earlier runs have written down."""
        self._job = job
        self._done = done
        self._heard = 0

    def __call__(self, task: Task, said: Said) -> None:
        self._job.desk.progress.note(as_line(task, said))
        self._done.add(said.number)
        self._heard += 1
        if self._heard % _NOTE_EVERY == 0:
            self._job.note(len(self._done), "running")

    def end(self) -> None:
        """Note how far this run has come, however it ends."""
        if self._heard:
            with suppress(StorageError):  # the journal has it all; why the run ended matters more
                self._job.note(len(self._done), "unfinished")
