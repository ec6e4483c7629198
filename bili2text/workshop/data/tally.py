"""What was read and what was left out, counted while it is read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from bili2text.files import clean_text
from bili2text.workshop.data.pairs import Bad

_NAMED = 10  # lines that could not be read, that are named


@dataclass(slots=True)
class Tally:
    """Counts that grow."""

    read: int = 0  # lines and rows, without those of held-out files
    dropped: Counter[str] = field(default_factory=Counter)  # by reason
    kept_of: Counter[str] = field(default_factory=Counter)  # by source
    unreadable: list[str] = field(default_factory=list)

    def bad(self, found: Bad) -> None:
        """Count a line that is no pair, and name the first ones."""
        self.dropped[found.reason] += 1
        if len(self.unreadable) < _NAMED:
            self.unreadable.append(clean_text(f"{found.place} ({found.reason})"))

    def reasons(self) -> str:
        """Return what was left out, the commonest reason first."""
        counted = ", ".join(f"{count:,} {why}" for why, count in self.dropped.most_common())
        return f"left out: {counted or 'none'}"
