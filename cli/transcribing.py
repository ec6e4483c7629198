"""What gpu-transcribe and audio share: run a request, say what came of each source, and end honestly."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from bili2text.errors import Bili2TextError, Incomplete, UsageError
from cli.console import console

if TYPE_CHECKING:
    from bili2text.request import Outcome


def transcribe(values: dict[str, Any]) -> None:
    """Transcribe every source and print the files written, one a line.

    Raises the error of the only source, the first error when all fail, or Incomplete when some do.
    """
    sources = tuple(values["sources"]) + tuple(values["urls"])
    if not sources:
        raise UsageError(
            "no source was given",
            hint="name a link, a BV id or a file, as in: gpu-transcribe --url BV1xx411c7mD",
        )
    from bili2text import pipeline
    from bili2text.settings import environment
    from cli.request import request

    progress = console(values["progress"], quiet=values["quiet"])
    errors: list[Bili2TextError] = []
    count = 0
    for outcome in pipeline.run(request(values, sources), progress, environment()):
        count += 1
        errors += _report(outcome, values, alone=len(sources) == 1 and count == 1)
    if len(errors) == 1 and count == 1:
        raise errors[0]
    if errors:
        said = f"{len(errors)} of {count} could not be transcribed"
        if len(errors) == count:
            failed = type(errors[0])(said, hint="the lines above say why")
            raise failed
        raise Incomplete(
            said, hint="the lines above say why; run the same command with --skip for those alone"
        )


def _report(outcome: Outcome, values: dict[str, Any], *, alone: bool) -> list[Bili2TextError]:
    """Print what came of one source; return its error, if it failed."""
    from bili2text.request import Failed, Result
    from bili2text.subtitles.save import formats_of
    from bili2text.subtitles.writers import WRITERS

    if isinstance(outcome, Failed):
        if not alone:
            hint = f" ({outcome.error.hint})" if outcome.error.hint else ""
            print(f"error: {outcome.name}: {outcome.error.message}{hint}", file=sys.stderr)  # noqa: T201 - glue
        if values["as_json"]:
            _line(
                {"name": outcome.name, "error": outcome.error.message, "exit_code": outcome.error.exit_code}
            )
        return [outcome.error]
    if values["as_json"]:
        _line(_summary(outcome))
    elif isinstance(outcome, Result) and not outcome.paths:
        (name,) = formats_of(values["output_format"])
        sys.stdout.write(WRITERS[name](outcome.document))
        sys.stdout.flush()
    else:
        for path in outcome.paths:
            print(path, flush=True)  # noqa: T201 - the result
    return []


def _summary(outcome: Any) -> dict[str, Any]:  # noqa: ANN401 - Result or Skipped, imported late
    found: dict[str, Any] = {"name": outcome.name, "files": [str(path) for path in outcome.paths]}
    if not hasattr(outcome, "plan"):
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
        "model": outcome.plan.model,
        "device": outcome.plan.device,
        "compute_type": outcome.plan.compute_type,
        "speed": round(outcome.speed, 2),
    }


def _line(value: dict[str, Any]) -> None:
    print(json.dumps(value, ensure_ascii=False), flush=True)  # noqa: T201 - the result
