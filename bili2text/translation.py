"""One file's captions, translated and written: the texts of its job, laid back on its lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bili2text.captions.save import save
from bili2text.captions.values import Kind
from bili2text.captions.write import rendered, shape_for
from bili2text.chinese.script import written_in
from bili2text.errors import Bili2TextError
from bili2text.files import clean_text
from bili2text.subtitles.save import all_there
from bili2text.subtitles.writers import Json
from bili2text.translate.lay import lay
from bili2text.translate.profiles import RULES
from bili2text.translate.told import Translated as Work
from bili2text.translation_direction import SCRIPTS, are_chinese, direction_of, turned
from bili2text.translation_job import Desk, Job, Origin, job_of
from bili2text.translation_outputs import Names, Written, mark_of, unlike
from bili2text.translation_request import Translated, Translation, Untranslated


def translated(desk: Desk, origin: Origin, names: Names) -> Translated:
    """Return what came of one file; its files are written. An error of ours is in the result."""
    try:
        return _translated(desk, origin, names)
    except Bili2TextError as error:
        return Untranslated(origin.name, error.with_traceback(None))


def _translated(desk: Desk, origin: Origin, names: Names) -> Translated:
    direction = direction_of(desk.request, origin.captions, origin.name)
    stem, paths = names.named(origin, direction, desk.request)
    if desk.request.output.skip and all_there(paths):
        return Untranslated(origin.name, None, paths)
    return _File(job_of(desk, replace(origin, stem=stem)), paths).done()


@dataclass(frozen=True, slots=True)
class _File:
    """One file being translated."""

    job: Job
    paths: tuple[Path, ...]

    def done(self) -> Translation:
        """Translate what is not translated yet, and write the files."""
        job, mark = self.job, mark_of(self.job.desk.request, self.job.origin.captions)
        self._refuse(mark)
        work = job.done()
        self._refuse(mark)  # hours later: what has come there meanwhile stays
        texts, review = self._texts(work)
        details = self._details(work)
        whole = [self._rendered(kind, texts, review, details) for kind in job.origin.formats]
        self._write(whole, mark)
        found = Translation(
            name=job.origin.name,
            paths=self.paths,
            text="" if self.paths else whole[0],
            source=job.direction.source,
            target=job.direction.target,
            lines=len(job.origin.captions.lines),
            sentences=len(job.tasks),
            review=len(work.failed),
            missing=sum(not said.text for said in work.said),
            repaired=dict(Counter(said.repair for said in work.said if said.repair)),
            resumed=work.resumed,
            seconds=work.work,
            details=details,
        )
        self._tell(found)
        return found

    def _rendered(
        self,
        kind: Kind,
        texts: tuple[str, ...],
        review: Mapping[int, tuple[str, ...]],
        details: Mapping[str, Json],
    ) -> str:
        job = self.job
        return rendered(
            replace(job.origin.captions, language=job.direction.source),
            texts,
            kind,
            layout=job.desk.request.layout,
            shape=job.desk.request.shape or shape_for(job.direction.target),
            target=job.direction.target,
            title=job.origin.captions.title,
            details=details,
            review=review,
        )

    def _write(self, whole: list[str], mark: str) -> None:
        """Write the files that are not there yet as they are to be, all or none."""
        job, origin = self.job, self.job.origin
        if origin.folder is None:
            job.note(job.total, "finished")
            return
        # before the first byte: killed from here on, the next run knows its own files
        wrote = Written.of(job.about, mark).with_texts(whole)
        job.note(job.total, "running", self.paths, wrote)
        new = unlike(self.paths, whole)
        texts = {origin.formats[place]: whole[place] for place in new}
        there = any(self.paths[place].exists() for place in new)  # one that may be replaced: else nothing is
        way = (origin.folder, origin.stem, job.direction.target, tuple(texts))
        save(texts.__getitem__, *way, overwrite=there)
        if not new:
            job.desk.progress.note(f"{origin.name}: already there, left as it is")
        job.note(job.total, "finished", self.paths, wrote)

    def _tell(self, found: Translation) -> None:
        """Warn of what a person should look at."""
        if found.review:
            marked = next((path for path in found.paths if path.suffix == ".json"), None)
            where = f"in {clean_text(str(marked))}" if marked else "in the JSON, with -f json"
            self.job.desk.progress.warn(
                f"{found.name}: {found.review} of {found.sentences} sentences need review; "
                f"they are marked {where}"
            )

    def _texts(self, work: Work) -> tuple[tuple[str, ...], Mapping[int, tuple[str, ...]]]:
        """Return the text of each line, and what is wrong with those that need a review."""
        lines, way = self.job.origin.captions.lines, self.job.direction
        if are_chinese(way.source, way.target):
            return turned((line.text for line in lines), way.target), {}
        said = {one.number: one.text for one in work.said}
        script = SCRIPTS.get(way.target)
        if script is not None:
            said = {number: written_in(text, script) for number, text in said.items()}
        texts = lay(self.job.sentences, said, lines, way.target)
        faults = {one.number: one.faults for one in work.failed}
        review = {
            piece.line: faults[one.number]
            for one in self.job.sentences
            if one.number in faults
            for piece in one.pieces
        }
        return texts, review

    def _details(self, work: Work) -> dict[str, Json]:
        """Return how a translation was made. Nothing of it depends on when, or in how many runs."""
        pin, told = work.pin, RULES[self.job.manner.profile].told
        return {
            "model": pin.model if pin else None,
            "model_digest": pin.digest if pin else None,
            "engine": pin.engine if pin else None,
            "precision": pin.precision if pin else None,
            "batch_size": pin.batch_size if pin else None,
            "device": pin.device if pin else None,
            "device_name": pin.device_name if pin else None,
            "profile": self.job.manner.profile if self.job.tasks else None,
            "beam_size": self.job.manner.decoding.beam_size,
            "reflect": self.job.manner.reflect,
            "context": self.job.desk.request.context if told else 0,
            "terms": len(self.job.desk.request.terms) if told else 0,
            "sentences": len(self.job.tasks),
            "needs_review": len(work.failed),
            "repaired": dict(sorted(Counter(said.repair for said in work.said if said.repair).items())),
            "steps": [{"group": step.group, "why": step.why} for step in work.steps],
        }

    def _refuse(self, mark: str) -> None:
        """Raise StorageError for a file that is there and must stay."""
        Written.of(self.job.about, mark).refuse(self.paths, overwrite=self.job.desk.request.output.overwrite)
