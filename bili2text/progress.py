"""How the library reports what it is doing: to a protocol, and by default to nobody."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol


class Stage(Protocol):
    """One piece of work under way; a context manager, so that it ends whatever happens."""

    def advance(self, amount: float) -> None:
        """Add `amount`, in the unit the stage was opened with, to what is done."""

    def grow(self, total: float) -> None:
        """Set the total once it is known, or known better."""

    def __enter__(self) -> Stage: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Progress(Protocol):
    """Where stages and remarks go."""

    def stage(self, name: str, total: float | None, unit: str) -> Stage:
        """Open a stage; `total` is None when unknown, `unit` is "B" (bytes), "s" (seconds of audio) or the
        name of what is counted. Stages may lie within each other."""

    def note(self, text: str) -> None:
        """Say something the user may want to know."""

    def warn(self, text: str) -> None:
        """Say something the user should know: the result may be affected."""

    def show(self, text: str) -> None:
        """Show lines the user asked for, as they are laid out."""


class _SilentStage:
    def advance(self, amount: float) -> None: ...

    def grow(self, total: float) -> None: ...

    def __enter__(self) -> _SilentStage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Silent:
    """A Progress that says nothing."""

    def stage(self, name: str, total: float | None, unit: str) -> Stage:  # noqa: ARG002 - the protocol's names
        """Open a stage that nobody watches."""
        return _SilentStage()

    def note(self, text: str) -> None:
        """Keep quiet."""

    def warn(self, text: str) -> None:
        """Keep quiet."""

    def show(self, text: str) -> None:
        """Keep quiet."""
