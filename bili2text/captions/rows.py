"""LRC, TSV and plain text -> Captions: a row a line. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bili2text.captions.markup import one_line
from bili2text.captions.times import seconds
from bili2text.captions.values import Captions, Line
from bili2text.errors import SourceError
from bili2text.files import clean_text
from bili2text.subtitles.tidy import LONGEST

_STAMP = re.compile(
    r"\s*\[(?:(?P<hours>[0-9]{1,3}):(?=[0-9]+:[0-9]+\.))?(?P<minutes>[0-9]{1,6}):(?P<seconds>[0-9]{1,2})"
    r"(?:[.:](?P<fraction>[0-9]{1,3}))?\]"
)
_TAG = re.compile(r"\s*\[([A-Za-z#][A-Za-z_ ]*):(.*)\]\s*")
_WORD_STAMP = re.compile(r"<[0-9]+:[0-9]+(?:[.:][0-9]+)?>")
_WHOLE = re.compile(r"\s*[0-9]{1,12}\s*")


def lrc(rows: Sequence[str], name: str) -> Captions:
    """Return the captions of LRC lyrics, each without an end; [offset:] is taken into the times.

    In the file's order, but where one text has several stamps: then in order of time, as players sing it.
    A row without a stamp goes on with the row above it. Raises SourceError for what is no LRC.
    """
    found: list[tuple[list[float], list[str]]] = []
    tags: dict[str, str] = {}
    for number, row in enumerate(rows, start=1):
        stamps, text = _stamped(row, f"line {number} of {name}")
        tag = _TAG.fullmatch(row)
        if stamps:
            found.append((stamps, [text]))
        elif tag:
            tags.setdefault(tag[1].strip().lower(), clean_text(tag[2]))
        elif found:
            found[-1][1].append(text)
    if not found and not tags and any(row.strip() for row in rows):
        raise SourceError(f"{name} holds no lyrics with times", hint="a line looks like [01:02.50]words")
    offset = _offset(tags)
    lines = [
        Line(max(0.0, round(stamp - offset, 3)), None, one_line(texts))
        for stamps, texts in found
        for stamp in stamps
    ]
    if any(len(stamps) > 1 for stamps, _ in found):
        lines.sort(key=lambda line: line.start or 0.0)
    return Captions(tuple(lines), "lrc", title=tags.get("ti", ""))


def tsv(rows: Sequence[str], name: str) -> Captions:
    """Return the captions of a table as openai-whisper writes it: start and end in milliseconds, and text.

    Of a table in two languages the column "source" is read. Raises SourceError, naming the line.
    """
    lines = []
    names = ["start", "end", "text"]
    for number, row in enumerate(rows, start=1):
        cells = row.split("\t")
        if not row.strip():
            continue
        if number == 1 and [cell.strip().lower() for cell in cells[:2]] == names[:2]:
            names = [cell.strip().lower() for cell in cells]
            continue
        lines.append(_table_line(cells, names, f"line {number} of {name}"))
    return Captions(tuple(lines), "tsv")


def txt(rows: Sequence[str], name: str) -> Captions:  # noqa: ARG001 - every parser has this shape
    """Return the lines of a plain text, blank ones too, without times."""
    kept = rows[:-1] if rows and not rows[-1].strip() else rows  # a text ends with a line end
    return Captions(tuple(Line(None, None, clean_text(row)) for row in kept), "txt")


def _stamped(row: str, where: str) -> tuple[list[float], str]:
    """Return the times at the start of a row, and the text behind them."""
    stamps, at = [], 0
    while found := _STAMP.match(row, at):
        value = seconds(found["hours"], found["minutes"], found["seconds"], found["fraction"])
        if value is None:
            raise SourceError(f"{where}: no time that can be read", hint="a time looks like [01:02.50]")
        stamps.append(value)
        at = found.end()
    return stamps, _WORD_STAMP.sub("", row[at:])


def _offset(tags: dict[str, str]) -> float:
    """Return by how many seconds the words come sooner than their stamps."""
    found = re.fullmatch(r"([+-]?)\s*([0-9]{1,9})", tags.get("offset", ""))
    return int(found[1] + found[2]) / 1000 if found else 0.0


def _table_line(cells: Sequence[str], names: Sequence[str], where: str) -> Line:
    column = names.index("source") if "source" in names else 2
    times = [int(cell) / 1000 for cell in cells[:2] if _WHOLE.fullmatch(cell)]
    if len(times) < 2 or max(times) > LONGEST or len(cells) <= column:
        raise SourceError(
            f"{where}: no start and end in milliseconds with a text",
            hint="put tabs between start, end and text",
        )
    texts = cells[column:] if len(names) <= 3 else cells[column : column + 1]
    return Line(times[0], times[1], clean_text(" ".join(texts)))
