"""A transcript and its cues -> the text of one file.

TXT, TSV and JSON hold what was said, segment by segment; SRT, VTT, LRC and ASS what is shown, cue by cue.

`document` cleans the text (`files.clean_text`): no control or bidirectional characters, no line ends. What
hostile text can still hold is what a format takes for markup; each writer says what it does about that.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias, Union

from bili2text.files import clean_text
from bili2text.segments import Segment, Transcript, Word
from bili2text.subtitles import timestamp
from bili2text.subtitles.atoms import blank_between
from bili2text.subtitles.cues import cues
from bili2text.subtitles.shape import Cue, Shape
from bili2text.subtitles.tidy import tidy

Json: TypeAlias = Union["Mapping[str, Json]", "list[Json]", "tuple[Json, ...]", str, int, float, bool, None]
JSON_VERSION = 1
_HIDDEN = re.compile(
    "[\x7f-\x9f\xad\u0600-\u0605\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_WIDE_BRACES = str.maketrans({"{": "｛", "}": "｝", "\\": "＼"})


@dataclass(frozen=True, slots=True)
class Document:
    """All that goes into the files of one recording. Made by `document`, so that it is clean and in order."""

    transcript: Transcript
    cues: tuple[Cue, ...]
    title: str = ""
    source: str = ""  # the link or path it came from
    details: Mapping[str, Json] = field(default_factory=dict)  # of the run: model, precision, versions


def document(
    transcript: Transcript,
    shape: Shape,
    *,
    title: str = "",
    source: str = "",
    details: Mapping[str, Json] | None = None,
) -> Document:
    """Return the Document of `transcript`, its segments tidy and its cues shaped."""
    segments = tidy(transcript.segments)
    clean = Transcript(
        segments,
        clean_text(transcript.language),
        transcript.language_probability,
        transcript.duration,
    )
    shown = cues(segments, shape, transcript.language)
    return Document(clean, shown, clean_text(title), clean_text(source), details or {})


def txt(content: Document) -> str:
    """Return the words alone, a segment a line."""
    return "".join(f"{segment.text}\n" for segment in content.transcript.segments)


def tsv(content: Document) -> str:
    """Return "start, end, text" by tabs, times in milliseconds, as openai-whisper writes it."""
    rows = ((segment.start, segment.end, (segment.text,)) for segment in content.transcript.segments)
    return table(("text",), rows)


def table(names: Sequence[str], rows: Iterable[tuple[float, float, Sequence[str]]]) -> str:
    """Return a TSV of the columns "start" and "end" in milliseconds, and those of `names`, clean texts."""
    text = "\t".join(("start", "end", *names)) + "\n"
    for start, end, texts in rows:
        times = str(timestamp.milliseconds(start)), str(timestamp.milliseconds(end))
        text += "\t".join((*times, *texts)) + "\n"
    return text


def srt(content: Document) -> str:
    """Return SubRip, numbered from 1.

    It has no escapes, so "-->" becomes an arrow, and a "<" or "{" that players would take for a tag ("<i>",
    "<script>", "{y:i}") becomes its full-width twin; "a < b" stays.
    """
    return "".join(
        f"{number}\n{timestamp.srt(cue.start)} --> {timestamp.srt(cue.end)}\n"
        + "".join(f"{_srt_text(line)}\n" for line in cue.lines)
        + "\n"
        for number, cue in enumerate(content.cues, 1)
    )


def vtt(content: Document) -> str:
    """Return WebVTT; "&", "<" and ">" are escaped, which also leaves no "-->" in the text."""
    return "WEBVTT\n\n" + "".join(
        f"{timestamp.vtt(cue.start)} --> {timestamp.vtt(cue.end)}\n"
        + "".join(f"{_vtt_text(line)}\n" for line in cue.lines)
        + "\n"
        for cue in content.cues
    )


def lrc(content: Document) -> str:
    """Return LRC lyrics, a cue a line. A bracket in the text that would read as a tag becomes full-width."""
    title = f"[ti:{content.title.replace(']', '］')}]\n" if content.title else ""
    return title + "".join(f"{timestamp.lrc(cue.start)}{_lrc_text(_one_line(cue))}\n" for cue in content.cues)


def ass(content: Document) -> str:
    """Return Advanced SubStation Alpha with one plain style."""
    events = (
        f"Dialogue: 0,{timestamp.ass(cue.start)},{timestamp.ass(cue.end)},Default,,0,0,0,,"
        + ass_text(cue.lines)
        + "\n"
        for cue in content.cues
    )
    return _ASS_HEAD.format(title=content.title or "Untitled") + "".join(events)


def ass_text(lines: Sequence[str]) -> str:
    """Return lines as the text of one event.

    Braces and backslashes become full-width: escaping them works in libass and not in VSFilter.
    """
    return "\\N".join(line.translate(_WIDE_BRACES) for line in lines)


def as_json(content: Document) -> str:
    """Return JSON, in this shape, with the names of openai-whisper's where it has them:

    {"version": 1, "title", "source", "text",
     "language", "language_probability" (0..1), "duration" (seconds),
     "segments": [{"id" (from 0), "start", "end" (seconds), "text", "confidence" (0..1, the mean per token),
                   "avg_logprob", "no_speech_prob", "compression_ratio", "temperature",
                   "words": [{"start", "end", "word", "probability"}]}],  empty without word times
     "cues": [{"start", "end", "lines": [...]}],
     "run": {...}}  how it was made; not part of the version's promise

    A number that is none (NaN, infinite) is null; invisible characters are escaped, so that it can be shown.
    """
    transcript = content.transcript
    whole: dict[str, Json] = {
        "version": JSON_VERSION,
        "title": content.title,
        "source": content.source,
        "language": transcript.language,
        "language_probability": transcript.language_probability,
        "duration": transcript.duration,
        "text": transcript.text,
        "segments": [_segment(number, segment) for number, segment in enumerate(transcript.segments)],
        "cues": [{"start": cue.start, "end": cue.end, "lines": list(cue.lines)} for cue in content.cues],
        "run": content.details,
    }
    return json_text(whole)


def json_text(whole: Json) -> str:
    """Return `whole` as the text of a JSON file: readable, with nothing in it that a terminal obeys."""
    text = json.dumps(plain_json(whole), ensure_ascii=False, allow_nan=False, indent=1)
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


Writer: TypeAlias = Callable[[Document], str]
WRITERS: Mapping[str, Writer] = MappingProxyType(
    {"txt": txt, "srt": srt, "vtt": vtt, "json": as_json, "tsv": tsv, "lrc": lrc, "ass": ass}
)

# 1080 lines: a letter of 64 leaves room for 42 cells beside the margins of a 16:9 picture.
_ASS_HEAD = """\
[Script Info]
Title: {title}
ScriptType: v4.00+
WrapStyle: 0
ScaledBorderAndShadow: yes
PlayResX: 1920
PlayResY: 1080

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, \
Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, \
MarginR, MarginV, Encoding
Style: Default,Arial,64,&H00FFFFFF,&H000000FF,&H00000000,&H80000000,0,0,0,0,100,100,0,0,1,3,1,2,60,60,50,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def _one_line(cue: Cue) -> str:
    text = cue.lines[0]
    for line in cue.lines[1:]:
        text += f" {line}" if blank_between(text, line) else line
    return text


