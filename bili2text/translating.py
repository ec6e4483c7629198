"""The translations of one run: one translator for all of them, on this machine or behind an address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from bili2text.captions.read import read
from bili2text.captions.save import kinds_of
from bili2text.captions.values import Captions, Kind
from bili2text.errors import Bili2TextError, UsageError
from bili2text.files import clean_text
from bili2text.jobs.store import Jobs
from bili2text.paths import cache_dir
from bili2text.progress import Progress
from bili2text.subtitles.save import all_there
from bili2text.targets import BESIDE, STDOUT
from bili2text.translation import translated
from bili2text.translation_direction import SCRIPTS, are_chinese, direction_of, needs_model, refuse_beyond
from bili2text.translation_job import Desk, Origin
from bili2text.translation_outputs import Names
from bili2text.translation_request import SAME, Translated, TranslationRequest, Untranslated
from bili2text.translator_endpoint import EndpointHolder, endpoint
from bili2text.translator_loading import TranslatorLoader
from bili2text.translator_planning import Look
from bili2text.translators.values import TranslatorPlan

_OF_JSON: tuple[Kind, ...] = ("txt", "srt", "json")  # a transcript is translated into what one is written in


class Translating:
    """Translates one file after the other; the model is loaded for the first sentence, once. Close it."""

    def __init__(
        self,
        request: TranslationRequest,
        progress: Progress,
        environ: Mapping[str, str],
        look: Look | None = None,
    ) -> None:
        """Nothing is probed or loaded yet; `look` stands in for looking at this machine."""
        self._request = request
        self._progress = progress
        self._environ = environ
        self._look = look
        self._holder: TranslatorLoader | EndpointHolder | None = None
        self._names = Names()

    def check(self, *, reserve_mib: int = 0) -> TranslatorPlan | None:
        """Return what would run now, None where a server translates; raise what is wrong before any work.

        `reserve_mib` more of the card is left to somebody else.
        """
        holder = self._held()
        if isinstance(holder, EndpointHolder):
            holder.check()
            return None
        plan = holder.planner.plan(reserve_mib=reserve_mib)
        refuse_beyond(plan.model.ways, self._request.target, self._request.source, plan.model.name)
        return plan

    def takes_a_model(self, tasks: Iterable[tuple[Path, TranslationRequest]]) -> bool:
        """Return whether any of the files takes a model.

        Not so are Chinese that only changes its script, and with --skip what has all its files.
        """
        names = Names()
        return any(_takes_a_model(path, request, names) for path, request in tasks)

    def check_language(self, language: str | None) -> bool:
        """Do as `check` does, unless what is in this language takes no model; return whether it was done."""
        if are_chinese(self._request.source or language, self._request.target):
            return False
        self.check()
        return True

    def translated(self, origin: Origin, request: TranslationRequest | None = None) -> Translated:
        """Return what came of one text; its files are written. An error of ours is in the result.

        `request` may say other languages, another layout or glossary than the run's; the model stays.
        """
        jobs = Jobs(cache_dir(self._environ))
        desk = Desk(request or self._request, self._held(), jobs, self._progress, self._environ)
        return translated(desk, origin, self._names)

    def file(self, path: Path, request: TranslationRequest | None = None) -> Translated:
        """Return what came of one file, as `translated` does."""
        try:
            origin = _origin(path, request or self._request)
        except Bili2TextError as error:
            return Untranslated(clean_text(str(path)), error.with_traceback(None))
        if origin.captions.warning:
            self._progress.warn(origin.captions.warning)
        return self.translated(origin, request)

    def close(self) -> None:
        """Let go of the translator, and wait until its card has its memory back."""
        if self._holder is not None:
            self._holder.close()

    def _held(self) -> TranslatorLoader | EndpointHolder:
        if self._holder is None:
            there = endpoint(self._request, self._environ, self._progress)
            self._holder = there or TranslatorLoader(self._request, self._progress, self._environ, self._look)
        return self._holder


def _takes_a_model(path: Path, request: TranslationRequest, names: Names) -> bool:
    if request.target not in SCRIPTS and not request.output.skip:
        return True
    try:
        origin = _origin(path, request)
        if not needs_model(request, origin.captions):
            return False
        direction = direction_of(request, origin.captions, origin.name)
        _, paths = names.named(origin, direction, request)
    except Bili2TextError:  # its turn comes, and says so
        return False
    return not (request.output.skip and all_there(paths))


def _origin(path: Path, request: TranslationRequest) -> Origin:
    """Return a file as what is to be translated. Raises SourceError, and UsageError for a format."""
    captions = read(path)
    folder = request.output.folder
    where = {STDOUT: None, BESIDE: path.parent}.get(folder, Path(folder).expanduser())
    return Origin(clean_text(path.name), captions, where, path.stem, _formats(request, captions))


def _formats(request: TranslationRequest, captions: Captions) -> tuple[Kind, ...]:
    """Return the formats to write. Raises UsageError for a name that is none."""
    wanted = request.output.formats
    if wanted.strip().lower() == SAME:
        return _OF_JSON if captions.kind == "json" else (captions.kind,)
    kinds = kinds_of(wanted)
    if request.output.folder == STDOUT and len(kinds) != 1:
        raise UsageError("standard output takes one format", hint="name one, as in -f srt -o -")
    return kinds
