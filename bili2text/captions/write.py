"""Captions and their translations -> the text of one file.

Every line of the source has its cue, in the source's order and with the source's own times, whatever was or
was not translated.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from bili2text.captions.values import Captions, Kind, Layout
from bili2text.captions.write_json import as_json
from bili2text.chinese import typography
from bili2text.chinese.edits import applied
from bili2text.errors import UsageError
from bili2text.files import clean_text
from bili2text.segments import Segment, Transcript
from bili2text.subtitles import writers
from bili2text.subtitles.lines import wrapped
from bili2text.subtitles.shape import STANDARD_ASIA, Cue, Shape
from bili2text.subtitles.writers import Document, Json

_FULL_WIDTH = frozenset({"zh", "yue", "ja", "ko"})  # languages whose letters take two cells
_CHINESE = frozenset({"zh", "yue"})
# A SubRip cue without text is dropped by libav, shown as its own times or taken for the end of the file by
# others (SublerApp/Subler#92, clappr/clappr#1476, sandflow/ttconv#540); a no-break space shows as a small box
# where cues have a background (shaka-project/shaka-player#9128). A zero-width space is kept and not seen.
_NOTHING_SRT = "\u200b"


def shape_for(language: str) -> Shape:
    """Return how cues in a language look: 42 cells a row, or 32 (16 letters) where letters are full-width.

    The numbers are those of `subtitles.shape`.
    """
    return Shape(max_width=STANDARD_ASIA.max_width) if _base(language) in _FULL_WIDTH else Shape()


@dataclass(frozen=True, slots=True)
class _Part:
    """A line in one of the two languages."""

    text: str
    language: str
    width: int  # cells of a row on the screen


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is shown at one time: a part for each language of the layout, in its order."""

    start: float  # seconds
    end: float
    parts: tuple[_Part, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts that are not blank; one blank text where there are none."""
        return tuple(part.text for part in self.parts if part.text) or ("",)

    def rows(self, nothing: tuple[str, ...]) -> tuple[str, ...]:
        """Return the texts as they fit on a screen, each language on rows of its own; `nothing` for none."""
        found = (row for part in self.parts for row in wrapped(part.text, part.width, part.language))
        return tuple(found) or nothing


def rendered(
    captions: Captions,
    texts: Sequence[str],
    format: Kind,  # noqa: A002 - the word of the field and of the option
    *,
    layout: Layout,
    shape: Shape,
    target: str,
    title: str = "",
    details: Mapping[str, Json] | None = None,
    review: Mapping[int, tuple[str, ...]] = MappingProxyType({}),
) -> str:
    """Return a file's text: `captions` with `texts`, the translation of each line, "" where there is none.

    `shape` is that of the target's rows; the source's are shaped as its language usually is. `target` is the
    target language. `details` of the run and `review`, what a person should look at by the lines' places, go
    into JSON, which holds both languages whatever the layout. A line with no end lasts until the next begins,
    for `shape.max_seconds` at most. From ASS to ASS the source's styles and the places of its signs stay.
    Raises UsageError where `captions` have no times and the format needs them.
    """
    if len(texts) != len(captions.lines):
        raise ValueError(f"{len(texts)} translations of {len(captions.lines)} lines")
    sources = [clean_text(line.text) for line in captions.lines]
    targets = [_typeset(clean_text(text), target) for text in texts]
    title = clean_text(title) or captions.title
    if format == "json":
        pairs = list(zip(sources, targets, strict=True))
        return as_json(captions, pairs, target, title, details or {}, review)
    timed = format != "txt"
    starts, ends = _times(captions, format, shape) if timed else ([0.0] * len(texts),) * 2
    source_width = shape_for(captions.language).max_width
    shown = []
    for start, end, source, translation in zip(starts, ends, sources, targets, strict=True):
        one = _Part(source, captions.language, source_width)
        other = _Part(translation, target, shape.max_width)
        shown.append(_Shown(start, end, _parts(one, other, layout)))
    if format == "ass" and captions.head:
        return _styled(captions, shown)
    if format == "tsv":
        return _table(shown, layout)
    return _WRITERS[format](shown, title)


def _parts(source: _Part, target: _Part, layout: Layout) -> tuple[_Part, ...]:
    if layout == "target-only":
        return (target,)
    if layout == "source-only":
        return (source,)
    return (target, source) if layout == "target-above" else (source, target)


def _typeset(text: str, language: str) -> str:
    """Return a translation with the marks of its language; nothing is added at its end."""
    if _base(language) in _CHINESE:
        for rule in typography.rules(corners=language == "zh-Hant"):
            text = applied(text, rule(text))
    return text


def _times(captions: Captions, format: Kind, shape: Shape) -> tuple[list[float], list[float]]:  # noqa: A002
    """Return start and end of each line. Raises UsageError where a line has no start."""
    starts = [line.start for line in captions.lines if line.start is not None]
    if len(starts) < len(captions.lines):
        raise UsageError(
            f"no times to write {format} with: the source is text without times", hint="write txt or json"
        )
    later = sorted(starts)
    ends = []
    for line, start in zip(captions.lines, starts, strict=True):
        following = bisect_right(later, start)
        longest = start + shape.max_seconds
        until = min(later[following], longest) if following < len(later) else longest
        ends.append(until if line.end is None else line.end)
    return starts, ends


def _document(title: str, cues: Sequence[Cue] = (), texts: Sequence[str] = ()) -> Document:
    segments = tuple(Segment(0.0, 0.0, text) for text in texts)
    return Document(Transcript(segments, "", 0.0, 0.0), tuple(cues), title)


def _txt(shown: Sequence[_Shown], title: str) -> str:
    rows: list[str] = []
    for one in shown:
        rows += one.texts
        if len(one.parts) > 1:
            rows.append("")  # keeps the pairs apart
    return writers.txt(_document(title, texts=rows))


def _srt(shown: Sequence[_Shown], title: str) -> str:
    cues = [Cue(one.start, one.end, one.rows((_NOTHING_SRT,))) for one in shown]
    return writers.srt(_document(title, cues))


def _vtt(shown: Sequence[_Shown], title: str) -> str:
    # WebVTT lets a cue have no text at all (W3C WebVTT, "cue text").
    cues = [Cue(one.start, one.end, one.rows(())) for one in shown]
    return writers.vtt(_document(title, cues))


def _lrc(shown: Sequence[_Shown], title: str) -> str:
    # Two lyrics with one stamp is how players know a lyric and its translation.
    cues = [Cue(one.start, one.end, (text,)) for one in shown for text in one.texts]
    return writers.lrc(_document(title, cues))


def _ass(shown: Sequence[_Shown], title: str) -> str:
    return writers.ass(_document(title, [Cue(one.start, one.end, one.rows(("",))) for one in shown]))


def _styled(captions: Captions, shown: Sequence[_Shown]) -> str:
    events = (
        f"{style}{writers.ass_text(one.rows(()))}\n"
        for style, one in zip(captions.styles, shown, strict=True)
    )
    return captions.head + "".join(events)


def _table(shown: Sequence[_Shown], layout: Layout) -> str:
    names = {"target-above": ("target", "source"), "source-above": ("source", "target")}.get(
        layout, ("text",)
    )
    return writers.table(names, ((one.start, one.end, [part.text for part in one.parts]) for one in shown))


_WRITERS: Mapping[str, Callable[[Sequence[_Shown], str], str]] = MappingProxyType(
    {"txt": _txt, "srt": _srt, "vtt": _vtt, "lrc": _lrc, "ass": _ass}
)


def _base(language: str) -> str:
    return language.partition("-")[0]
