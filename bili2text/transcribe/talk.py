"""What the speech engine's process and its parent say to each other. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields

from bili2text.remote.plain import plain, typed
from bili2text.remote.wire import Frame
from bili2text.remote.words import Words
from bili2text.transcribe.ct2_errors import meaning
from bili2text.transcribe.engine import DecodeOptions, Load, Window

WORDS = Words(
    "the speech engine",
    smaller="use a smaller --model",
    other="try another --model, or --no-batched",
    reinstall="pip install --force-reinstall ctranslate2 faster-whisper",
    meaning=meaning,
)


@dataclass(frozen=True, slots=True)
class Loading:
    """What to load, and how it will be asked to decode."""

    load: Load
    options: DecodeOptions


@dataclass(frozen=True, slots=True)
class Ready:
    """What a loaded model says of itself."""

    multilingual: bool
    short: bool
    compute_type: str  # what it computes in, after "default" or "auto" was decided


@dataclass(frozen=True, slots=True)
class _Told:
    """A window without its sound."""

    language: str
    previous: tuple[int, ...]
    first: bool
    prompt: str | None
    hotwords: str | None
    marks: str | None


def of_windows(kind: str, windows: tuple[Window, ...], **more: object) -> Frame:
    """Return the frame that says windows, and `more` about them."""
    told = [_Told(*(getattr(window, field.name) for field in fields(_Told))) for window in windows]
    body = {name: plain(value) for name, value in {"windows": told, **more}.items()}
    return Frame(kind, body, tuple(window.samples for window in windows))


def windows_of(frame: Frame) -> tuple[Window, ...]:
    """Return the windows a frame says. Raises ValueError for a frame that says none, or others."""
    body = frame.body if isinstance(frame.body, dict) else {}
    told = typed(tuple[_Told, ...], body.get("windows"))
    return tuple(
        Window(sound, **{field.name: getattr(one, field.name) for field in fields(one)})
        for one, sound in zip(told, frame.sounds, strict=True)
    )
