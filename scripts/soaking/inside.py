"""The pipeline inside this process, on the real engine, which is loaded once and remembers what it said.

Remembering saves most of the time, and hides nothing: what the same windows say does not change, as the runs
of scripts/soaking/kills.py show.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from unittest.mock import patch

from bili2text import loading, pipeline
from bili2text.loading import Loader
from bili2text.progress import Silent
from bili2text.request import Failed, Outcome, Request
from bili2text.transcribe.engine import USUAL, Decoded, Effort, Window
from bili2text.transcribe.remote import RemoteEngine

_SAID: dict[str, tuple[Decoded, ...]] = {}


class Remembering(RemoteEngine):
    """The real engine, asked once for the same."""

    def decode(self, windows: tuple[Window, ...], effort: Effort = USUAL) -> tuple[Decoded, ...]:
        """Return what each window said."""
        asked = hashlib.sha256(repr(effort).encode())
        for window in windows:
            told = (window.language, window.previous, window.prompt, window.hotwords, window.first)
            asked.update(repr(told).encode() + window.samples.tobytes())
        key = asked.hexdigest()
        if key not in _SAID:
            _SAID[key] = super().decode(windows, effort)
        return _SAID[key]


class _Kept(Loader):
    """A loader that runs may close, and that is there for the next one."""

    def close(self) -> None:
        """Keep the engine."""

    def end(self) -> None:
        """Let go of it."""
        super().close()


@contextmanager
def kept_engine(request: Request, environ: Mapping[str, str]) -> Iterator[None]:
    """Let all runs of a request inside share one engine."""
    with patch.object(loading, "RemoteEngine", Remembering):
        kept = _Kept(request, Silent(), environ)
        try:
            with patch.object(pipeline, "Loader", lambda *_: kept):
                yield
        finally:
            kept.end()


def outcome(request: Request, environ: Mapping[str, str]) -> Outcome:
    """Return what came of the one recording. Whatever is no error of ours is raised."""
    (found,) = pipeline.run(request, Silent(), environ)
    return found


def refusal(request: Request, environ: Mapping[str, str]) -> str:
    """Return the error of a run, or "" for one that came through."""
    found = outcome(request, environ)
    return found.error.message if isinstance(found, Failed) else ""
