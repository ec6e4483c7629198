"""One recording, from its file to all that was said: surveyed, journaled, listened to group by group.

A group whose record is in the journal is not heard again, so a run that was killed goes on where it was;
and as nothing of a group depends on when it was heard, what comes out is the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from typing import Any, TypeVar

from bili2text.audio.chunks import Chunk, CutRules, Span, chunks
from bili2text.audio.clips import muted, only
from bili2text.audio.container import inspect
from bili2text.audio.cuts import Cut, Kept, Spread, cut_again, cut_of, opened
from bili2text.audio.decode import Decoder
from bili2text.audio.filters import filtered
from bili2text.audio.read_ahead import read_ahead
from bili2text.audio.speech import SpeechDetector, judged
from bili2text.audio.waveform import SAMPLE_RATE, Samples
from bili2text.errors import RuntimeFailure, SourceError
from bili2text.jobs.journal import Journal
from bili2text.jobs.key import audio_digest, job_key
from bili2text.jobs.recall import recall
from bili2text.jobs.records import Group, Step, Survey, record
from bili2text.loading import CARD_FAILURES, Loader
from bili2text.plan.values import Plan
from bili2text.progress import Progress, Stage
from bili2text.request import Request
from bili2text.seeds import seeded
from bili2text.source.media import Media
from bili2text.subtitles.tidy import LONGEST
from bili2text.terms import Term, hotwords
from bili2text.transcribe.engine import Engine
from bili2text.transcribe.run import ChunkHeard, GroupHeard, Listening, detect, hear

Result = TypeVar("Result")
_FORMAT = 2  # of the journal; another one is another job
_VOTE = -1  # stands for the vote on the language where groups are numbered
# With --multilingual, in seconds: who changes the language takes a breath before
_MULTILINGUAL_CHUNK = 10.0
_MULTILINGUAL_PAUSE = 1.0
_HEARD_FOR_LANGUAGE = 16  # chunks kept from all over a recording for the vote on its language
_OPENING = 2  # short chunks at the beginning, whose text comes before that of a whole batch
# What decides the words. A job done with another version of any of these is another job.
_VERSIONS = ("bili2text", "faster-whisper", "ctranslate2", "av", "numpy", "onnxruntime", "tokenizers")
_WISHES = (
    "model", "compute_type", "beam_size", "best_of", "language", "task", "prefer", "policy",
    "max_model", "min_model", "batched", "word_timestamps",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listened:
    """All that came of listening to one recording."""

    key: str  # of its job
    survey: Survey
    chunks: tuple[ChunkHeard, ...]
    steps: tuple[Step, ...]
    plan: Plan | None  # the last one; None when all had been heard before
    resumed: int  # groups that an earlier run had heard
    work: float  # seconds of this run's work, without loading the model
    heard: float  # seconds of sound that this run listened to
    memory: Mapping[str, Any] = field(default_factory=dict)

    @property
    def speed(self) -> float:
        """Seconds of sound for a second of work."""
        return self.heard / max(self.work, 1e-6)


class StaleJob(Exception):
    """What the journal holds counts no more; the message says why."""


# Told after each group: all chunks so far, and the survey they belong to.
Told = Callable[[Sequence[ChunkHeard], Survey], None]


def key_of(media: Media, request: Request, progress: Progress) -> str:
    """Return the key of the job: of the sound's bytes and of every option that decides the words."""
    return job_key(audio_digest(media.path, progress), _options(request, media))


def transcribe(
    media: Media, request: Request, loader: Loader, progress: Progress, journal: Journal, key: str, told: Told
) -> Listened:
    """Return all that is said in a recording, having heard what the journal does not hold yet.

    Raises MediaError for a file that is no sound, SourceError for one that changed, StorageError when the
    journal cannot be written, StaleJob when the journal has to be begun anew, and what the engine raises when
    no plan is left.
    """
    inspect(media.path, request.track)
    return _Listener(media, request, loader, progress, journal, key, told).run()


def header() -> dict[str, Any]:
    """Return what a journal begins with: a job of another version is begun anew."""
    return {"kind": "header", "format": _FORMAT, "versions": {name: _version(name) for name in _VERSIONS}}


