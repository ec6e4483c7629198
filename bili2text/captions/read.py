"""A file of any kind -> Captions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from bili2text.captions.ass import ass
from bili2text.captions.blocks import srt, vtt
from bili2text.captions.decode import decoded
from bili2text.captions.markup import one_line
from bili2text.captions.objects import as_json
from bili2text.captions.rows import lrc, tsv, txt
from bili2text.captions.values import Captions, Kind, Line
from bili2text.errors import SourceError
from bili2text.files import clean_text
from bili2text.subtitles.writers import Document

MOST_BYTES = 64 * 1024**2  # of a file; a film's subtitles have 0.1 MB
MOST_LINES = 500_000
_ROWS_A_LINE = 8  # of a file's rows for each of its lines; more is no subtitle file

Parser = Callable[[Sequence[str], str], Captions]
_PARSERS: Mapping[Kind, Parser] = MappingProxyType(
    {"srt": srt, "vtt": vtt, "ass": ass, "lrc": lrc, "tsv": tsv, "txt": txt}
)
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        ".json": "json",
        ".srt": "srt",
        ".vtt": "vtt",
        ".ass": "ass",
        ".ssa": "ass",
        ".lrc": "lrc",
        ".tsv": "tsv",
        ".txt": "txt",
    }
)


def kind_of(path: Path) -> Kind:
    """Return what kind of file `path` is by its suffix. Raises SourceError for one that is none of ours."""
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise SourceError(
            f"not a subtitle file: {clean_text(path.name)}", hint=f"the name ends with {', '.join(KINDS)}"
        )
    return kind


def read(path: Path) -> Captions:
    """Return the captions of a file; `warning` is set where it was not plain UTF-8.

    Raises SourceError for a file that cannot be read, is too large, or is not of the kind its suffix says.
    """
    kind, name = kind_of(path), clean_text(path.name)
    try:
        if path.exists() and not path.is_file():
            raise SourceError(f"not a plain file: {name}", hint="name a subtitle file")
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise SourceError(f"cannot read {name}: {why}", hint="check the path") from error
    if len(raw) > MOST_BYTES:
        raise SourceError(f"{name} is larger than {MOST_BYTES // 1024**2} MiB", hint="split it")
    text, warning = decoded(raw, name)
    return replace(parse(text, kind, name), warning=warning)


def parse(text: str, kind: Kind, name: str) -> Captions:
    """Return the captions in a text of a kind; `name` is for messages.

    The lines are in the file's order, with its times, also where these overlap or go back.
    Raises SourceError, naming the line, for a text that is not of the kind or has too many lines.
    """
    text = text.removeprefix("\ufeff")
    # "\r\r\n" is what a file becomes that was converted once too often.
    text = text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")
    most_rows = MOST_LINES * _ROWS_A_LINE
    captions = None
    if kind == "json":
        captions = as_json(text, name)
    elif text.count("\n") <= most_rows:
        captions = _PARSERS[kind](text.split("\n"), name)
    if captions is None or len(captions.lines) > MOST_LINES:
        raise SourceError(f"{name} has more than {MOST_LINES:,} lines", hint="split it")
    return captions


def of_document(document: Document) -> Captions:
    """Return the cues of a document as captions: what its subtitle files show, a cue a line."""
    lines = tuple(Line(cue.start, cue.end, one_line(cue.lines)) for cue in document.cues)
    return Captions(lines, "json", document.transcript.language, document.title)
