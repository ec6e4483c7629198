"""One file's captions, translated and written: the texts of its job, laid back on its lines."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bili2text.captions.save import save, targets
from bili2text.captions.values import Kind
from bili2text.captions.write import rendered, shape_for
from bili2text.chinese.script import Script, written_in
from bili2text.errors import Bili2TextError, StorageError
from bili2text.files import clean_text
from bili2text.jobs.lines import canonical
from bili2text.subtitles.save import all_there, refuse_targets
from bili2text.subtitles.writers import Json
from bili2text.targets import Owners
from bili2text.translate.lay import lay
from bili2text.translate.told import Translated as Work
from bili2text.translation_job import Desk, Job, Origin, direction_of, job_of
from bili2text.translation_request import Translated, Translation, Untranslated

_CHINESE: Mapping[str, Script] = {"zh": "simplified", "zh-Hant": "traditional"}


def translated(desk: Desk, origin: Origin) -> Translated:
    """Return what came of one file; its files are written. An error of ours is in the result."""
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
    return _File(job_of(desk, origin), paths).done()


@dataclass(frozen=True, slots=True)
class _File:
    """One file being translated."""

    job: Job
    paths: tuple[Path, ...]

    def done(self) -> Translation:
        """Translate what is not translated yet, and write the files."""
        self._refuse()
        mark = self._mark()
        work = self.job.done(self.paths, mark)
        found = self._written(work)
        self.job.note(len(self.job.tasks), "finished", self.paths, mark)
        return found

    def _written(self, work: Work) -> Translation:
        job = self.job
        request, captions = job.desk.request, job.origin.captions
        texts, review = self._texts(work)
        details = self._details(work)
        shape = request.shape or shape_for(self.job.direction.target)
        known = replace(captions, language=self.job.direction.source)

        def render(kind: Kind) -> str:
            return rendered(
                known,
                texts,
                kind,
                layout=request.layout,
                shape=shape,
                target=self.job.direction.target,
                title=captions.title,
                details=details,
                review=review,
            )

        text = ""
        if self.job.origin.folder is None:
            text = render(self.job.origin.formats[0])
        else:
            save(
                render,
                self.job.origin.folder,
                self.job.origin.stem,
                self.job.direction.target,
                self.job.origin.formats,
                overwrite=True,
            )
        return Translation(
            name=self.job.origin.name,
            paths=self.paths,
            text=text,
            source=self.job.direction.source,
            target=self.job.direction.target,
            lines=len(captions.lines),
            sentences=len(self.job.tasks),
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
        script = _CHINESE.get(self.job.direction.target)
        if script is not None:
            said = {number: written_in(text, script) for number, text in said.items()}
        texts = lay(self.job.sentences, said, self.job.origin.captions.lines, self.job.direction.target)
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
        pin = work.pin
        return {
            "model": pin.model if pin else None,
            "model_digest": pin.digest if pin else None,
            "engine": pin.engine if pin else None,
            "precision": pin.precision if pin else None,
            "batch_size": pin.batch_size if pin else None,
            "device": pin.device if pin else None,
            "device_name": pin.device_name if pin else None,
            "profile": self.job.manner.profile,
            "beam_size": self.job.manner.decoding.beam_size,
            "reflect": self.job.manner.reflect,
            "context": self.job.desk.request.context,
            "terms": len(self.job.desk.request.terms),
            "sentences": len(self.job.tasks),
            "needs_review": len(work.failed),
            "repaired": dict(sorted(Counter(said.repair for said in work.said if said.repair).items())),
            "steps": [{"group": step.group, "why": step.why} for step in work.steps],
        }

    def _refuse(self) -> None:
        """Raise StorageError for a file that is there and must stay: none of this very job's."""
        if self.job.desk.request.output.overwrite or not self.paths:
            return
        owners = Owners(self.job.desk.jobs).of(self.paths, sure=True)
        mine = [path for path, owner in owners.items() if owner.key == self.job.key]
        for path in mine:
            if owners[path].written != self._mark() and owners[path].state == "finished":
                raise StorageError(
                    f"already there, in another layout: {clean_text(str(path))}",
                    hint="pass --overwrite to write it anew; nothing is translated again",
                )
        refuse_targets([path for path in self.paths if path not in mine], overwrite=False)

    def _mark(self) -> str:
        request = self.job.desk.request
        shape = asdict(request.shape) if request.shape else None
        told = canonical({"layout": request.layout, "shape": shape})
        return hashlib.sha256(told.encode("ascii")).hexdigest()[:8]
