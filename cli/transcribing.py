"""What gpu-transcribe and audio share: run a request, say what came of each source, and end honestly."""

from __future__ import annotations

import json
import math
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bili2text.errors import Bili2TextError, Incomplete, StorageError, UsageError
from bili2text.files import clean_text
from cli.console import console

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bili2text.request import Failed, Outcome, Result
    from bili2text.translation_request import Translated


_LOST = 1.0  # seconds of a recording that may be missing before the result is called incomplete


def transcribe(values: dict[str, Any]) -> None:
    """Transcribe every source and print the files written, one a line.

    Raises the error of the only source, the first error when all fail, or Incomplete when some do, or
    when a recording was damaged.
    """
    sources = (*values["sources"], *values["urls"], *listed(values["batch_file"]))
    if not sources:
        raise UsageError(
            "no source was given",
            hint="name a link, a BV id or a file, as in: gpu-transcribe --url BV1xx411c7mD",
        )
    _check_standard_output(values, sources)
    from bili2text.request import Failed, Result
    from bili2text.translation_request import Translation, Untranslated
    from cli import translate
    from cli.translation_options import refuse_alone

    refuse_alone(values)

    alone = len(sources) == 1 and not values["playlist_items"] and not values["yes_playlist"]
    translated: list[Translated] = []
    held: list[Result] = []  # standard output takes one text of each: its translation, where there is one
    failed: list[Failed] = []
    lost = 0.0
    thin = 0
    count = 0
    for outcome in _outcomes(values, sources):
        if isinstance(outcome, (Translation, Untranslated)):
            translate.report(outcome, as_json=values["as_json"], alone=alone)
            translated.append(outcome)
            if held:
                _tell_instead(held.pop(0), outcome, values)
            continue
        count += 1
        if count == 2 and failed:
            _complain(failed[0])
        lost += _report(outcome, values)
        if isinstance(outcome, Result) and not outcome.paths and values["translate"]:
            held.append(outcome)  # translations come in the same order
        thin += _is_thin(outcome, values["min_coverage"])
        if isinstance(outcome, Failed):
            failed.append(outcome)
            if count > 1:
                _complain(outcome)
    with _telling(translated if alone else []):
        _end(failed, count, lost, thin)
    translate.end(translated)


def _outcomes(values: dict[str, Any], sources: tuple[str, ...]) -> Iterator[Outcome | Translated]:
    """Yield what came of each source, and of its translation where one is asked for."""
    from bili2text.settings import environment
    from cli.request import request

    progress = console(values["progress"], quiet=values["quiet"])
    if not values["translate"]:
        from bili2text import pipeline

        return pipeline.run(request(values, sources), progress, environment())
    from bili2text import handover
    from bili2text.translation_request import TranslationOutput
    from cli.translation_request import translation_request

    output = TranslationOutput(overwrite=values["overwrite"], skip=values["skip"])
    wanted = translation_request(values, output)
    return handover.run(request(values, sources), wanted, progress, environment())


def _is_thin(outcome: Outcome, least: float) -> bool:
    """Return whether too little of the speech has text."""
    from bili2text.coverage import is_complete
    from bili2text.request import Result, Skipped

    if isinstance(outcome, Skipped):
        return outcome.coverage is not None and outcome.coverage < least
    return isinstance(outcome, Result) and not is_complete(outcome.report, least)


@contextmanager
def _telling(untold: list[Translated]) -> Iterator[None]:
    """Print the errors that were left to `translate.end`, should it not be reached."""
    from cli.translate import complain

    try:
        yield
    except Bili2TextError:
        for one in untold:
            complain(one)
        raise


def _end(failed: list[Failed], count: int, lost: float, thin: int) -> None:
    if len(failed) == 1 and count == 1:
        raise failed[0].error
    if failed:
        said = f"{len(failed)} of {count} could not be transcribed"
        if len(failed) == count:
            raise type(failed[0].error)(said, hint="the lines above say why")
        raise Incomplete(said, hint="the lines above say why; the same command with --skip tries those again")
    if thin:
        raise Incomplete(
            f"{thin} of {count} have text over less of their speech than --min-coverage asks for",
            hint="NAME.report.json says where it is missing; try a larger --model",
        )
    if lost >= _LOST:
        raise Incomplete(
            f"{lost:.1f} s of the sound are missing or damaged",
            hint="what is left is written; try another copy",
        )


