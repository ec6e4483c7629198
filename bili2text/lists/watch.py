"""A folder that is watched for new media files: one counts when it has stopped growing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bili2text.lists.expand import media_files


@dataclass(slots=True)
class Watched:
    """What a folder held when it was last looked at."""

    folder: Path
    every: float = 5.0  # seconds between two looks
    _seen: dict[Path, tuple[int, int]] = field(init=False, default_factory=dict)  # bytes, mtime in ns

    def look(self) -> tuple[Path, ...]:
        """Return the files that are as they were at the last look, and not empty. Raises SourceError."""
        now = {path: found for path in media_files(self.folder) if (found := _facts(path)) is not None}
        still = tuple(path for path, facts in now.items() if facts[0] and self._seen.get(path) == facts)
        self._seen = now
        return still


def _facts(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:  # renamed meanwhile
        return None
    return found.st_size, found.st_mtime_ns
