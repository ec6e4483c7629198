"""What the user asked for, as one typed value, and what came of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bili2text.audio.chunks import CutRules, Span
from bili2text.audio.clips import ALL
from bili2text.chinese.normalise import ChineseRules
from bili2text.coverage import Report
from bili2text.errors import Bili2TextError
from bili2text.gpu.account import Watching
from bili2text.jobs.records import Pin
from bili2text.plan.values import Wishes
from bili2text.source.media import LinkOptions, Media
from bili2text.subtitles.shape import Shape
from bili2text.subtitles.writers import Document
from bili2text.terms import Term, hotwords
from bili2text.transcribe.engine import ROOM_BEFORE
from bili2text.transcribe.run import Listening


@dataclass(frozen=True, slots=True)
class Output:
    """Where the result goes. `folder` is a path, "source" (beside the input) or "-" (standard output)."""

    folder: str = "."
    formats: str = "txt,srt,json"
    overwrite: bool = False
    skip: bool = False
    report: bool = True  # write <stem>.report.json beside them


@dataclass(frozen=True, slots=True)
class ModelPlace:
    """Where models may come from."""

    model_dir: Path | None = None
    hub: str | None = None
    offline: bool = False
    proxy: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """Everything a run needs to know."""

    sources: tuple[str, ...]
    link: LinkOptions = LinkOptions()
    models: ModelPlace = ModelPlace()
    wishes: Wishes = Wishes()
    listening: Listening = Listening()
    rules: CutRules = CutRules()
    shape: Shape = Shape()
    output: Output = Output()
    filters: tuple[str, ...] = ()  # "denoise", "loudnorm"
    track: int | None = None  # audio track, from 1; None: the one the file calls default
    watching: Watching = Watching()
    chinese: ChineseRules = ChineseRules()
    fresh: bool = False  # forget what an earlier run of the same job heard
    command: tuple[str, ...] = ()  # the words that say all this, for `jobs resume`
    clips: tuple[Span, ...] = ALL  # the parts to transcribe
    terms: tuple[Term, ...] = ()  # names to expect; the translation's glossary
    seed_terms: bool = False  # more of them from title, uploader and tags

    @property
    def told(self) -> int:
        """Tokens each window is told before its own, at most."""
        words = len(hotwords(self.terms, self.listening.language or "en").encode()) if self.terms else 0
        return min(ROOM_BEFORE, self.listening.options.told + (ROOM_BEFORE if self.seed_terms else words))

    explain: bool = False  # show the plan in full before anything is done


@dataclass(frozen=True, slots=True)
class Result:
    """One recording, transcribed."""

    name: str
    media: Media
    document: Document
    paths: tuple[Path, ...]  # empty when the result goes to standard output
    pin: Pin
    speed: float  # seconds of audio per second of work
    lost: float  # seconds of sound that the file should have had
    report: Report


@dataclass(frozen=True, slots=True)
class Skipped:
    """One recording that had all its files already."""

    name: str
    paths: tuple[Path, ...]
    coverage: float | None = None  # the share (0..1) of speech that has text; None: not known
    lost: float = 0.0  # seconds of sound that the file should have had
    language: str = ""  # of its text; "" where it is not known


@dataclass(frozen=True, slots=True)
class Failed:
    """One recording that could not be transcribed."""

    name: str
    error: Bili2TextError


Outcome = Result | Skipped | Failed
