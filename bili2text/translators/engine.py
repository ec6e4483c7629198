"""What a translation engine is: prompts in, replies out. Pure; ct2.py, hf.py and api.py are the real ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

Role = Literal["system", "user", "assistant"]
EngineName = Literal["transformers", "ctranslate2", "api"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked. The turns that many prompts share come first, so that they are computed once."""

    messages: tuple[Message, ...]
    max_new_tokens: int = 256


@dataclass(frozen=True, slots=True)
class Decoding:
    """How to decode one call of `generate`. The default is greedy: the same prompts give the same replies."""

    beam_size: int = 1
    temperature: float = 0.0  # 0: no sampling
    top_p: float = 1.0
    top_k: int = 0  # 0: all
    repetition_penalty: float = 1.0
    seed: int = 0  # of the sampling: the same seed and batch give the same replies
    without: tuple[
        str, ...
    ] = ()  # scripts not to be written: "han", "kana", "hangul", "latin", "cyrillic"...


GREEDY = Decoding()


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said to one prompt: the text as it is, thinking and all."""

    text: str
    tokens: int  # generated
    finished: bool  # the model stopped by itself, not at the limit


@dataclass(frozen=True, slots=True)
class Load:
    """What to load, and where."""

    folder: Path
    engine: EngineName
    device: str  # "cpu" or "cuda"
    device_index: int = 0
    precision: str = "auto"  # values.Precision; "auto": as the folder holds it
    batch_size: int = 8  # prompts at once, at most; `generate` cuts what it is given
    threads: int = 0  # CPU threads; 0: the library decides
    url: str = ""  # of an endpoint, for the engine "api"
    model: str = ""  # its name there


class Translator(Protocol):
    """A loaded model that answers. Not for use from several threads."""

    precision: str  # what it computes in, after a fallback

    def generate(
        self,
        prompts: tuple[Prompt, ...],
        decoding: Decoding = GREEDY,
        told: Callable[[int, Reply], None] | None = None,
    ) -> tuple[Reply, ...]:
        """Return the reply to each prompt, in order.

        `told` is called with the prompt's place and its reply as soon as each is there, in any order, and
        exactly once for each. Raises OutOfMemory when the device has no room for so many at once,
        PrecisionFailure when what it computes is no text, RuntimeFailure when the device fails otherwise.
        """

    def close(self) -> None:
        """Let go of the model and its memory."""
