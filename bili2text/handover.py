"""From transcripts to translations: Whisper's process ends, its memory comes back, the translator begins.

For a list all is transcribed first, then all translated, so that each model is loaded once; recording by
recording only where both models have room side by side and neither is a smaller one for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bili2text import pipeline
from bili2text.captions.read import of_document, read
from bili2text.captions.save import kinds_of
from bili2text.captions.values import Captions, Kind
from bili2text.errors import Bili2TextError
from bili2text.loading import Loader
from bili2text.progress import Progress
from bili2text.request import Outcome, Request, Result, Skipped
from bili2text.translating import Translating
from bili2text.translation_direction import SameLanguage
from bili2text.translation_job import Origin
from bili2text.translation_request import Translated, TranslationRequest, Untranslated


@dataclass(frozen=True, slots=True)
class _Transcribed:
    """A recording whose transcript is written, and waits for its translation."""

    name: str
    captions: Captions
    folder: Path | None  # None: standard output
    stem: str


def run(
    request: Request, wanted: TranslationRequest, progress: Progress, environ: Mapping[str, str]
) -> Iterator[Outcome | Translated]:
    """Yield what came of each recording, and what came of its translation.

    A recording that fails is not translated, and stops no other. Raises what `pipeline.run` raises, and
    before anything is downloaded ModelError, OutOfMemory or UsageError where nothing could be translated.
    """
    formats = kinds_of(request.output.formats)
    translating = Translating(wanted, progress, environ)
    checked = translating.check_language(request.listening.language)
    beside = checked and _side_by_side(request, translating, progress, environ)
    waiting: list[_Transcribed] = []
    try:
        for outcome in pipeline.run(request, progress, environ):
            yield outcome
            try:
                found = _transcribed(outcome, request)
            except Bili2TextError as error:
                yield Untranslated(outcome.name, error)
                continue
            if found is not None:
                waiting.append(found)
            if beside:
                yield from _translations(waiting, formats, translating, progress)
        yield from _translations(waiting, formats, translating, progress)
    finally:
        translating.close()


def _translations(
    waiting: list[_Transcribed], formats: tuple[Kind, ...], translating: Translating, progress: Progress
) -> Iterator[Translated]:
    """Translate what waits, the first that came first."""
    while waiting:
        one = waiting.pop(0)
        found = translating.translated(Origin(one.name, one.captions, one.folder, one.stem, formats))
        if isinstance(found, Untranslated) and isinstance(found.why, SameLanguage):
            progress.note(f"{found.why.message}: not translated")
            found = Untranslated(found.name, None)
        yield found


def _side_by_side(
    request: Request, translating: Translating, progress: Progress, environ: Mapping[str, str]
) -> bool:
    """Return whether both models have room at once, and the translator is no smaller one for it.

    With one recording there is nothing to gain: the first model has no more to do when the second begins.
    """
    if len(request.sources) < 2 and not request.link.playlist_items:
        return False
    alone = translating.check()
    if alone is None or alone.device != "cuda":  # on a CPU they would only take each other's time
        return False
    whisper = Loader(request, progress, environ).check()
    if whisper.gpu != alone.gpu:
        return False
    try:
        both = translating.check(reserve_mib=whisper.need_mib)
    except Bili2TextError:
        return False
    same = both is not None and (both.model, both.precision, both.gpu) == (
        alone.model,
        alone.precision,
        alone.gpu,
    )
    if same:
        progress.note(f"plan: {whisper.model} and {alone.model.name} have room side by side")
    return same


def _transcribed(outcome: Outcome, request: Request) -> _Transcribed | None:
    """Return what there is to translate of a recording; of one that was there already, from its files.

    Raises SourceError for files of ours that cannot be read any more.
    """
    if isinstance(outcome, Result):
        folder, stem = _place(outcome.paths)
        return _Transcribed(outcome.name, of_document(outcome.document), folder, stem)
    if isinstance(outcome, Skipped):
        best = min(outcome.paths, key=_preference, default=None)
        if best is None:
            return None
        folder, stem = _place(outcome.paths)
        captions = read(best)
        language = captions.language or outcome.language or request.listening.language or ""
        return _Transcribed(outcome.name, replace(captions, language=language), folder, stem)
    return None


def _place(paths: tuple[Path, ...]) -> tuple[Path | None, str]:
    """Return where a recording's files are, and their name before the dot."""
    return (paths[0].parent, paths[0].stem) if paths else (None, "")


def _preference(path: Path) -> int:
    """Return how much of a transcript a file of ours holds; the smaller, the more."""
    order = (".json", ".srt", ".vtt", ".ass", ".tsv", ".lrc", ".txt")
    return order.index(path.suffix) if path.suffix in order else len(order)
