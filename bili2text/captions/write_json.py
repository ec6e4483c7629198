"""Captions and their translations -> JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bili2text.captions.values import Captions
from bili2text.subtitles.timestamp import milliseconds
from bili2text.subtitles.writers import JSON_VERSION, Json, json_text


def as_json(
    captions: Captions,
    pairs: Sequence[tuple[str, str]],
    target: str,
    title: str,
    details: Mapping[str, Json],
    review: Mapping[int, tuple[str, ...]],
) -> str:
    """Return JSON of `pairs`, the source and target of each line, in this shape:

    {"version": 1, "kind": "translation", "title", "source_language", "target_language",
     "lines": [{"id" (from 0), "start", "end" (seconds, or null where the source has none),
                "source", "target",
                "review": [...]}],  what is wrong with the line still; empty when it is good
     "run": {...}}  how it was made; not part of the version's promise
    """
    numbered = enumerate(zip(captions.lines, pairs, strict=True))
    lines: list[Json] = [
        {
            "id": place,
            "start": _seconds(line.start),
            "end": _seconds(line.end),
            "source": source,
            "target": translation,
            "review": list(review.get(place, ())),
        }
        for place, (line, (source, translation)) in numbered
    ]
    return json_text(
        {
            "version": JSON_VERSION,
            "kind": "translation",
            "title": title,
            "source_language": captions.language,
            "target_language": target,
            "lines": lines,
            "run": details,
        }
    )


def _seconds(time: float | None) -> float | None:
    return None if time is None else milliseconds(time) / 1000
