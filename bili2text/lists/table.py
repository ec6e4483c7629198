"""Lists as lines of text: what became of each recording, in columns that hold for Chinese, too. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bili2text.cells import graphemes, width
from bili2text.lists.values import Entry, State, counts, recordings
from bili2text.source.redact import safe_text

_LEAST = 16  # cells of a name and of a reason, however narrow the terminal is
_GAP = 2  # cells between two columns


def lines(entries: Iterable[Entry], cells: int) -> Iterator[str]:
    """Yield a line for each recording, at most about `cells` wide, and one of counts."""
    found = recordings(entries)
    rows = [_row(entry) for entry in found]
    fixed = [max((width(row[column]) for row in rows), default=0) for column in range(3)]
    left = cells - sum(fixed) - _GAP * 4
    reasons = max((width(row[4]) for row in rows), default=0)
    names = min(max((width(row[3]) for row in rows), default=0), max(_LEAST, left - min(reasons, left // 2)))
    widths = (*fixed, names, max(_LEAST, left - names))
    for row in rows:
        yield _line(row, widths)
    yield total(counts(found))


def total(found: dict[State, int]) -> str:
    """Return how many are in each state, in a few words."""
    said = ", ".join(f"{count} {state}" for state, count in found.items())
    return f"{sum(found.values())} in all: {said}" if said else "nothing is in the list"


def fitted(text: str, cells: int) -> str:
    """Return `text`, cut between two graphemes to at most that many cells, an ellipsis for what is cut."""
    if width(text) <= cells:
        return text
    kept: list[str] = []
    taken = 1
    for cluster in graphemes(text):
        taken += width(cluster)
        if taken > cells:
            break
        kept.append(cluster)
    return "".join(kept) + "…"


def _row(entry: Entry) -> tuple[str, str, str, str, str]:
    place = ".".join(str(number) for number in entry.place)
    code = f" ({entry.code})" if entry.code and entry.state != "done" else ""
    return place, entry.state, _clock(entry.seconds), safe_text(entry.name), f"{safe_text(entry.why)}{code}"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cut = [fitted(text, cells) for text, cells in zip(row, widths, strict=True)]
    padded = [text + " " * (cells - width(text)) for text, cells in zip(cut, widths, strict=True)]
    padded[2] = padded[2].strip().rjust(widths[2])
    return (" " * _GAP).join(padded).rstrip()


def _clock(seconds: float) -> str:
    whole = round(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    if not whole:
        return ""
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