def listed(path: Path | None) -> tuple[str, ...]:
    """Return the sources in a batch file: one a line, `#` and `;` begin remarks, as in yt-dlp."""
    if path is None:
        return ()
    lines = path.read_text(encoding="utf-8", errors="replace").lstrip("\ufeff").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and line.strip()[0] not in "#;")


def _check_standard_output(values: dict[str, Any], sources: tuple[str, ...]) -> None:
    if values["output_dir"] != "-":
        return
    if values["as_json"]:
        raise UsageError("--json and -o - both want standard output", hint="use -f json -o -")
    many = len(sources) > 1 or values["playlist_items"] or values["yes_playlist"]
    if many and values["output_format"].strip() != "txt":
        raise UsageError("several results in one stream can only be text", hint="use -f txt, or a folder")


def _complain(failed: Failed) -> None:
    hint = f" ({failed.error.hint})" if failed.error.hint else ""
    text = clean_text(f"error: {failed.name}: {failed.error.message}{hint}")
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - glue


def _report(outcome: Outcome, values: dict[str, Any]) -> float:
    """Print what came of one source; return the seconds of sound that are missing from it."""
    from bili2text.request import Failed, Result

    if isinstance(outcome, Failed):
        if values["as_json"]:
            error = outcome.error
            write(
                json.dumps({"name": outcome.name, "error": error.message, "exit_code": error.exit_code})
                + "\n"
            )
        return 0.0
    if values["as_json"]:
        write(json.dumps(_summary(outcome), ensure_ascii=False) + "\n")
    elif isinstance(outcome, Result) and not outcome.paths and values["translate"]:
        pass  # standard output takes one text: its translation
    elif isinstance(outcome, Result) and not outcome.paths:
        _tell(outcome, values)
    else:
        write("".join(f"{path}\n" for path in outcome.paths))
    return outcome.lost


def _tell(found: Result, values: dict[str, Any]) -> None:
    """Write a transcript to standard output."""
    from bili2text.subtitles.save import formats_of
    from bili2text.subtitles.writers import WRITERS

    (name,) = formats_of(values["output_format"])
    write(WRITERS[name](found.document))


def _tell_instead(found: Result, translation: Translated, values: dict[str, Any]) -> None:
    """Write the transcript where it was left untranslated, being in the target language already."""
    from bili2text.translation_request import Untranslated

    if isinstance(translation, Untranslated) and translation.why is None:
        _tell(found, values)


def write(text: str) -> None:
    """Write a result to standard output: as a terminal wants it, else as UTF-8, whatever the locale is."""
    try:
        if sys.stdout.isatty():
            sys.stdout.write(text)
        else:
            sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StorageError(
            f"cannot write the result: {error.strerror or error}", hint="check where standard output goes"
        ) from error


def _summary(outcome: Any) -> dict[str, Any]:  # noqa: ANN401 - Result or Skipped, imported late
    found: dict[str, Any] = {"name": outcome.name, "files": [str(path) for path in outcome.paths]}
    if not hasattr(outcome, "pin"):
        return {**found, "skipped": True}
    transcript = outcome.document.transcript
    return {
        **found,
        "title": outcome.media.title,
        "url": outcome.media.url,
        "language": transcript.language,
        "language_probability": round(transcript.language_probability, 4),
        "duration": round(transcript.duration, 3),
        "segments": len(transcript.segments),
        "model": outcome.pin.model,
        "device": outcome.pin.device,
        "compute_type": outcome.pin.compute_type,
        "coverage": math.floor(outcome.report.coverage * 1000) / 1000,  # 1.0 means all
        "doubtful_chunks": outcome.report.chunks.doubtful,
        "speed": outcome.report.facts["speed"],  # None when nothing was left to be heard
    }
