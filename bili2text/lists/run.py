"""A list, worked through: each recording once, what may pass again at the end, translations last.

Whatever happens is in the manifest before the work goes on, so a run that was killed goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from bili2text.errors import Incomplete, RuntimeFailure
from bili2text.files import clean_text
from bili2text.jobs.store import Jobs
from bili2text.lists import rules as decide
from bili2text.lists.expand import remembered
from bili2text.lists.finding import Finder, Found
from bili2text.lists.manifest import Manifest
from bili2text.lists.rules import Rules
from bili2text.lists.translations import Translations
from bili2text.lists.values import SETTLED, Entry
from bili2text.lists.watch import Watched
from bili2text.paths import cache_dir
from bili2text.pipeline import Transcribing
from bili2text.prefetch import Finding, ahead
from bili2text.progress import Progress
from bili2text.request import Failed, Outcome, Request, Result, Skipped
from bili2text.source.again import verdict
from bili2text.source.redact import safe_text
from bili2text.translation_request import Translated, TranslationRequest

Told = tuple[Entry, Outcome | Translated]


class Batch:
    """Works through a list with one request for all of it. Close it."""

    def __init__(
        self,
        request: Request,
        manifest: Manifest,
        rules: Rules,
        progress: Progress,
        environ: Mapping[str, str],
        wanted: TranslationRequest | None = None,
    ) -> None:
        """Nothing is opened yet."""
        # what failed and may pass comes again at the end of the list, not at once
        self._request = replace(request, link=replace(request.link, tries=1))
        self._manifest, self._rules, self._progress = manifest, rules, progress
        self._jobs = Jobs(cache_dir(environ))
        self._finder = Finder(self._request, manifest, rules, environ)
        self._transcribing = Transcribing(self._request, progress, environ)
        self._translations = Translations(manifest, wanted, progress, environ) if wanted else None
        self._asked_to_wait = 0.0  # seconds, by servers

    def check(self) -> None:
        """Raise what is wrong before any work: what `Transcribing.check` and `Translating.check` raise."""
        self._transcribing.check()
        if self._translations is not None:
            self._translations.check(self._request.listening.language)

    def add(self, sources: Iterable[str]) -> None:
        """Add what the list does not hold yet. Raises UsageError for standard input."""
        for link in [remembered(text) for text in sources]:
            self._manifest.add((), "source", link, safe_text(link))

    def run(self, watched: Watched | None = None) -> Finding[Told]:
        """Yield what came of each recording, and of its translation, in turn; errors of ours are in it.

        With a watched folder this goes on with what appears in it, until Ctrl-C while nothing is there to do.
        """
        self._recover()
        try:
            yield from self._rounds()
            while watched is not None and self._appeared(watched):
                yield from self._rounds()
        finally:
            self._put_back()

    def close(self) -> None:
        """Let go of the models."""
        self._transcribing.close()
        if self._translations is not None:
            self._translations.close()

    def _recover(self) -> None:
        """Set right what a run that died left; names that are given stay given."""
        for entry in self._manifest.entries:
            if entry.state in (*SETTLED, "translating"):
                self._transcribing.names.take([Path(path) for path in entry.paths])
            elif entry.state == "transcribing":
                self._died(entry)
        self._put_back()

    def _died(self, entry: Entry) -> None:
        heard = max(
            (job.done for job in self._jobs.all() if entry.job and job.source == entry.job), default=0
        )
        deaths, enough = decide.died(entry, heard)
        self._change(entry, deaths=deaths, gained=heard)
        if enough:
            why = f"the program ended {deaths} times in the midst of it"
            self._change(entry, state="quarantined", why=why, code=RuntimeFailure.exit_code)

    def _put_back(self) -> None:
        for entry in self._manifest.entries:
            if entry.state in ("downloading", "transcribing"):
                self._change(entry, state="waiting")

    def _rounds(self) -> Iterator[Told]:
        yield from self._pass(frozenset())
        while late := [one for one in self._manifest.entries if self._is_late(one)]:
            least = min(one.tries for one in late)
            seconds = decide.pause(least, self._rules, self._asked_to_wait)
            self._asked_to_wait = 0.0
            self._progress.note(f"{len(late)} may come right: trying them again in {seconds:.0f} s")
            time.sleep(seconds)
            yield from self._pass(frozenset(one.place for one in late))
        self._transcribing.close()  # one model's memory is the other's room
        if self._translations is not None:
            yield from self._translations.run()

    def _is_late(self, entry: Entry) -> bool:
        tried = entry.state == "waiting" and entry.tries > 0 and entry.place not in self._finder.held
        return tried and self._finder.may(entry)

    def _pass(self, late: frozenset[tuple[int, ...]]) -> Iterator[Told]:
        """Yield what came of each entry not tried yet, and of these `late` ones."""

        def chosen(entry: Entry) -> bool:
            return entry.tries == 0 or entry.place in late

        def find(progress: Progress) -> Finding[Found]:
            return self._finder.find(chosen, self._transcribing, progress)

        with closing(ahead(find, self._progress)) as found:
            for one in found:
                yield self._transcribed(one)

    def _transcribed(self, found: Found) -> Told:
        before = self._manifest.entry(found.place)
        name = found.item.name
        entry = self._change(
            before, state="transcribing", name=name, job=found.job, seconds=found.seconds or before.seconds
        )
        try:
            outcome = self._transcribing.item(found.item, found.prefix)
        except BaseException:  # Ctrl-C is no death
            self._change(entry, state="waiting")
            raise
        if isinstance(outcome, Failed):
            return self._failed(entry, outcome), outcome
        return self._written(entry, outcome), outcome

    def _written(self, entry: Entry, outcome: Result | Skipped) -> Entry:
        short = decide.shortcoming(outcome, self._rules)
        if isinstance(outcome, Result):
            said = outcome.document.transcript
            seconds, language = said.duration, said.language
        else:
            seconds, language = entry.seconds, outcome.language
        return self._change(
            entry,
            state="done" if self._translations is None else "translating",
            why=short,
            code=Incomplete.exit_code if short else 0,
            deaths=0,
            paths=tuple(str(path.absolute()) for path in outcome.paths),
            seconds=round(seconds, 3),
            language=language or self._request.listening.language or "",
        )

    def _failed(self, entry: Entry, outcome: Failed) -> Entry:
        error = outcome.error
        said = verdict(error)
        fate = decide.fate(entry, error, said, self._rules)
        if fate.held:
            self._finder.held.add(entry.place)
        elif fate.state == "waiting":
            self._asked_to_wait = max(self._asked_to_wait, said.wait)
        return self._change(
            entry,
            state=fate.state,
            tries=fate.tries,
            why=error.message,
            code=error.exit_code,
        )

    def _appeared(self, watched: Watched) -> bool:
        """Wait for files that the list does not hold, and add them; False after Ctrl-C."""
        self._progress.note(f"watching {clean_text(str(watched.folder))}; Ctrl-C ends it")
        before = len(self._manifest.entries)
        try:
            while len(self._manifest.entries) == before:
                time.sleep(watched.every)
                self.add(str(path) for path in watched.look())
        except KeyboardInterrupt:
            return False
        return True

    def _change(self, entry: Entry, **now: Any) -> Entry:  # noqa: ANN401 - fields of an Entry
        return self._manifest.change(entry.place, **now)
