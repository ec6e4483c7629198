"""Names and terms: one list for what Whisper is told to expect and for how a translation writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bili2text.errors import SourceError, UsageError
from bili2text.files import clean_text
from bili2text.transcribe.writing import DENSE, script

MOST = 5_000  # terms in a list
LONGEST = 100  # characters of a source or a target
# Bytes of UTF-8. A token of Whisper's is at least a byte, and the prompt has room for 223 tokens with the
# hotwords: so some is left for the prompt, whatever the script.
ROOM = 200
_BYTES = 8 * MOST * LONGEST  # of a file; more cannot be a list within the limits
_REMARK = re.compile(r"(?:^|\s)#.*")
_QUOTED = re.compile(r'"[^"]*"')
_SEPARATORS = ("\t", "->", "→", "=", ",", "，")
_HEADER = ("source", "target")
_FULL_WIDTH = frozenset({"zh", "yue", "ja"})  # languages written with a comma of their own
_EASTERN = _FULL_WIDTH | {"ko"}  # languages written in Han, Kana or Hangul
_HINT = "write one term a line: source, or source = target"


@dataclass(frozen=True, slots=True)
class Term:
    """A name or term as it is said, and as a translation is to write it. Clean text, `source` not empty."""

    source: str
    target: str | None = None  # None: the translation decides


@dataclass(frozen=True, slots=True)
class TermList:
    """What a file of terms holds."""

    terms: tuple[Term, ...]
    warning: str = ""  # one line for the user, or empty


def read(path: Path) -> TermList:
    """Return the terms of a text file: UTF-8, or GB18030 with a warning.

    Raises SourceError for a file that cannot be read, UsageError, with the line, for one that is no list.
    """
    name = clean_text(path.name)
    try:
        with path.open("rb") as file:
            raw = file.read(_BYTES + 1)
    except OSError as error:
        raise SourceError(
            f"cannot read the terms in {name}: {error.strerror or error}", hint="check the path"
        ) from error
    if len(raw) > _BYTES:
        raise UsageError(f"{name} is too large for a list of terms", hint=_HINT)
    try:
        return TermList(parsed(raw.decode("utf-8-sig"), name))
    except UnicodeDecodeError:
        pass
    try:
        text = raw.decode("gb18030")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is no text in UTF-8", hint="save it as UTF-8") from error
    warning = f"{name} is not UTF-8: read as GB18030; if its terms look wrong, save it as UTF-8"
    return TermList(parsed(text, name), warning)


def parsed(text: str, name: str) -> tuple[Term, ...]:
    """Return the terms of a text, in order; of two with the same source the later counts.

    A line is `source`, or source and target with "=", "->", a tab or a comma between; quoted as in CSV where
    a term holds one of these. What follows "#" at the start of a line or after a blank is a remark.
    Raises UsageError, naming the line, for a line that is none of this, and for too long or too many terms.
    """
    found: dict[str, str | None] = {}
    first = True
    for number, line in enumerate(re.split(r"\r\n?|\n", text), start=1):
        columns = _columns(line)
        if not any(columns):
            continue
        if not (first and tuple(column.lower() for column in columns) == _HEADER):
            term = _term(columns, f"line {number} of {name}")
            found[term.source] = term.target
            if len(found) > MOST:
                raise UsageError(f"{name} holds more than {MOST:,} terms", hint="keep those that matter")
        first = False
    return tuple(Term(source, target) for source, target in found.items())


def hotwords(terms: Iterable[Term], language: str, room: int = ROOM) -> str:
    """Return what Whisper is told to expect: the first of the terms, with commas, in `room` bytes of UTF-8.

    Left out: what does not fit, and what the language does not write in its own script, which would pull
    the text into another one. Empty where nothing is left. Put the user's own terms first.
    """
    comma = "，" if language in _FULL_WIDTH else ", "
    told = ""
    seen = set()
    for term in terms:
        key = term.source.casefold()
        longer = f"{told}{comma}{term.source}" if told else term.source
        if key in seen or not _written(key, language) or len(longer.encode("utf-8")) > room:
            continue
        seen.add(key)
        told = longer
    return told


def glossary(terms: Iterable[Term]) -> Mapping[str, str]:
    """Return the target of each source that has one; of two with the same source the later counts."""
    return {term.source: term.target for term in terms if term.target}


def _columns(line: str) -> list[str]:
    """Return the parts of a line, cleaned and without their quotes; a remark is no part."""
    masked = _QUOTED.sub(lambda quoted: "_" * len(quoted[0]), line)
    masked = _REMARK.sub("", masked)
    # a tab at the edge of a line is a blank
    separator = next((one for one in _SEPARATORS if one in masked.strip()), None)
    columns, begin = [], len(masked) - len(masked.lstrip())
    for part in masked.strip().split(separator) if separator else [masked.strip()]:
        columns.append(_unquoted(line[begin : begin + len(part)]))
        begin += len(part) + len(separator or "")
    return columns


def _unquoted(cell: str) -> str:
    cell = cell.strip()
    if len(cell) > 1 and cell[0] == cell[-1] == '"':
        cell = cell[1:-1].replace('""', '"')
    return clean_text(cell)


def _term(columns: list[str], where: str) -> Term:
    source, *targets = columns
    if not source or len(targets) > 1:
        raise UsageError(f"{where}: {'more than one target' if source else 'no source'}", hint=_HINT)
    if max(map(len, columns)) > LONGEST:
        raise UsageError(f"{where}: longer than {LONGEST} characters", hint=_HINT)
    return Term(source, targets[0] if targets and targets[0] else None)


def _written(text: str, language: str) -> bool:
    """Return whether a text in the language may hold this; Latin letters are at home anywhere."""
    return language in _EASTERN or not any(script(one) in DENSE for one in text)
