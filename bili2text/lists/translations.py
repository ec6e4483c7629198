"""The last stage of a list: what was transcribed is translated, with one model loaded once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from bili2text.captions.read import read
from bili2text.captions.save import kinds_of
from bili2text.errors import Bili2TextError, Incomplete
from bili2text.lists.manifest import Manifest
from bili2text.lists.values import Entry
from bili2text.progress import Progress
from bili2text.translating import Translating
from bili2text.translation_direction import SameLanguage
from bili2text.translation_job import Origin
from bili2text.translation_request import Translated, Translation, TranslationRequest, Untranslated

# how much of a transcript a file of ours holds: the first says most
_BEST = (".json", ".srt", ".vtt", ".ass", ".tsv", ".lrc", ".txt")


class Translations:
    """Translates the entries of a list that wait for it. Close it."""

    def __init__(
        self,
        manifest: Manifest,
        wanted: TranslationRequest,
        progress: Progress,
        environ: Mapping[str, str],
    ) -> None:
        self._manifest, self._progress = manifest, progress
        self._formats = kinds_of(wanted.output.formats)
        self._translating = Translating(wanted, progress, environ)

    def check(self, language: str | None = None) -> None:
        """Raise what is wrong with the translator before any work.

        Where all is spoken in `language`, and that only changes its script, there is none.
        """
        self._translating.check_language(language)

    def run(self) -> Iterator[tuple[Entry, Translated]]:
        """Yield what came of each entry's translation."""
        for entry in self._manifest.entries:
            if entry.state == "translating":
                yield self._settled(entry, self._translated(entry))
        self._translating.close()  # before more is transcribed, or nothing more is to do

    def _translated(self, entry: Entry) -> Translated:
        best = min((Path(path) for path in entry.paths), key=_preference)
        try:
            captions = read(best)
        except Bili2TextError as error:
            return Untranslated(entry.name, error.with_traceback(None))
        # subtitles alone do not say which language they are in
        captions = replace(captions, language=captions.language or entry.language)
        return self._translating.translated(
            Origin(entry.name, captions, best.parent, best.stem, self._formats)
        )

    def _settled(self, entry: Entry, came: Translated) -> tuple[Entry, Translated]:
        if isinstance(came, Translation):
            why = f"{came.missing} sentences have no translation" if came.missing else entry.why
            code = Incomplete.exit_code if came.missing else entry.code
            return self._manifest.change(entry.place, state="done", why=why, code=code), came
        if came.why is None or isinstance(came.why, SameLanguage):
            if came.why is not None:
                self._progress.note(f"{came.why.message}: not translated")
            now = self._manifest.change(entry.place, state="done")
            return now, Untranslated(came.name, None, came.paths)
        why, code = came.why.message, came.why.exit_code
        return self._manifest.change(entry.place, state="failed", why=f"translation: {why}", code=code), came

    def close(self) -> None:
        """Let go of the translator."""
        self._translating.close()


def _preference(path: Path) -> int:
    return _BEST.index(path.suffix) if path.suffix in _BEST else len(_BEST)