class _Listener:
    """Holds what is known of a recording so far."""

    def __init__(
        self,
        media: Media,
        request: Request,
        loader: Loader,
        progress: Progress,
        journal: Journal,
        key: str,
        told: Told,
    ) -> None:
        self._media, self._request, self._loader, self._progress = media, request, loader, progress
        self._journal, self._key, self._told = journal, key, told
        self._groups: list[GroupHeard] = []
        self._steps: list[Step] = []
        self._survey: Survey | None = None
        self._kept: Kept | None = None  # the sound of a survey that this run made
        self._work = 0.0

    def run(self) -> Listened:
        self._recall()
        survey = self._survey or self._begin()
        resumed = len(self._groups)
        if resumed == survey.groups > 0:
            self._progress.note(
                "all of it was heard before, and is taken from the journal; --fresh --overwrite hears it anew"
            )
        elif resumed:
            self._progress.note(f"going on: {resumed} of {survey.groups} groups were heard before")
        plan = self._listen(survey)
        heard = sum(cut.end - cut.start for cut in survey.cuts[survey.before(resumed) :])
        return Listened(
            key=self._key,
            survey=survey,
            chunks=self._chunks,
            steps=tuple(self._steps),
            plan=plan,
            resumed=resumed,
            work=self._work,
            heard=heard if resumed else _inside(self._request.clips, survey.duration),
            memory=self._loader.taken(),
        )

    @property
    def _chunks(self) -> tuple[ChunkHeard, ...]:
        return tuple(chunk for group in self._groups for chunk in group.chunks)

    def _recall(self) -> None:
        """Take what is in the journal. Raises StaleJob when it makes no sense."""
        try:
            found = recall(self._journal.records)
        except ValueError as error:
            raise StaleJob(f"the journal makes no sense ({error})") from error
        self._survey, self._groups, self._steps = found.survey, list(found.groups), list(found.steps)

    def _begin(self) -> Survey:
        """Survey the recording, and write down how it will be heard before anything is."""
        began = time.monotonic()
        cuts: list[Cut] = []
        spread = Spread[Samples](_HEARD_FOR_LANGUAGE)
        kept = self._kept = Kept()
        with self._sound("survey") as (sound, decoder, stage):
            counted = _Counted(sound, stage)
            heard = only(judged(counted.blocks(), SpeechDetector()), self._request.clips)
            for chunk in chunks(heard, self._rules()):
                cuts.append(cut_of(chunk))
                spread.show(chunk.samples)
                kept.show(chunk)
            damage = decoder.damage
        self._work += time.monotonic() - began
        failures: list[str] = []
        language = self._done(
            lambda plan, engine: detect(spread.kept, engine, self._how(plan)), _VOTE, failures.append
        )
        plan, engine = self._loader.engine()
        longest = self._request.rules.opening
        short = engine.short and longest > 0 and not self._request.listening.sequential
        divided, opening = opened(cuts, longest, min(_OPENING, plan.batch_size) if short else 0)
        survey = Survey(
            counted.seconds,
            damage,
            divided,
            plan.batch_size,
            language,
            self._loader.pin(),
            plan.reasons,
            opening,
        )
        self._journal.append(record(survey))
        for why in failures:
            self._step(0, why)
        return survey

    def _listen(self, survey: Survey) -> Plan | None:
        """Hear the groups that are left, writing each down; return the plan in the end."""
        first = len(self._groups)
        if first == survey.groups:
            return None
        pin = self._steps[-1].pin if self._steps else survey.pin
        self._loader.engine(pin)
        mine = self._loader.pin()
        if mine.model == pin.model and mine.digest != pin.digest:
            raise StaleJob("the model is not the one that was used so far")
        if not self._loader.writes_as(pin):
            self._step(first, f"{pin.model} in {pin.compute_type} on {pin.device_name} is not to be had now")
        numbers = range(first, survey.groups)
        with self._again(survey, first) as (again, stage):
            stage.advance(survey.group(first)[0].start)
            for number, group in zip(numbers, again, strict=True):
                wanted = survey.group(number)
                if [len(chunk.samples) for chunk in group] != [cut.count for cut in wanted]:
                    raise SourceError(
                        "the recording is not what it was when this began", hint="run it again with --fresh"
                    )
                self._groups.append(self._hear(group, number, survey))
                self._journal.append(record(Group(number, self._groups[-1])))
                self._told(self._chunks, survey)
                last = number + 1 == survey.groups
                stage.advance(
                    (survey.duration if last else survey.group(number + 1)[0].start) - wanted[0].start
                )
        return self._loader.engine()[0]

    @contextmanager
    def _again(self, survey: Survey, first: int) -> Iterator[tuple[Iterator[tuple[Chunk, ...]], Stage]]:
        """Open the groups from the first on, and a stage that counts their seconds.

        Their sound is what the survey kept, or is decoded once more: that of a group while the one before
        is heard.
        """
        cuts = survey.cuts[survey.before(first) :]

        def grouped(chunks: Iterator[Chunk]) -> Iterator[tuple[Chunk, ...]]:
            for number in range(first, survey.groups):
                yield tuple(islice(chunks, len(survey.group(number))))

        kept = self._kept.cut(cuts) if self._kept else None
        if kept is not None:
            with self._progress.stage("transcribe", survey.duration, "s") as stage:
                yield grouped(kept), stage
            return
        with (
            self._sound("transcribe") as (sound, _, stage),
            read_ahead(sound, lambda sound: grouped(cut_again(sound, cuts))) as again,
        ):
            yield again, stage

    def _hear(self, group: tuple[Chunk, ...], number: int, survey: Survey) -> GroupHeard:
        """Hear one group."""
        previous = self._groups[-1].previous if self._groups else ()
        language = survey.language.language
        return self._done(
            lambda plan, engine: hear(group, engine, self._how(plan, language), language, previous),
            number,
            lambda why: self._step(number, why),
        )

    def _done(
        self, work: Callable[[Plan, Engine], Result], number: int, stepped: Callable[[str], None]
    ) -> Result:
        """Return what comes of a piece of work with the engine.

        It is done again by the next plan when the card fails, which `stepped` is told, and by a new engine
        when the engine dies: that of the group with this number. Raises what the engine raises in the end.
        """
        while True:
            plan, engine = self._loader.engine()
            began = time.monotonic()
            try:
                return work(plan, engine)
            except CARD_FAILURES as error:
                self._loader.step_down(error)
                stepped(error.message)
            except RuntimeFailure as error:
                if not self._loader.revive(error, number):
                    raise
            finally:
                self._work += time.monotonic() - began

    def _step(self, number: int, why: str) -> None:
        step = Step(number, why, self._loader.pin())
        self._steps.append(step)
        self._journal.append(record(step))

    def _rules(self) -> CutRules:
        """Return how to cut: short where every chunk may have a language of its own, so that few have two."""
        rules = self._request.rules
        if not self._request.listening.multilingual:
            return rules
        longest, pause = min(rules.max_chunk, _MULTILINGUAL_CHUNK), min(rules.max_gap, _MULTILINGUAL_PAUSE)
        return replace(rules, max_chunk=longest, max_gap=pause)

    def _how(self, plan: Plan, language: str | None = None) -> Listening:
        """Return how to listen by a plan; once the language is known, with the terms of this recording."""
        listening = replace(self._request.listening, batch_size=plan.batch_size)
        terms = _terms(self._request, self._media)
        if language is None or not terms:
            return listening
        words = ", ".join(filter(None, (listening.options.hotwords, hotwords(terms, language))))
        return replace(listening, options=replace(listening.options, hotwords=words))

    @contextmanager
    def _sound(self, name: str) -> Iterator[tuple[Iterator[Samples], Decoder, Stage]]:
        """Open the recording's sound, filtered, and a stage that counts its seconds."""
        request = self._request
        with (
            Decoder(self._media.path, track=request.track) as decoder,
            self._progress.stage(name, decoder.info.duration or self._media.duration, "s") as stage,
            # closed first, and whatever happens: the filters' program would wait for its reader for ever
            closing(filtered(decoder.blocks(), request.filters)) as blocks,
        ):
            yield muted((block.samples for block in blocks), request.clips), decoder, stage


