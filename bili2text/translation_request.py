"""What a translation needs to know, as one typed value, and what can come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from bili2text.captions.values import Layout
from bili2text.errors import Bili2TextError
from bili2text.remote.plain import plain
from bili2text.subtitles.shape import Shape
from bili2text.subtitles.writers import Json
from bili2text.terms import Term
from bili2text.translators.values import TranslatorWishes

SAME = "same"  # of a file's formats: the one it has


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server that translates, in OpenAI's form. Its key, if any, is in the environment."""

    base: str  # "http://127.0.0.1:11434/v1"
    model: str = ""  # its name there; "" takes the only one
    concurrency: int = 8  # requests at once


@dataclass(frozen=True, slots=True)
class TranslationOutput:
    """Where translations go: "source" is beside the input, "-" standard output."""

    folder: str = "source"
    formats: str = SAME
    overwrite: bool = False
    skip: bool = False


@dataclass(frozen=True, slots=True)
class TranslationRequest:
    """Everything a translation needs to know beside the text."""

    target: str  # Whisper's code, or "zh-Hant"
    source: str | None = None  # None: as the file says, or as it looks
    wishes: TranslatorWishes = TranslatorWishes()
    models_dir: Path | None = None
    endpoint: Endpoint | None = None
    resident: bool = True  # use `serve-translation` where it runs
    shared: bool = False  # its wishes of device, card and memory are Whisper's, too
    given: frozenset[str] | None = None  # options written for this run; None: whatever is wished was
    share: TranslatorWishes | None = None  # of a batch in processes: the plan, which is no wish of the user's
    terms: tuple[Term, ...] = ()
    context: int = 2  # sentences before each that are told with it
    reflect: bool = False
    retry_failed: bool = False  # ask once more for what an earlier run marked for review
    fresh: bool = False
    layout: Layout = "target-only"
    shape: Shape | None = None  # None: what the target's script wants
    output: TranslationOutput = TranslationOutput()
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Translation:
    """One file or recording, translated."""

    name: str
    paths: tuple[Path, ...]
    text: str  # the file's text where it goes to standard output, else ""
    source: str  # language
    target: str  # language
    lines: int
    sentences: int
    review: int  # sentences a person should look at
    missing: int  # sentences that no translation could be had of
    repaired: Mapping[str, int]  # sentences by the repair that mended them
    resumed: int  # sentences taken from the journal
    seconds: float  # of work in this run, without loading
    details: Mapping[str, Json]  # how it was made


@dataclass(frozen=True, slots=True)
class Untranslated:
    """One file or recording that was left as it is, or could not be translated."""

    name: str
    why: Bili2TextError | None  # None: its files were there already
    paths: tuple[Path, ...] = ()


Translated = Translation | Untranslated


def wished(request: TranslationRequest) -> dict[str, Json]:
    """Return what the user asked of the model, as far as it may decide the words.

    Not how much memory there may be, nor where it computes: a job goes on where there is room.
    """
    wishes, endpoint = request.wishes, request.endpoint
    return {
        "model_path": _resolved(wishes.model_path),
        "models_dir": _resolved(request.models_dir),
        "engine": wishes.engine,
        "precision": wishes.precision,
        "half": plain(wishes.wish),  # type: ignore[dict-item]
        "policy": wishes.policy,
        "batch_size": wishes.batch_size,
        "endpoint": asdict(endpoint) if endpoint else None,
    }


def _resolved(path: Path | None) -> str | None:
    return str(path.expanduser().resolve()) if path else None
