"""One file's captions, translated: sentences, a job and its journal, the texts laid back on the lines."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

from bili2text.captions.save import save, targets
from bili2text.captions.values import Captions, Kind
from bili2text.captions.write import rendered, shape_for
from bili2text.chinese.script import written_in
from bili2text.errors import Bili2TextError, StorageError, UsageError
from bili2text.files import clean_text
from bili2text.jobs.journal import Journal
from bili2text.jobs.lines import canonical
from bili2text.jobs.store import About, Jobs, State
from bili2text.progress import Progress
from bili2text.subtitles.save import all_there, refuse_targets
from bili2text.subtitles.writers import Json
from bili2text.targets import Owners
from bili2text.translate.context import tasks
from bili2text.translate.guess import language_of
from bili2text.translate.holder import Holder
from bili2text.translate.lay import lay
from bili2text.translate.manner import Manner
from bili2text.translate.records import header, job_key
from bili2text.translate.sentences import sentences
from bili2text.translate.told import StaleJob, as_line
from bili2text.translate.told import Translated as Work
from bili2text.translate.values import Direction, Said, Sentence, Task
from bili2text.translate.work import translate
from bili2text.translation_request import Translated, Translation, TranslationRequest, Untranslated
from bili2text.translators.engine import Decoding
from bili2text.translators.values import Profile

_CHINESE = {"zh": "simplified", "zh-Hant": "traditional"}
_NOTE_EVERY = 20  # sentences between two notes of how far a job is


@dataclass(frozen=True, slots=True)
class Origin:
    """What is to be translated, and where the translation goes."""

    name: str  # for the user
    captions: Captions
    folder: Path | None  # None: standard output
    stem: str
    formats: tuple[Kind, ...]


class SameLanguage(UsageError):
    """A text is in the language it was to be translated into."""


class ProfiledHolder(Holder, Protocol):
    """A holder that knows how its translator wants to be asked before that is loaded."""

    @property
    def profile(self) -> Profile:
        """How the translator that is loaded, or would be, wants to be asked."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What all files of a run share."""

    request: TranslationRequest
    holder: ProfiledHolder
    jobs: Jobs
    progress: Progress


def translated(desk: Desk, origin: Origin) -> Translated:
    """Return what came of one file; its files are written. Raises nothing of our own but by the result."""
    try:
        return _translated(desk, origin)
    except Bili2TextError as error:
        return Untranslated(origin.name, error.with_traceback(None))


