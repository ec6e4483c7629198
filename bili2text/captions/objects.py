"""JSON of ours and of others -> Captions. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from bili2text.captions.markup import one_line
from bili2text.captions.values import Captions, Line
from bili2text.errors import SourceError
from bili2text.files import clean_text
from bili2text.subtitles.tidy import LONGEST
from bili2text.subtitles.writers import JSON_VERSION

_HINT = "use the JSON of bili2text, Whisper or Bilibili's subtitles"


@dataclass(frozen=True, slots=True)
class _Form:
    """Where a program's JSON has its lines, and what it calls their parts."""

    lines: str
    start: str
    end: str
    text: str


_FORMS = (  # the first whose list is there: ours has segments beside its cues
    _Form("lines", "start", "end", "source"),  # our translations: what was translated
    _Form("cues", "start", "end", "lines"),  # our transcripts
    _Form("segments", "start", "end", "text"),  # openai-whisper, whisperX, faster-whisper's command lines
    _Form("body", "from", "to", "content"),  # the subtitles of Bilibili's own player
)


def as_json(text: str, name: str) -> Captions:
    """Return the captions of a JSON file: the cues of a transcript of ours, the sources of a translation of
    ours, the segments of a Whisper program's, the lines of Bilibili's subtitles.

    Raises SourceError, naming the place, for what is none of these.
    """
    try:
        whole = json.loads(text)
    except json.JSONDecodeError as error:
        raise SourceError(f"line {error.lineno} of {name} is no JSON: {error.msg}", hint=_HINT) from error
    except (
        ValueError,
        RecursionError,
    ) as error:  # a number of thousands of digits, a list in a list in a list
        raise SourceError(f"{name} is no JSON that can be read", hint=_HINT) from error
    if not isinstance(whole, dict):
        raise SourceError(f"{name} holds no subtitles", hint=_HINT)
    form = next((form for form in _FORMS if isinstance(whole.get(form.lines), list)), None)
    if form is None:
        raise SourceError(f"{name} holds no subtitles", hint=_HINT)
    if form.lines in ("lines", "cues") and whole.get("version") != JSON_VERSION:
        raise SourceError(
            f"{name} is of version {clean_text(str(whole.get('version')))[:20]}, not {JSON_VERSION}",
            hint="a newer bili2text wrote it: update this one",
        )
    lines = tuple(
        _line(one, form, f"{form.lines}[{place}] of {name}") for place, one in enumerate(whole[form.lines])
    )
    language = _text(whole, "source_language") or _text(whole, "language")
    return Captions(lines, "json", language, _text(whole, "title"))


def _line(one: object, form: _Form, where: str) -> Line:
    if not isinstance(one, dict):
        raise SourceError(f"{where} is no line of text with times", hint=_HINT)
    text = one.get(form.text)
    found = text if isinstance(text, list) else [text]
    rows = [row for row in found if isinstance(row, str)]
    if len(rows) < len(found):
        raise SourceError(f'{where}: no text in "{form.text}"', hint=_HINT)
    start, end = _time(one, form.start, where), _time(one, form.end, where)
    return Line(start, end, one_line(part for row in rows for part in row.splitlines()))


def _time(one: Mapping[str, object], key: str, where: str) -> float | None:
    """Return a time in seconds; None where there is none. One before 0 is 0."""
    value = one.get(key)
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and -LONGEST <= value <= LONGEST:
        return max(0.0, float(value))
    raise SourceError(f'{where}: no time in "{key}"', hint="a time is a number of seconds")


def _text(whole: Mapping[str, object], key: str) -> str:
    value = whole.get(key)
    return clean_text(value) if isinstance(value, str) else ""
