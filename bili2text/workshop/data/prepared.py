"""What a folder of prepared pairs says of itself: data.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from bili2text import __version__
from bili2text.errors import SourceError
from bili2text.workshop.data.filters import Rules

RECORD = "data.json"  # written last: a folder that has it is whole


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was written, and what was not: data.json."""

    pairs: dict[str, int]  # of each split
    sha256: dict[str, str]  # of each split's text, "zh TAB en LF", in the order of training
    read: int  # lines and rows of the sources
    dropped: dict[str, int]  # by reason
    kept_of: dict[str, int]  # by source, before train was parted from the others
    unreadable: tuple[str, ...]  # the first lines that are no pair, file:line
    seed: int
    rules: Rules
    made_by: str = f"bili2text {__version__}"


def prepared_of(data: Path) -> Prepared:
    """Return what data.json says of a folder. Raises SourceError where `prepare` did not finish there."""
    try:
        told = json.loads((data / RECORD).read_text(encoding="utf-8"))
        rules, unreadable = Rules(**told.pop("rules")), tuple(told.pop("unreadable"))
        return Prepared(**told, rules=rules, unreadable=unreadable)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise SourceError(
            f"no prepared pairs in {data}", hint="bili2text workshop prepare makes them"
        ) from error
