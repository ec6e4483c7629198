"""From what was heard to what is written: the document of a recording, its report, and what is said of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

from bili2text.chinese.normalise import normalised
from bili2text.coverage import ChunkFact, Evidence, Report
from bili2text.coverage import report as report_of
from bili2text.coverage_text import as_json as report_json
from bili2text.coverage_text import count, lines
from bili2text.jobs.records import Step, Survey
from bili2text.progress import Progress
from bili2text.recording import Listened
from bili2text.request import Request
from bili2text.segments import Segment, Transcript
from bili2text.source.media import Media
from bili2text.subtitles.writers import Document, Json
from bili2text.subtitles.writers import document as made
from bili2text.transcribe.run import ChunkHeard

__all__ = ["document", "remark", "report", "report_json"]
_VERSIONS = ("bili2text", "faster-whisper", "ctranslate2", "av", "yt-dlp")
_CHINESE = ("zh", "yue")


def document(
    request: Request, media: Media, chunks: Sequence[ChunkHeard], survey: Survey, steps: Sequence[Step]
) -> Document:
    """Return the document of what was heard so far: the same for the same journal, whoever wrote it."""
    language = survey.language
    transcript = Transcript(
        segments=tuple(segment for chunk in chunks for segment in _written(chunk, request)),
        language="en" if request.listening.options.task == "translate" else language.language,
        language_probability=language.probability,
        duration=survey.duration,
    )
    source = media.url or (media.path.name if media.site == "file" else "standard input")
    details = _details(request, media, chunks, survey, steps)
    return made(transcript, request.shape, title=media.title, source=source, details=details)


def report(content: Document, listened: Listened) -> Report:
    """Return how complete a transcript is, and what the run was like."""
    survey = listened.survey
    pin = listened.steps[-1].pin if listened.steps else survey.pin
    memory = listened.memory
    facts: dict[str, Json] = {
        "model": pin.model,
        "device": pin.device_name,
        "compute_type": pin.compute_type,
        "reasons": list(survey.reasons),  # they tell what was free then: another run gives others
        "speed": round(listened.speed, 2) if listened.work else None,
        "work_seconds": round(listened.work, 2),
        "groups_from_journal": listened.resumed,
        "peak_ram_mib": memory.get("ram_mib"),
        "peak_vram_mib": memory.get("peak_mib"),
        "memory": dict(memory),
        "job": listened.key,
    }
    return report_of(
        Evidence(
            speech=tuple(span for cut in survey.cuts for span in cut.speech),
            segments=content.transcript.segments,
            duration=survey.duration,
            cues=content.cues,
            chunks=tuple(_fact(chunk, survey) for chunk in listened.chunks),
            judged=content.details["doubtful"] is not None,
            damage=survey.damage,
            steps=tuple(step.why for step in listened.steps),
            facts=facts,
        )
    )


def remark(progress: Progress, found: Report, listened: Listened) -> None:
    """Say what a person should know of a finished recording: three lines, and warnings."""
    survey = listened.survey
    if survey.damage:
        progress.warn(survey.damage.describe())
    if not survey.cuts and not listened.heard and survey.duration:
        progress.warn(
            f"none of --clip-timestamps lies within the recording, which ends at {survey.duration:.1f} s"
        )
    elif not any(chunk.segments for chunk in listened.chunks):
        progress.warn("no speech was found; if there is some, try --no-vad-filter or a larger --model")
    language = survey.language
    if language.windows:
        windows = count(language.windows, "window")
        lead = f"{language.probability:.2f}, ahead by {language.margin:.2f} in {windows}"
        progress.note(f"language {language.language} ({lead})")
    for line in lines(found):
        progress.note(line)


def _written(chunk: ChunkHeard, request: Request) -> tuple[Segment, ...]:
    """Return the segments of a chunk as they are to be written."""
    if chunk.language not in _CHINESE or request.listening.options.task == "translate":
        return chunk.segments
    return normalised(chunk.segments, request.chinese, chunk.language)


def _fact(chunk: ChunkHeard, survey: Survey) -> ChunkFact:
    cut = survey.cuts[chunk.index]
    rung = chunk.rung if chunk.tried else ""
    return ChunkFact(chunk.index, cut.start, cut.end, chunk.language, rung, chunk.doubts, chunk.dropped)


def _details(
    request: Request, media: Media, chunks: Sequence[ChunkHeard], survey: Survey, steps: Sequence[Step]
) -> dict[str, Json]:
    """Return how a transcript was made. Nothing of it depends on when, or in how many runs."""
    pin = survey.pin
    speech = sum(span.end - span.start for cut in survey.cuts for span in cut.speech)
    return {
        "model": pin.model,
        "model_sha256": pin.digest,
        "device": pin.device,
        "device_name": pin.device_name,
        "compute_type": pin.compute_type,
        "batch_size": pin.batch_size,
        "beam_size": pin.beam_size,
        "best_of": pin.best_of,
        "task": request.listening.options.task,
        "steps": [{"chunk": survey.before(step.group), "why": step.why} for step in steps],
        "spoken_language": survey.language.language,
        "language_margin": round(survey.language.margin, 4),
        "speech_seconds": round(speech, 2),
        "chunks": len(survey.cuts),
        "windows": sum(chunk.looks for chunk in chunks),
        "doubtful": _doubtful(chunks, survey) if request.listening.second_look else None,
        "dropped_segments": sum(chunk.dropped for chunk in chunks),
        "damage": {name: round(value, 3) for name, value in asdict(survey.damage).items()},
        "uploader": media.uploader,
        "tags": list(media.tags),
        "versions": {name: _version(name) for name in _VERSIONS} | {"python": sys.version.split()[0]},
    }


def _doubtful(chunks: Sequence[ChunkHeard], survey: Survey) -> Json:
    return [_doubted(chunk, survey) for chunk in chunks if chunk.doubts]


def _doubted(chunk: ChunkHeard, survey: Survey) -> Json:
    cut = survey.cuts[chunk.index]
    return {
        "start": round(cut.start, 3),
        "end": round(cut.end, 3),
        "doubts": list(chunk.doubts),
        "text_of": chunk.rung,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