def _translated(desk: Desk, origin: Origin) -> Translated:
    direction = direction_of(desk.request, origin)
    # talk.en.srt in Chinese is talk.zh.srt
    origin = replace(origin, stem=origin.stem.removesuffix(f".{direction.source}") or origin.stem)
    paths: tuple[Path, ...] = ()
    if origin.folder is not None:
        paths = targets(origin.folder, origin.stem, direction.target, origin.formats)
    if desk.request.output.skip and all_there(paths):
        return Untranslated(origin.name, None, paths)
    found = sentences(origin.captions.lines, direction.source)
    asked = tasks(found, desk.request.terms, before=desk.request.context, lines=origin.captions.lines)
    return _Job(desk, origin, direction, found, asked, paths).done()


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
class _Job:
    """One file being translated."""

    desk: Desk
    origin: Origin
    direction: Direction
    sentences: tuple[Sentence, ...]
    tasks: tuple[Task, ...]
    paths: tuple[Path, ...]

    def done(self) -> Translation:
        """Translate what is not translated yet, and write the files."""
        manner = self._manner()
        key = job_key(self.tasks, manner, self._wishes())
        self._refuse(key)
        jobs = self.desk.jobs
        if self.desk.request.fresh:
            jobs.remove(key)
        try:
            return self._journaled(key, manner)
        except StaleJob as stale:
            self.desk.progress.note(f"{stale}: beginning anew")
            jobs.remove(key)
            return self._journaled(key, manner)

    def _manner(self) -> Manner:
        request = self.desk.request
        decoding = Decoding(beam_size=request.wishes.beam_size)
        profile = self.desk.holder.profile if self.tasks else "chat"
        return Manner(self.direction, profile, decoding, request.reflect)

    def _wishes(self) -> dict[str, Json]:
        """Return what the user asked of the model, as far as it decides the words."""
        request = self.desk.request
        wishes = request.wishes
        return {
            "model_path": str(wishes.model_path.resolve()) if wishes.model_path else None,
            "engine": wishes.engine,
            "precision": wishes.precision,
            "batch_size": wishes.batch_size,
            "endpoint": asdict(request.endpoint) if request.endpoint else None,
        }

    def _journaled(self, key: str, manner: Manner) -> Translation:
        desk = self.desk
        with Journal.open(desk.jobs.folder(key), header(), wait=self._wait) as journal:
            if journal.discarded:
                desk.progress.warn(journal.discarded)
            if journal.empty:
                self.note(key, 0, "running")
            try:
                work = translate(
                    self.tasks,
                    manner,
                    desk.holder,
                    journal,
                    desk.progress,
                    _Told(self, key),
                    retry_failed=desk.request.retry_failed,
                )
            except KeyboardInterrupt:
                desk.progress.warn(f"to go on: bili2text jobs resume {key[:8]}")
                raise
            found = self._written(work, manner)
            self.note(key, len(self.tasks), "finished")
        return found

    def _written(self, work: Work, manner: Manner) -> Translation:
        request, captions = self.desk.request, self.origin.captions
        texts, review = self._texts(work)
        details = self._details(work, manner)
        shape = request.shape or shape_for(self.direction.target)
        known = replace(captions, language=self.direction.source)

        def render(kind: Kind) -> str:
            return rendered(
                known,
                texts,
                kind,
                layout=request.layout,
                shape=shape,
                target=self.direction.target,
                title=captions.title,
                details=details,
                review=review,
            )

        text = ""
        if self.origin.folder is None:
            text = render(self.origin.formats[0])
        else:
            save(
                render,
                self.origin.folder,
                self.origin.stem,
                self.direction.target,
                self.origin.formats,
                overwrite=True,
            )
        return Translation(
            name=self.origin.name,
            paths=self.paths,
            text=text,
            source=self.direction.source,
            target=self.direction.target,
            lines=len(captions.lines),
            sentences=len(self.tasks),
            review=len(work.failed),
            missing=sum(not said.text for said in work.said),
            repaired=dict(Counter(said.repair for said in work.said if said.repair)),
            resumed=work.resumed,
            seconds=work.work,
            details=details,
        )

    def _texts(self, work: Work) -> tuple[tuple[str, ...], Mapping[int, tuple[str, ...]]]:
        """Return the text of each line, and what is wrong with those that need a review."""
        said = {one.number: one.text for one in work.said}
        script = _CHINESE.get(self.direction.target)
        if script is not None:
            said = {number: written_in(text, script) for number, text in said.items()}  # type: ignore[arg-type]
        texts = lay(self.sentences, said, self.origin.captions.lines, self.direction.target)
        faults = {one.number: one.faults for one in work.failed}
        review = {
            piece.line: faults[one.number]
            for one in self.sentences
            if one.number in faults
            for piece in one.pieces
        }
        return texts, review

    def _details(self, work: Work, manner: Manner) -> dict[str, Json]:
        """Return how a translation was made. Nothing of it depends on when, or in how many runs."""
        pin = work.pin
        return {
            "model": pin.model if pin else None,
            "model_digest": pin.digest if pin else None,
            "engine": pin.engine if pin else None,
            "precision": pin.precision if pin else None,
            "batch_size": pin.batch_size if pin else None,
            "device": pin.device if pin else None,
            "device_name": pin.device_name if pin else None,
            "profile": manner.profile,
            "beam_size": manner.decoding.beam_size,
            "reflect": manner.reflect,
            "context": self.desk.request.context,
            "terms": len(self.desk.request.terms),
            "sentences": len(self.tasks),
            "needs_review": len(work.failed),
            "repaired": dict(sorted(Counter(said.repair for said in work.said if said.repair).items())),
            "steps": [{"group": step.group, "why": step.why} for step in work.steps],
        }

    def _refuse(self, key: str) -> None:
        """Raise StorageError for a file that is there and must stay: none of this very job's."""
        if self.desk.request.output.overwrite or not self.paths:
            return
        owners = Owners(self.desk.jobs).of(self.paths, sure=True)
        mine = [path for path, owner in owners.items() if owner.key == key]
        for path in mine:
            if owners[path].written != self._mark() and owners[path].state == "finished":
                raise StorageError(
                    f"already there, in another layout: {clean_text(str(path))}",
                    hint="pass --overwrite to write it anew; nothing is translated again",
                )
        refuse_targets([path for path in self.paths if path not in mine], overwrite=False)

    def _mark(self) -> str:
        request = self.desk.request
        shape = asdict(request.shape) if request.shape else None
        told = canonical({"layout": request.layout, "shape": shape})
        return hashlib.sha256(told.encode("ascii")).hexdigest()[:8]

    def _wait(self) -> None:
        self.desk.progress.note(f"{self.origin.name}: another bili2text is at it: waiting for it")

    def note(self, key: str, done: int, state: State) -> None:
        """Write down how far the job is, for `jobs list`."""
        self.desk.jobs.note(
            About(
                key=key,
                title=f"{self.origin.captions.title or self.origin.name} ({self.direction.target})",
                source=self.origin.name,
                command=self.desk.request.command,
                folder=str(Path.cwd()),
                done=done,
                total=len(self.tasks),
                seconds=0.0,
                state=state,
                outputs=tuple(str(path.absolute()) for path in self.paths),
                written=self._mark(),
            )
        )


class _Told:
    """Tells of every sentence as soon as it is written down, and now and then how far the job is."""

    def __init__(self, job: _Job, key: str) -> None:
        self._job = job
        self._key = key
        self._done: set[int] = set()

    def __call__(self, task: Task, said: Said) -> None:
        self._job.desk.progress.note(as_line(task, said))
        self._done.add(said.number)
        if len(self._done) % _NOTE_EVERY == 0:
            self._job.note(self._key, len(self._done), "running")
