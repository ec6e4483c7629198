"""The one way the data flows: source -> media -> sound -> chunks -> plan -> transcript -> files."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from bili2text.audio.chunks import Chunk, chunks
from bili2text.audio.container import inspect
from bili2text.audio.decode import Decoder
from bili2text.audio.filters import filtered
from bili2text.audio.speech import SpeechDetector, judged
from bili2text.audio.waveform import SAMPLE_RATE, Block, Samples
from bili2text.errors import Bili2TextError, SourceError, UsageError
from bili2text.files import safe_name
from bili2text.loading import CARD_FAILURES, Loader
from bili2text.paths import cache_dir
from bili2text.plan import explain
from bili2text.progress import Progress, Stage
from bili2text.request import Failed, Outcome, Request, Result, Skipped
from bili2text.segments import Transcript
from bili2text.source.fetch import open_source
from bili2text.source.locate import locate
from bili2text.source.media import GENERIC_SITES, Item, Media
from bili2text.subtitles.save import all_there, formats_of, refuse_targets, save, targets
from bili2text.subtitles.writers import Document, Json, document
from bili2text.transcribe.run import Heard, listen

if TYPE_CHECKING:
    from bili2text.audio.damage import Damage
    from bili2text.plan.values import Plan
    from bili2text.transcribe.engine import Engine

_STDOUT = "-"
_BESIDE = "source"
_VERSIONS = ("bili2text", "faster-whisper", "ctranslate2", "av", "yt-dlp")


def run(request: Request, progress: Progress, environ: Mapping[str, str]) -> Iterator[Outcome]:
    """Yield what came of each recording, one after the other; one that fails does not stop the next.

    The model is loaded when the first recording is there, and once. Raises UsageError at once for an
    output that cannot be, before anything is downloaded.
    """
    formats = formats_of(request.output.formats)
    if request.output.folder == _STDOUT and len(formats) != 1:
        raise UsageError("standard output takes one format", hint="name one, as in -f txt -o -")
    with closing(Loader(request, progress, environ)) as loader:
        plan = loader.check()
        if request.explain:
            progress.show(explain.text(plan))
        job = _Job(request, formats, progress, loader, set())
        for text in request.sources:
            try:
                empty = True
                for item in open_source(locate(text, _exists), request.link, cache_dir(environ), progress):
                    empty = False
                    yield _outcome(job, item)
                if empty:
                    raise SourceError(f"nothing was chosen from {text}", hint="check --playlist-items")
            except Bili2TextError as error:
                yield Failed(text, _light(error))


@dataclass(frozen=True, slots=True)
class _Job:
    """What all recordings of a run share."""

    request: Request
    formats: tuple[str, ...]
    progress: Progress
    loader: Loader
    taken: set[str]  # names that recordings of this run have, in lower case: disks may not tell cases apart


@dataclass(frozen=True, slots=True)
class _Listened:
    """What came of listening to one recording."""

    heard: Heard
    plan: Plan
    duration: float  # seconds of sound, the silence put in for damage included
    damage: Damage
    work: float  # seconds it took, without loading the model
    memory: Mapping[str, Json] = field(default_factory=dict)  # of the card; empty on the CPU

    @property
    def speed(self) -> float:
        """Seconds of sound for a second of work."""
        return self.duration / max(self.work, 1e-6)


def _outcome(job: _Job, item: Item) -> Outcome:
    try:
        media = item.fetch()
        output = job.request.output
        folder = _folder(job.request, media)
        stem = _free_stem(job, media, folder) if folder else ""
        paths = targets(folder, stem, job.formats) if folder else ()
        if output.skip and all_there(paths):
            job.progress.note(f"{item.name}: already there, left as it is")
            return Skipped(item.name, paths)
        refuse_targets(paths, overwrite=output.overwrite)
        listened = _listen(job, media)
        content = _document(job.request, media, listened)
        if folder:
            paths = save(content, folder, stem, job.formats, overwrite=output.overwrite)
    except Bili2TextError as error:
        return Failed(item.name, _light(error))
    _remark(job.progress, listened)
    return Result(item.name, media, content, paths, listened.plan, listened.speed, listened.damage.seconds)


def _listen(job: _Job, media: Media) -> _Listened:
    """Transcribe as planned; when the card fails, from the start by the next plan, where one is left."""
    # a file that is no sound is refused before a model is loaded for it
    inspect(media.path, job.request.track)
    while True:
        plan, engine = job.loader.engine()
        try:
            listened = _heard(job, media, plan, engine)
        except CARD_FAILURES as error:
            job.loader.step_down(error)
        else:
            return replace(listened, memory=job.loader.taken())


def _heard(job: _Job, media: Media, plan: Plan, engine: Engine) -> _Listened:
    request = job.request
    how = replace(request.listening, batch_size=plan.batch_size)
    began = time.monotonic()
    with (
        Decoder(media.path, track=request.track) as decoder,
        job.progress.stage("transcribe", decoder.info.duration or media.duration, "s") as stage,
        # closed first, and whatever happens: the filters' program would wait for its reader for ever
        closing(filtered(decoder.blocks(), request.filters)) as blocks,
    ):
        mark = _Mark(stage)
        cut = chunks(judged(mark.counted(blocks), SpeechDetector()), request.rules)
        heard = listen(cut, engine, how, mark.reached)
        stage.advance(mark.seconds - mark.at)
        return _Listened(heard, plan, mark.seconds, decoder.damage, time.monotonic() - began)


class _Mark:
    """How far a recording is: how much sound there was, and up to where it is text."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._samples = 0
        self.at = 0.0  # seconds; the end of the latest finished chunk

    @property
    def seconds(self) -> float:
        """Seconds of sound decoded so far."""
        return self._samples / SAMPLE_RATE

    def counted(self, blocks: Iterator[Block]) -> Iterator[Samples]:
        """Yield the sound of the blocks, counting it."""
        for block in blocks:
            self._samples += len(block.samples)
            yield block.samples

    def reached(self, chunk: Chunk) -> None:
        """Advance the stage to the end of a chunk; a batch may finish chunks out of order."""
        if chunk.end > self.at:
            self._stage.advance(chunk.end - self.at)
            self.at = chunk.end


