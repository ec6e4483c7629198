"""What a vocabulary does for a translator: text to token numbers and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from bili2text.seq2seq.values import Way


class Codec(Protocol):
    """A vocabulary that knows the languages. Kept in a folder of its own, `vocabulary/` beside the model."""

    size: int  # tokens, as the model's embedding counts them
    pad: int
    end: int  # ends a source and a target, and begins the decoder's input
    ways: tuple[Way, ...]  # that it can be used for

    def source(self, text: str, way: Way) -> list[int]:
        """Return what the encoder reads: the source's language where the model takes one, tokens, the end."""

    def target(self, text: str, way: Way) -> list[int]:
        """Return the labels: the target's language where the model takes one, tokens, the end."""

    def first(self, way: Way) -> int | None:
        """Return the token a translation must begin with (forced_bos), or None where the model takes none."""

    def text(self, ids: Sequence[int]) -> str:
        """Return the text of generated tokens, special ones and languages left out."""

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """Return the names of tokens, as CTranslate2 wants to be told them."""

    def ids(self, tokens: Sequence[str]) -> list[int]:
        """Return the numbers of named tokens."""

    def save(self, folder: Path) -> None:
        """Write it into a folder, from which `open_codec` makes the same one again. Raises StorageError."""
