"""Where the files of a recording go, what they are called, and which job they belong to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from bili2text.errors import SourceError, StorageError
from bili2text.files import clean_text, safe_name
from bili2text.jobs.lines import canonical
from bili2text.jobs.store import About, Jobs
from bili2text.request import Output, Request
from bili2text.source.media import GENERIC_SITES, Media
from bili2text.subtitles.save import targets

STDOUT = "-"
BESIDE = "source"
_REPORT = "report.json"
_ANEW = {  # by whether --fresh was given
    False: "--overwrite writes it from the journal, without hearing it again; --skip keeps it",
    True: "--fresh --overwrite hears it anew and replaces it",
}


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

    def target(self, media: Media, output: Output, formats: Sequence[str], prefix: str = "") -> Target:
        """Return where this recording's files go: names begin with `prefix`, and are its own from now on.

        Raises SourceError for a recording that was named twice.
        """
        target = self.expected(media, output, formats, prefix)
        self.take(target.paths)
        return target

    def expected(self, media: Media, output: Output, formats: Sequence[str], prefix: str = "") -> Target:
        """Return what `target` would, with nothing taken yet. Raises SourceError, too."""
        folder = _folder(output, media)
        if folder is None:
            return Target(None, "", (), None)
        stem = self._free(media, folder, prefix)
        report = targets(folder, stem, (_REPORT,))[0] if output.report else None
        return Target(folder, stem, targets(folder, stem, formats), report)

    def take(self, paths: Sequence[Path]) -> None:
        """Let the name of these files, which differ in their extensions alone, be nobody else's."""
        self._taken.update(_mark(path.with_suffix("")) for path in paths)

    def _free(self, media: Media, folder: Path, prefix: str) -> str:
        """Return a stem that no other recording has: talk.mp3 and talk.wav, or two in two folders."""
        stem = prefix + _stem(media)
        longer = prefix + media.path.name if media.site == "file" else stem
        for candidate in (stem, longer, f"{stem} [{_digest(str(media.path))}]"):
            (path,) = targets(folder, candidate, ("txt",))
            if _mark(path.with_suffix("")) not in self._taken:
                return candidate
        raise SourceError(f"the same recording again: {media.title}", hint="name it once")


class Owners:
    """Which job began or wrote a file. Asked for thousands of files, so what jobs there are is remembered."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._known: dict[str, About] | None = None

    def of(self, paths: Sequence[Path], *, sure: bool) -> Mapping[Path, About]:
        """Return the job that each file there belongs to; `sure` looks again before it says nobody's."""
        there = [path for path in paths if path.exists()]
        found = self._found(there)
        if len(found) < len(there) and sure:
            self._known = None  # a job that another process began meanwhile
            found = self._found(there)
        return found

    def _found(self, there: Sequence[Path]) -> dict[Path, About]:
        if self._known is None and there:
            # the newest comes last: it wrote over what older ones had begun
            self._known = {path: about for about in reversed(self._jobs.all()) for path in about.outputs}
        known = self._known or {}
        return {path: known[name] for path in there if (name := str(path.absolute())) in known}


def to_write(target: Target, owners: Mapping[Path, About], key: str, request: Request) -> tuple[Path, ...]:
    """Return which of the files the job `key` has to write: not those it has finished, written as asked.

    Raises StorageError for a file that is there and must stay: another's, or written by this job in another
    way, unless --overwrite is given.
    """
    if request.output.overwrite:
        return target.all
    written = manner(request)
    found: list[Path] = []
    for path in target.all:
        owner = owners.get(path)
        if owner is None or not path.exists():
            found.append(path)  # what is nobody's is refused by `refuse_targets`, if it is there
        elif owner.key != key:
            _refuse_other(path, owner)
        elif owner.state != "finished" or path == target.report:
            found.append(path)
        elif owner.written != written or request.fresh:
            raise StorageError(f"already there: {clean_text(str(path))}", hint=_ANEW[request.fresh])
    return tuple(found)


def manner(request: Request) -> str:
    """Return a mark of all that decides how heard words are written: the cues' shape, Chinese and numbers."""
    return _digest(canonical({"shape": asdict(request.shape), "chinese": asdict(request.chinese)}))


def _refuse_other(path: Path, owner: About) -> NoReturn:
    why = "" if owner.state == "finished" else f", {owner.state}, of other options"
    hint = "pass --overwrite to replace it, or --skip to keep it"
    if why:
        hint = f"pass --overwrite to replace it, or `bili2text jobs resume {owner.key[:8]}` to finish it"
    raise StorageError(f"already there{why}: {clean_text(str(path))}", hint=hint)


def _mark(path: Path) -> str:
    return str(path.absolute()).casefold()


def _folder(output: Output, media: Media) -> Path | None:
    """Return where a recording's files go; None for standard output."""
    if output.folder == STDOUT:
        return None
    if output.folder == BESIDE:
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
