"""What messages call a process that runs a model, and what they advise when it fails. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bili2text.errors import Bili2TextError, DependencyError, OutOfMemory, RuntimeFailure

_SAID = 200  # characters of an unknown error in a message


@dataclass(frozen=True, slots=True)
class Words:
    """The words for one kind of process; the advice is a hint's, without a full stop."""

    name: str  # in the middle of a sentence: "the speech engine"
    smaller: str  # what to do where there is too little memory
    other: str  # what to do when nobody knows why it failed
    reinstall: str  # what to do when a library of its cannot be imported
    # from a library's message, and what the full memory is called, to our error
    meaning: Callable[[str, str], Bili2TextError]

    def error(self, error: Exception) -> Bili2TextError:
        """Return an error that happened in the process as one of ours, in one line; ours as it is."""
        if isinstance(error, Bili2TextError):
            return error
        said = " ".join(f"{type(error).__name__}: {error}".split())[:_SAID]
        if isinstance(error, ImportError):
            return DependencyError(f"{self.name} cannot be imported: {said}", hint=self.reinstall)
        if isinstance(error, MemoryError):
            return OutOfMemory("the machine has no memory left", hint=self.smaller)
        return RuntimeFailure(f"{self.name} failed: {said}", hint=self.other)