class _Counted:
    """Sound on its way, counted."""

    def __init__(self, sound: Iterator[Samples], stage: Stage) -> None:
        self._sound = sound
        self._stage = stage
        self._samples = 0

    @property
    def seconds(self) -> float:
        """Seconds of sound so far."""
        return self._samples / SAMPLE_RATE

    def blocks(self) -> Iterator[Samples]:
        """Yield the sound."""
        for block in self._sound:
            self._samples += len(block)
            self._stage.advance(len(block) / SAMPLE_RATE)
            yield block


def _inside(clips: Sequence[Span], duration: float) -> float:
    """Return how many seconds of a recording are inside the clips."""
    return sum(max(min(clip.end, duration) - clip.start, 0.0) for clip in clips)


def _terms(request: Request, media: Media) -> tuple[Term, ...]:
    """Return the names to expect in a recording: the user's, then its own."""
    if not request.seed_terms:
        return request.terms
    return (*request.terms, *seeded(media.title, "", media.uploader, media.tags))


def _options(request: Request, media: Media) -> dict[str, Any]:
    """Return every option that decides the words."""
    wishes = {name: getattr(request.wishes, name) for name in _WISHES}
    return {
        "wishes": wishes,
        "precision": asdict(request.wishes.precision),
        "listening": asdict(request.listening),
        "rules": asdict(request.rules),
        "filters": list(request.filters),
        "track": request.track,
        # no JSON number is infinite
        "clips": [[clip.start, min(clip.end, LONGEST)] for clip in request.clips],
        "terms": [term.source for term in _terms(request, media)],
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
