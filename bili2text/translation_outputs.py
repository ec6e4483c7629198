"""The files of translations: what they are called, and whether one that is there may be written over."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bili2text.captions.save import targets
from bili2text.captions.values import Captions
from bili2text.errors import StorageError
from bili2text.files import clean_text, storage_error
from bili2text.jobs.lines import canonical
from bili2text.jobs.store import About
from bili2text.subtitles.save import refuse_targets
from bili2text.translate.values import Direction
from bili2text.translation_job import Origin, digest_of
from bili2text.translation_request import TranslationOutput, TranslationRequest

_MOST = 64  # texts of a job that are remembered
# of a language's codes, those that film files are named by (ISO 639-2), where they do not begin with ours
_OTHER_CODES = {"zh": ("chs", "cht", "chi", "zho", "cmn"), "de": ("ger", "deu"), "fr": ("fre", "fra"),
                "es": ("spa",), "ja": ("jpn",), "en": ("eng",), "ru": ("rus",), "ko": ("kor",)}  # fmt: skip


class Names:
    """Gives the translations of one run files that no two share."""

    def __init__(self) -> None:
        # in lower case: disks may not tell cases apart
        self._taken: dict[str, tuple[str, TranslationRequest]] = {}

    def named(
        self, origin: Origin, direction: Direction, request: TranslationRequest
    ) -> tuple[str, tuple[Path, ...]]:
        """Return the stem and the files of a text, its own from now on; none for standard output.

        Of two of one name the second is called by its whole name, talk.vtt.en.srt, else by a mark of its
        lines; the same text twice is one. Raises StorageError for a text that is to be written to one file
        in two ways.
        """
        stem = without_code(origin.stem, direction)
        if origin.folder is None:
            return stem, ()
        who = (digest_of(origin.captions), replace(request, output=TranslationOutput()))
        for name in (stem, origin.name, f"{stem} [{who[0][:8]}]"):
            paths = targets(origin.folder, name, direction.target, origin.formats)
            others = [self._taken[_folded(path)] for path in paths if _folded(path) in self._taken]
            if all(other == who for other in others):
                self._taken.update((_folded(path), who) for path in paths)
                return name, paths
            if any(other[0] == who[0] for other in others):
                break
        raise StorageError(
            f"two translations of {origin.name} would be one file: {clean_text(str(paths[0]))}",
            hint="give each a folder of its own",
        )


def without_code(stem: str, direction: Direction) -> str:
    """Return a file's stem without the language it says it is in: talk.en.srt in Chinese is talk.zh.srt.

    "talk.zh-CN" and "talk.chs" lose theirs, too, when they are Chinese. The target's own stays: the
    translation must not be called as its source is.
    """
    head, dot, code = stem.rpartition(".")
    base = direction.source.partition("-")[0]
    codes = "|".join((base, *_OTHER_CODES.get(base, ())))
    ours = re.fullmatch(rf"(?:{codes})(?:[-_](?:[a-z]{{2}}|han[st]|\d{{3}}))*", code, re.IGNORECASE)
    return head if head and dot and ours and code.casefold() != direction.target.casefold() else stem


def mark_of(request: TranslationRequest, captions: Captions) -> str:
    """Return a mark of all that decides how a translation is written: layout, shape, the lines' times."""
    shape = asdict(request.shape) if request.shape else None
    told = canonical({"layout": request.layout, "shape": shape, "captions": digest_of(captions)})
    return hashlib.sha256(told.encode("ascii")).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Written:
    """What a job has written, as far as it is known, and how it writes now."""

    mark: str
    wrote: tuple[str, ...] = ()  # About.wrote
    paths: tuple[str, ...] = ()  # About.outputs

    @classmethod
    def of(cls, about: About | None, mark: str) -> Written:
        """Return what was noted of a job."""
        return cls(mark, about.wrote, about.outputs) if about else cls(mark)

    def with_texts(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Return what to note before texts are written; what was noted before stays, the latest last."""
        new = (f"{self.mark}:{_sha256(text.encode('utf-8'))}" for text in texts)
        return tuple(dict.fromkeys((*self.wrote, *new)))[-_MOST:]

    def refuse(self, paths: Sequence[Path], *, overwrite: bool) -> None:
        """Raise StorageError for a file that is there and must stay, and where nothing can be written.

        A file is the job's own to replace when it is, to the byte, what the job has written this way.
        """
        own = [path for path in paths if not overwrite and self._is_own(path)]
        refuse_targets(own, overwrite=True)
        refuse_targets([path for path in paths if path not in own], overwrite=overwrite)

    def _is_own(self, path: Path) -> bool:
        """Return whether a file is as the job wrote it, or not there. Raises StorageError, saying why not."""
        found = _bytes(path)
        if found is None:
            return False
        digest, shown = _sha256(found), clean_text(str(path))
        marks = {mark for mark, _, text in (one.partition(":") for one in self.wrote) if text == digest}
        if self.mark in marks:
            return True
        if marks:
            raise StorageError(
                f"already there, in another layout or with other times: {shown}",
                hint="pass --overwrite to write it anew; nothing is translated again",
            )
        if str(path.absolute()) in self.paths:
            raise StorageError(
                f"already there, and changed since it was written: {shown}",
                hint="pass --overwrite to replace it, or --skip to keep it",
            )
        return False


def unlike(paths: Sequence[Path], texts: Sequence[str]) -> tuple[int, ...]:
    """Return the places of those files that do not hold their text already. Raises StorageError."""
    pairs = zip(paths, texts, strict=True)
    return tuple(place for place, (path, text) in enumerate(pairs) if _bytes(path) != text.encode("utf-8"))


def _bytes(path: Path) -> bytes | None:
    """Return what is in a plain file; None where there is none."""
    try:
        return path.read_bytes() if path.is_file() and not path.is_symlink() else None
    except OSError as error:
        raise storage_error(error, path) from error


def _folded(path: Path) -> str:
    return str(path.absolute()).casefold()


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
