"""Advanced SubStation Alpha, and the older SSA -> Captions. Pure.

What is not text of a dialogue (styles, fonts, comments, drawings) goes into `head`, so that a translation
written from it looks as the file did.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bili2text.captions.markup import one_line
from bili2text.captions.times import stamp
from bili2text.captions.values import Captions, Line
from bili2text.errors import SourceError
from bili2text.files import clean_lines, clean_text

_FIELDS = "Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"  # where no Format says so
_DRAWING = re.compile(r"\\p([0-9]+)")
_KARAOKE = re.compile(r"\\[kK]")
_BREAKS = re.compile(r"\\[Nn]")
_TAG = re.compile(  # of those that may change within a line; a transition in brackets stays as it is
    r"\([^)]*\)?|\\(?P<tag>(?:fn|r)[^\\}]*"
    r"|(?:[bius]|[1-4]?c|[1-4]a|alpha|fs|fsc[xy]|fsp|fe|bord|shad)(?=[-+0-9.&\\} ])[^\\}]*)"
)
_TAG_NAME = re.compile(r"fn|r|fsc[xy]|[1-4]?[a-z]+")
_EVENT = re.compile(r"(Dialogue|Comment|Picture|Sound|Movie|Command)\s*:", re.IGNORECASE)


@dataclass(slots=True)
class _Script:
    """A file as far as it is read."""

    name: str
    rest: list[str] = field(default_factory=list)  # all sections but the events
    events: list[str] = field(default_factory=list)  # what goes back as it was: no text is in it
    format: str = f"Format: {_FIELDS}"
    lines: list[Line] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)


def ass(rows: Sequence[str], name: str) -> Captions:
    """Return the captions of an ASS or SSA file; `head` ends with the row above the first dialogue.

    Raises SourceError, naming the line, for what is none.
    """
    script = _Script(name)
    section = ""
    seen = False
    for number, row in enumerate(rows, start=1):
        if row.lstrip().startswith("[") and row.rstrip().endswith("]"):
            section = row.strip().lower()
        if section == "[events]":
            seen = True
            _event(script, row, number)
        else:
            script.rest.append(row)
    if not seen and any(row.strip() for row in rows):
        raise SourceError(f"{name} holds no subtitles", hint="an ASS file has a section [Events]")
    return Captions(
        tuple(script.lines), "ass", title=_title(script.rest), head=_head(script), styles=tuple(script.styles)
    )


def _event(script: _Script, row: str, number: int) -> None:
    if row.lower().startswith("format:"):
        names = _names(row)
        if {"start", "end"} - set(names) or names[-1] != "text":
            raise SourceError(f"line {number} of {script.name}: no Format of events", hint=f"use: {_FIELDS}")
        script.format = row
        return
    kind = _EVENT.match(row)
    if kind and kind[1].lower() == "dialogue":
        _dialogue(script, row, number)
    elif kind:
        script.events.append(row)


def _names(row: str) -> list[str]:
    return [name.strip().lower() for name in row.partition(":")[2].split(",")]


def _dialogue(script: _Script, row: str, number: int) -> None:
    names = _names(script.format)
    values = row.partition(":")[2].split(",", len(names) - 1)
    by_name = dict(zip(names, values, strict=False))
    start, end = stamp(by_name.get("start", "")), stamp(by_name.get("end", ""))
    if len(values) < len(names) or start is None or end is None:
        raise SourceError(
            f"line {number} of {script.name}: no dialogue that can be read", hint=f"its fields are: {_FIELDS}"
        )
    text = values[-1]
    bare, drawn = _bare(text)
    if drawn and not bare.strip():
        script.events.append(row)
        return
    speaker = ", ".join(by_name.get(one, "").strip() for one in ("style", "name"))
    script.lines.append(Line(start, end, one_line(_BREAKS.split(bare.replace("\\h", " "))), speaker))
    script.styles.append(_clean(row[: len(row) - len(text)] + _placing(text)))


def _bare(text: str) -> tuple[str, bool]:
    """Return a dialogue's text without its overrides and drawings, and whether it has a drawing."""
    bare, drawing, drawn = "", False, False
    for override, part in _parts(text):
        for found in _DRAWING.finditer(override):
            drawing = int(found[1][:9]) > 0
            drawn = drawn or drawing
        bare += "" if drawing else part
    return bare, drawn


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Yield each override, braces and all, with the text after it; the first one may be empty."""
    override, at = "", 0
    while True:
        opens = text.find("{", at)
        closes = text.find("}", opens) if opens >= 0 else -1
        if closes < 0:
            yield override, text[at:]
            return
        yield override, text[at:opens]
        override, at = text[opens : closes + 1], closes + 1


def _placing(text: str) -> str:
    """Return the overrides a dialogue begins with: they place a sign on the picture, whatever it says.

    Karaoke is left out, for its times are those of the syllables, and so is a look (italics, a colour) that
    ends within the text: it is of some words only.
    """
    found = ""
    parts = _parts(text)
    for override, part in parts:
        found += "" if _KARAOKE.search(override) or _DRAWING.search(override) else override
        if part.strip():
            break
    later = list(parts)
    while later and not any(sign.isalnum() for sign in _BREAKS.sub("", later[-1][1])):
        later.pop()
    after = [tag["tag"] for override, _ in later for tag in _TAG.finditer(override) if tag["tag"]]
    kept = _TAG.sub(lambda tag: "" if tag["tag"] and _ends(tag["tag"], after) else tag[0], found)
    return kept.replace("{}", "")


def _ends(tag: str, after: Sequence[str]) -> bool:
    """Return whether one of the tags after it takes back what a tag sets."""
    return any(_what(other) in (_what(tag), "r") and other != tag for other in after)


def _what(tag: str) -> str:
    """Return what a tag sets: fn of fnArial; c and 1c are one."""
    found = _TAG_NAME.match(tag)
    return found[0].removeprefix("1") if found else tag


def _head(script: _Script) -> str:
    rest = "\n".join(script.rest).strip("\n")
    rows = [*rest.split("\n"), "", "[Events]", script.format, *script.events]
    return "".join(f"{row}\n" for row in clean_lines("\n".join(rows)))


def _clean(row: str) -> str:
    return "".join(clean_lines(row))


def _title(rows: Sequence[str]) -> str:
    return next((clean_text(row.partition(":")[2]) for row in rows if row.lower().startswith("title:")), "")
