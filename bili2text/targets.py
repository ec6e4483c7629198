"""Where the files of a recording go, what they are called, and which job they belong to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bili2text.errors import SourceError
from bili2text.files import safe_name
from bili2text.jobs.store import About, Jobs
from bili2text.request import Output
from bili2text.source.media import GENERIC_SITES, Media
from bili2text.subtitles.save import targets

STDOUT = "-"
_BESIDE = "source"
_REPORT = "report.json"


@dataclass(frozen=True, slots=True)
class Target:
    """Where the files of one recording go; no folder for standard output."""

    folder: Path | None
    stem: str
    paths: tuple[Path, ...]
    report: Path | None

    @property
    def all(self) -> tuple[Path, ...]:
        """Every file that is written."""
        return self.paths if self.report is None else (*self.paths, self.report)


class Names:
    """Gives the recordings of one run names that no two share."""

    def __init__(self) -> None:
        self._taken: set[str] = set()  # in lower case: disks may not tell cases apart

    def target(self, media: Media, output: Output, formats: Sequence[str]) -> Target:
        """Return where this recording's files go. Raises SourceError for one that was named twice."""
        folder = _folder(output, media)
        if folder is None:
            return Target(None, "", (), None)
        stem = self._free(media, folder)
        report = targets(folder, stem, (_REPORT,))[0] if output.report else None
        return Target(folder, stem, targets(folder, stem, formats), report)

    def _free(self, media: Media, folder: Path) -> str:
        """Return a stem that no other recording has: talk.mp3 and talk.wav, or two in two folders."""
        stem = _stem(media)
        longer = media.path.name if media.site == "file" else stem
        for candidate in (stem, longer, f"{stem} [{_digest(str(media.path))}]"):
            (path,) = targets(folder, candidate, ("txt",))
            key = str(path).casefold()
            if key not in self._taken:
                self._taken.add(key)
                return candidate
        raise SourceError(f"the same recording again: {media.title}", hint="name it once")


class Owners:
    """Which job began or wrote a file. Asked for thousands of files, so what jobs there are is remembered."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._known: dict[str, About] | None = None

    def of(self, paths: Sequence[Path], *, sure: bool) -> About | None:
        """Return the job whose files some of these are; `sure` looks again before it says nobody's."""
        there = [str(path.absolute()) for path in paths if path.exists()]
        found = self._found(there)
        if found is None and there and sure:
            self._known = None  # a job that another process began meanwhile
            found = self._found(there)
        return found

    def _found(self, there: Sequence[str]) -> About | None:
        if self._known is None and there:
            self._known = {path: about for about in self._jobs.all() for path in about.outputs}
        return next((self._known[path] for path in there if self._known and path in self._known), None)


def _folder(output: Output, media: Media) -> Path | None:
    """Return where a recording's files go; None for standard output."""
    if output.folder == STDOUT:
        return None
    if output.folder == _BESIDE:
        return media.path.parent if media.site == "file" else Path()
    return Path(output.folder).expanduser()


def _stem(media: Media) -> str:
    """Return the name the files have before the dot: a file's own, or the title with the site's id.

    The id keeps two recordings of one title apart, and is never what a long title pushes out. Where the
    site is none that yt-dlp knows, the id is only a file's name: a mark of the link stands in for it.
    """
    if media.site == "file":
        return media.path.stem
    if media.site == "stdin":
        return "stdin"
    known = media.id and media.site.lower() not in GENERIC_SITES
    tail = safe_name(media.id or "", limit=40) if known else _digest(media.url or media.title)
    return f"{safe_name(media.title)} [{tail}]"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
