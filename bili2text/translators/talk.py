"""What the translator's process and its parent say to each other. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bili2text.errors import Bili2TextError, OutOfMemory
from bili2text.remote.words import Words
from bili2text.transcribe import ct2_errors
from bili2text.translators.engine import Decoding, Prompt, Reply

_SMALLER = "use a smaller model (--model-path)"


def _meaning(message: str, place: str) -> Bili2TextError:
    """Return our error for the last words of a library; torch's tell of memory and cards as CTranslate2's."""
    found = ct2_errors.meaning(message, place)
    return OutOfMemory(found.message, hint=_SMALLER) if isinstance(found, OutOfMemory) else found


WORDS = Words(
    "the translator",
    smaller=_SMALLER,
    other="try another model (--model-path)",
    reinstall="pip install --force-reinstall 'bili2text[qwen]'",
    meaning=_meaning,
)


@dataclass(frozen=True, slots=True)
class Ready:
    """What a loaded model says of itself."""

    precision: str  # what it computes in, after a fallback


@dataclass(frozen=True, slots=True)
class Generate:
    """The request for replies. Its parts are Part, in the order they were told; its answer all replies."""

    prompts: tuple[Prompt, ...]
    decoding: Decoding


@dataclass(frozen=True, slots=True)
class Part:
    """One reply, as soon as it is there."""

    index: int  # of its prompt
    reply: Reply