def _folder(request: Request, media: Media) -> Path | None:
    """Return where this recording's files go; None for standard output."""
    folder = request.output.folder
    if folder == _STDOUT:
        return None
    if folder == _BESIDE:
        return media.path.parent if media.site == "file" else Path()
    return Path(folder).expanduser()


def _stem(media: Media) -> str:
    """Return the name the files have before the dot: a file's own, or the title with the site's id.

    The id keeps two recordings of one title apart, and is never what a long title pushes out. Where the
    site is none that yt-dlp knows, the id is only a file's name: a mark of the link stands in for it.
    """
    if media.site == "file":
        return media.path.stem
    if media.site == "stdin":
        return "stdin"
    known = media.id and media.site.lower() not in GENERIC_SITES
    tail = safe_name(media.id or "", limit=40) if known else _digest(media.url or media.title)
    return f"{safe_name(media.title)} [{tail}]"


def _free_stem(job: _Job, media: Media, folder: Path) -> str:
    """Return a stem that no other recording of this run has: talk.mp3 and talk.wav, or two in two folders."""
    stem = _stem(media)
    longer = media.path.name if media.site == "file" else stem
    for candidate in (stem, longer, f"{stem} [{_digest(str(media.path))}]"):
        (path,) = targets(folder, candidate, ("txt",))
        key = str(path).casefold()
        if key not in job.taken:
            job.taken.add(key)
            return candidate
    raise SourceError(f"the same recording again: {media.title}", hint="name it once")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # too long for a name, or a NUL in it: no file of ours
        return False


def _light(error: Bili2TextError) -> Bili2TextError:
    """Return the error without its traceback, which would keep every frame, and its sound, alive."""
    return error.with_traceback(None)


def _document(request: Request, media: Media, listened: _Listened) -> Document:
    heard, plan = listened.heard, listened.plan
    transcript = Transcript(
        segments=heard.segments,
        language="en" if request.listening.options.task == "translate" else heard.language.language,
        language_probability=heard.language.probability,
        duration=listened.duration,
    )
    damage = listened.damage
    details: dict[str, Json] = {
        "model": plan.model,
        "device": plan.device,
        "device_name": plan.device_name,
        "compute_type": plan.compute_type,
        "batch_size": plan.batch_size,
        "beam_size": plan.beam_size,
        "best_of": plan.best_of,
        "memory": dict(listened.memory),
        "task": request.listening.options.task,
        "reasons": list(plan.reasons),
        "spoken_language": heard.language.language,
        "speech_seconds": round(heard.speech, 2),
        "chunks": heard.chunks,
        "windows": heard.looks,
        "work_seconds": round(listened.work, 2),
        "damage": {
            "bad_packets": damage.bad_packets,
            "gaps": damage.gaps,
            "lost_seconds": round(damage.lost_seconds, 3),
            "truncated_seconds": round(damage.truncated_seconds, 3),
            "non_finite_samples": damage.non_finite_samples,
        },
        "uploader": media.uploader,
        "tags": list(media.tags),
        "versions": {name: _version(name) for name in _VERSIONS} | {"python": sys.version.split()[0]},
    }
    source = media.url or (media.path.name if media.site == "file" else "standard input")
    return document(transcript, request.shape, title=media.title, source=source, details=details)


def _remark(progress: Progress, listened: _Listened) -> None:
    heard = listened.heard
    if listened.damage:
        progress.warn(listened.damage.describe())
    if not heard.segments:
        progress.warn("no speech was found; if there is some, try --no-vad-filter or a larger --model")
    progress.note(
        f"{listened.duration:.1f} s of sound, {heard.speech:.1f} s of speech, "
        f"language {heard.language.language} ({heard.language.probability:.2f}), "
        f"{listened.speed:.1f}x realtime"
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
