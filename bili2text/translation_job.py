"""One text through a translator: its sentences, its job, and the journal that a kill does not undo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from bili2text.captions.values import Captions, Kind
from bili2text.errors import UsageError
from bili2text.jobs.journal import Journal
from bili2text.jobs.store import About, Jobs, State
from bili2text.progress import Progress
from bili2text.subtitles.writers import Json
from bili2text.translate.context import tasks
from bili2text.translate.guess import language_of
from bili2text.translate.holder import Holder
from bili2text.translate.manner import Manner
from bili2text.translate.records import header, job_key
from bili2text.translate.sentences import sentences
from bili2text.translate.told import StaleJob, Translated, as_line
from bili2text.translate.values import Direction, Said, Sentence, Task
from bili2text.translate.work import translate
from bili2text.translation_request import TranslationRequest
from bili2text.translators.engine import Decoding
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


class SameLanguage(UsageError):
    """A text is in the language it was to be translated into."""


class ProfiledHolder(Holder, Protocol):
    """A holder that knows how its translator wants to be asked before that is loaded."""

    @property
    def profile(self) -> Profile:
        """How the translator that is loaded, or would be, wants to be asked."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What all texts of a run share."""

    request: TranslationRequest
    holder: ProfiledHolder
    jobs: Jobs
    progress: Progress


def direction_of(request: TranslationRequest, origin: Origin) -> Direction:
    """Return from which language into which. Raises UsageError where that is not known, or the same."""
    source = request.source or origin.captions.language
    source = source or language_of(line.text for line in origin.captions.lines)
    if not source:
        raise UsageError(f"{origin.name} does not say which language it is in", hint="say it: --from en")
    if source == request.target:
        raise SameLanguage(
            f"{origin.name} is in {source} already", hint="another --to, or --from if that is wrong"
        )
    return Direction(source, request.target)


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

    def done(self, outputs: Sequence[Path] = (), written: str = "") -> Translated:
        """Translate what is not translated yet; return all of it. `outputs` are the files to come of it.

        `written` is a mark of how they will be written. Raises what `translate` raises, and StorageError.
        """
        jobs = self.desk.jobs
        if self.desk.request.fresh:
            jobs.remove(self.key)
        try:
            return self._journaled(outputs, written)
        except StaleJob as stale:
            self.desk.progress.note(f"{stale}: beginning anew")
            jobs.remove(self.key)
            return self._journaled(outputs, written)

    def note(self, done: int, state: State, outputs: Sequence[Path], written: str) -> None:
        """Write down how far the job is, for `jobs list`."""
        self.desk.jobs.note(
            About(
                key=self.key,
                title=f"{self.origin.captions.title or self.origin.name} ({self.direction.target})",
                source=self.origin.name,
                command=self.desk.request.command,
                folder=str(Path.cwd()),
                done=done,
                total=len(self.tasks),
                seconds=0.0,
                state=state,
                outputs=tuple(str(path.absolute()) for path in outputs),
                written=written,
            )
        )

    def _journaled(self, outputs: Sequence[Path], written: str) -> Translated:
        desk = self.desk
        with Journal.open(desk.jobs.folder(self.key), header(), wait=self._wait) as journal:
            if journal.discarded:
                desk.progress.warn(journal.discarded)
            if journal.empty:
                self.note(0, "running", outputs, written)
            try:
                return translate(
                    self.tasks,
                    self.manner,
                    desk.holder,
                    journal,
                    desk.progress,
                    _Told(self, outputs, written),
                    retry_failed=desk.request.retry_failed,
                )
            except KeyboardInterrupt:
                desk.progress.warn(f"to go on: bili2text jobs resume {self.key[:8]}")
                raise

    def _wait(self) -> None:
        self.desk.progress.note(f"{self.origin.name}: another bili2text is at it: waiting for it")


def job_of(desk: Desk, origin: Origin) -> Job:
    """Return the job of a text; nothing is loaded. Raises what `direction_of` raises, and the choice does."""
    request, lines = desk.request, origin.captions.lines
    direction = direction_of(request, origin)
    found = sentences(lines, direction.source)
    asked = tasks(found, request.terms, before=request.context, lines=lines)
    profile = desk.holder.profile if asked else "chat"
    manner = Manner(direction, profile, Decoding(beam_size=request.wishes.beam_size), request.reflect)
    return Job(desk, origin, direction, found, asked, manner, job_key(asked, manner, _wished(request)))


def _wished(request: TranslationRequest) -> dict[str, Json]:
    """Return what the user asked of the model, as far as it decides the words."""
    wishes = request.wishes
    return {
        "model_path": str(wishes.model_path.resolve()) if wishes.model_path else None,
        "engine": wishes.engine,
        "precision": wishes.precision,
        "batch_size": wishes.batch_size,
        "endpoint": asdict(request.endpoint) if request.endpoint else None,
    }


class _Told:
    """Tells of every sentence as soon as it is written down, and now and then how far the job is."""

    def __init__(self, job: Job, outputs: Sequence[Path], written: str) -> None:
        self._job = job
        self._outputs = outputs
        self._written = written
        self._done: set[int] = set()

    def __call__(self, task: Task, said: Said) -> None:
        self._job.desk.progress.note(as_line(task, said))
        self._done.add(said.number)
        if len(self._done) % _NOTE_EVERY == 0:
            self._job.note(len(self._done), "running", self._outputs, self._written)