def _srt_text(line: str) -> str:
    line = line.replace("-->", "→")
    line = re.sub(r"<(?=[A-Za-z/!?])", "＜", line)
    return re.sub(r"\{(?=[\\A-Za-z])", "｛", line)


def _vtt_text(line: str) -> str:
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _lrc_text(line: str) -> str:
    line = re.sub(r"\[(?=[^\]\[]*:)", "［", line)
    return re.sub(r"<(?=\s*\d)", "＜", line)


def _segment(number: int, segment: Segment) -> Json:
    return {
        "id": number,
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "text": segment.text,
        "confidence": round(math.exp(min(segment.avg_logprob, 0.0)), 4),
        "avg_logprob": segment.avg_logprob,
        "no_speech_prob": segment.no_speech_prob,
        "compression_ratio": segment.compression_ratio,
        "temperature": segment.temperature,
        "words": [_word(word) for word in segment.words],
    }


def _word(word: Word) -> Json:
    return {
        "start": round(word.start, 3),
        "end": round(word.end, 3),
        "word": word.text,
        "probability": word.probability,
    }


def plain_json(value: Json) -> Json:
    """Return `value` as JSON can hold it: NaN and infinities are null, lone surrogates "?"."""
    if isinstance(value, Mapping):
        return {str(plain_json(key)): plain_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_json(item) for item in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
