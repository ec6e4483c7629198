"""What becomes of each recording: offered to workers, done, tried again, given up; all of it written down."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bili2text.cluster.board import Board
from bili2text.cluster.crew import Came, misfit, trouble
from bili2text.cluster.entering import Entering, There
from bili2text.cluster.ray_cluster import Death
from bili2text.cluster.results import Results
from bili2text.cluster.values import Job, Told
from bili2text.errors import Bili2TextError, Incomplete, RuntimeFailure, StorageError
from bili2text.files import clean_text
from bili2text.lists import rules as decide
from bili2text.lists.finding import Found
from bili2text.lists.manifest import Manifest
from bili2text.lists.rules import Rules
from bili2text.lists.values import SETTLED, Entry, Place
from bili2text.progress import Progress
from bili2text.request import Output, Request, Skipped
from bili2text.source.again import verdict
from bili2text.subtitles.save import formats_of
from bili2text.targets import Names


class Settling:
    """Keeps the list, the results' place and the board in step."""

    def __init__(
        self,
        request: Request,
        manifest: Manifest,
        rules: Rules,
        progress: Progress,
        results: Results,
        entering: Entering,
    ) -> None:
        """Take over what an earlier run left: names that are given stay given, what was under way waits."""
        self.board = Board()
        self._output = request.output
        self._formats = formats_of(request.output.formats)
        self._anew = request.fresh or request.output.overwrite
        self._manifest, self._rules, self._progress = manifest, rules, progress
        self._results, self._entering = results, entering
        self._names = Names()
        self._asked_to_wait = 0.0  # seconds, by servers
        for entry in manifest.entries:
            if entry.state in SETTLED:
                self._names.take([Path(path.rpartition("/")[2]) for path in entry.paths])
        self.put_back()

    def put_back(self) -> None:
        """Let what was under way wait: a driver's end says nothing of the recordings its workers had."""
        for entry in self._manifest.entries:
            if entry.state in ("downloading", "transcribing"):
                self._change(entry.place, state="waiting")

    def offered(self, one: Found | There) -> Entry | None:
        """Put what was found on the board; return what is settled without a worker."""
        if isinstance(one, There):
            return self._done(one.place, one.files, one.seconds, "")
        try:
            self.board.offer(self._job(one))
        except Bili2TextError as error:
            return self.failed(one.place, error)
        except OSError as error:
            return self.failed(one.place, _unread(one.item.name, error))
        seconds = one.seconds or self._manifest.entry(one.place).seconds
        self._change(one.place, name=one.item.name, job=one.job, seconds=seconds)
        return None

    def begun(self, job: Job) -> None:
        """Write down that a worker has it."""
        self._change(job.place, state="transcribing")

    def unread(self, worker: int, job: Job, error: OSError) -> Entry:
        """Return the entry of a recording whose file could not be sent to its worker."""
        self.board.settled(worker)
        return self.failed(job.place, _unread(str(job.media.path), error))

    def settled(self, came: Came) -> Entry | None:
        """Return what is settled by a worker's answer; None where another one will have the recording."""
        answer = came.answer
        if isinstance(answer, Death):
            return self._died(came.worker, answer)
        error = trouble(answer)
        if error is not None and misfit(answer):
            return self._misfit(came.worker, error)
        job = self.board.settled(came.worker)
        if job is None:
            return None
        if isinstance(answer, Told) and error is None and self._results.whole(job.key) is None:
            said = "a worker says that its files are written, and they are not there"
            error = StorageError(said, hint="check the results' place")
        if error is not None or not isinstance(answer, Told):
            return self.failed(job.place, error or RuntimeFailure("no answer"))
        for line in answer.said:
            self._progress.warn(f"{job.media.title}: {line}")
        written = Skipped(job.media.title, (), answer.coverage, answer.lost)
        short = decide.shortcoming(written, self._rules)
        return self._done(job.place, answer.written, answer.seconds, short)

    def failed(self, place: Place, error: Bili2TextError) -> Entry:
        """Return the entry of a recording that failed, as it is now: it may wait to be tried again."""
        entry = self._manifest.entry(place)
        said = verdict(error)
        fate = decide.fate(entry, error, said, self._rules)
        if fate.held:
            self._entering.finder.held.add(place)
        elif fate.state == "waiting":
            self._asked_to_wait = max(self._asked_to_wait, said.wait)
        else:
            self._results.withdraw(self._entering.key(entry))
        return self._change(
            place, state=fate.state, tries=fate.tries, why=error.message, code=error.exit_code
        )

    def late(self) -> tuple[tuple[Place, ...], float]:
        """Return what may come right when it is tried once more, and the seconds until then."""
        late = [one for one in self._manifest.entries if self._is_late(one)]
        if not late:
            return (), 0.0
        seconds = decide.pause(min(one.tries for one in late), self._rules, self._asked_to_wait)
        self._asked_to_wait = 0.0
        return tuple(one.place for one in late), seconds

    def _is_late(self, entry: Entry) -> bool:
        finder = self._entering.finder
        tried = entry.state == "waiting" and entry.tries > 0 and entry.place not in finder.held
        return tried and finder.may(entry)

    def _job(self, one: Found) -> Job:
        media = one.item.fetch()
        # the names alone are wanted: where they will be is no folder of this machine's
        target = self._names.target(media, Output("."), self._formats, one.prefix)
        files = target.all if self._output.report else target.paths
        job = Job(one.place, self._entering.key(self._manifest.entry(one.place)), target.stem, media)
        media.path.stat()
        self._results.claim(job.key, [path.name for path in files], overwrite=self._anew)
        return job

    def _died(self, worker: int, death: Death) -> Entry | None:
        found = self.board.died(worker, blamed=death.cause == "process")
        if found is None:
            return None
        job, fate = found
        self._results.clear(job.key)
        deaths = self.board.case(job.place).deaths
        if fate == "again":
            what = "its machine is gone" if death.cause == "node" else "its worker died"
            self._progress.note(f"{job.media.title}: {what}; another one will have it")
            return None
        self._results.withdraw(job.key)
        why = f"it killed {deaths} workers" if fate == "quarantined" else "its workers were lost too often"
        return self._change(job.place, state=fate, why=why, code=RuntimeFailure.exit_code, deaths=deaths)

    def _misfit(self, worker: int, error: Bili2TextError) -> Entry | None:
        found = self.board.misfit(worker)
        if found is None:
            return None
        job, fate = found
        self._results.clear(job.key)
        if fate != "again":
            return self.failed(job.place, error)
        self._progress.warn(f"{job.media.title}: a worker could not: {error.message}; another one will try")
        return None

    def _done(self, place: Place, files: Iterable[str], seconds: float, short: str) -> Entry:
        texts = [name for name in files if not name.endswith(".report.json")]
        return self._change(
            place,
            state="done",
            why=short,
            code=Incomplete.exit_code if short else 0,
            deaths=0,
            paths=tuple(self._results.shown(name) for name in texts),
            seconds=round(seconds, 3),
        )

    def _change(self, place: Place, **now: Any) -> Entry:  # noqa: ANN401 - fields of an Entry
        return self._manifest.change(place, **now)


def _unread(name: str, error: OSError) -> StorageError:
    return StorageError(
        f"cannot read {clean_text(name)}: {error.strerror or error}", hint="fetch it again with --refresh"
    )
