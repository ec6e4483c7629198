"""What a worker does with a recording, on whichever machine it sits. Knows nothing of Ray."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from bili2text.cluster.results import Results
from bili2text.cluster.scratch import Scratch, sweep
from bili2text.cluster.values import Job, Planned, Told, trouble_of
from bili2text.errors import Bili2TextError, StorageError
from bili2text.files import storage_error
from bili2text.gpu.probe import device_now
from bili2text.paths import cache_dir
from bili2text.pipeline import Transcribing
from bili2text.plan.values import Plan, Wishes
from bili2text.progress import Silent
from bili2text.request import Failed, Request, Result
from bili2text.source.media import Item, LinkOptions, Media
from bili2text.subtitles.save import formats_of
from bili2text.targets import Names


class Worker:
    """Transcribes recordings, one after the other, with one model loaded once. Close it."""

    def __init__(self, request: Request, address: str, environ: Mapping[str, str]) -> None:
        """Open the results' place and a folder of its own; no model is loaded yet.

        Raises UsageError, StorageError or DependencyError.
        """
        self._results = Results(address)
        self._cache = cache_dir(environ)
        self._scratch = Scratch(self._cache)
        out = self._scratch.folder / "out"
        output = replace(request.output, folder=str(out), overwrite=True, skip=False)
        self._request = replace(request, output=output)
        self._said = _Said()
        self._transcribing = Transcribing(self._request, self._said, environ)

    def ready(self, word: str) -> Planned:
        """Return what would run here now.

        Raises StorageError unless the word that the driver left is found in the results' place, and what
        `Transcribing.check` raises.
        """
        if not self._results.sees(word):
            raise StorageError(
                f"this machine sees another place behind {self._results.address}",
                hint="results need a bucket, or a folder that every machine has mounted in the same place",
            )
        return _planned(self._transcribing.check())

    def transcribe(self, job: Job, sound: Iterable[bytes] | None) -> Told:
        """Return what came of a job, its files in the results' place; an error of ours is in it.

        `sound` is the recording's file in pieces, None where its path leads to it from here. What is there
        and whole already is left as it is.
        """
        self._said.lines.clear()
        began = time.monotonic()
        try:
            there = self._results.whole(job.key)
            if there is not None:
                return Told(job.key, None, tuple(there.files), float(there.facts.get("seconds", 0.0)))
            told = self._transcribed(job, self._placed(job, sound))
        except Bili2TextError as error:
            told = Told(job.key, trouble_of(error))
        finally:
            for name in ("in", "out"):
                with suppress(StorageError):
                    self._scratch.emptied(name)
        return replace(told, work=time.monotonic() - began, said=tuple(self._said.lines))

    def close(self) -> None:
        """Let go of the model, and leave nothing behind, of those who died here neither."""
        self._transcribing.close()
        self._scratch.close()
        sweep(self._cache)

    def _placed(self, job: Job, sound: Iterable[bytes] | None) -> Media:
        """Return the recording with its file on this machine."""
        folder = self._scratch.emptied("in")
        path = folder / job.media.path.name  # which may stand in the transcript
        if sound is None:
            with suppress(OSError):
                path.symlink_to(job.media.path)
                return replace(job.media, path=path)
            return job.media
        try:
            with path.open("wb") as file:
                for piece in sound:
                    file.write(piece)
        except OSError as error:
            raise storage_error(error, path) from error
        return replace(job.media, path=path)

    def _transcribed(self, job: Job, media: Media) -> Told:
        out = self._scratch.emptied("out")
        self._transcribing.names = names = Names()
        formats = formats_of(self._request.output.formats)
        local = names.expected(media, self._request.output, formats)
        outcome = self._transcribing.item(Item(media.title, lambda: media))
        if isinstance(outcome, Failed):
            trouble = trouble_of(outcome.error)
            # the name that the driver's user knows, not that of a copy
            said = trouble.message.replace(str(media.path), str(job.media.path))
            return Told(job.key, replace(trouble, message=said))
        files = {job.stem + path.name[len(local.stem) :]: path for path in sorted(out.iterdir())}
        seconds = outcome.document.transcript.duration if isinstance(outcome, Result) else 0.0
        coverage = outcome.report.coverage if isinstance(outcome, Result) else None
        facts = {"seconds": round(seconds, 3), "title": media.title, "url": media.url}
        self._results.put(job.key, files, facts)
        return Told(job.key, None, tuple(files), seconds, 0.0, outcome.lost, coverage)


def for_workers(request: Request, planned: Planned | None = None) -> Request:
    """Return what a worker is told of a request: nothing of links, cookies and proxies, which it needs not.

    With a plan it keeps to that: two workers that share a card must not plan by what was free before.
    """
    told = replace(
        request,
        sources=(),
        link=LinkOptions(),
        models=replace(request.models, proxy=None),
        command=(),
        explain=False,
    )
    return told if planned is None else replace(told, wishes=kept(request.wishes, planned))


def kept(wishes: Wishes, planned: Planned) -> Wishes:
    """Return the wishes that lead to this plan again."""
    same = replace(
        wishes,
        model=planned.model,
        compute_type=planned.compute_type,
        batch_size=planned.batch_size,
        beam_size=planned.beam_size,
        threads=planned.threads,
    )
    if planned.device == "cpu":
        return replace(same, device="cpu")
    return replace(same, device="cuda", vram_budget_mib=planned.need_mib)


def _planned(plan: Plan) -> Planned:
    card = device_now(plan.gpu) if plan.gpu else None
    return Planned(
        plan.model,
        plan.compute_type,
        plan.batch_size,
        plan.beam_size,
        plan.device,
        plan.device_name,
        plan.need_mib,
        card.total_mib if card is not None else 0,
        plan.room.mib,
        plan.threads,
        plan.reasons,
    )


class _Said(Silent):
    """A Progress that keeps the warnings, for the driver to tell."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def warn(self, text: str) -> None:
        """Keep it."""
        self.lines.append(text)
