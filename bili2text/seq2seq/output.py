"""What a small translator says of a text, and of one that was cut. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bili2text.seq2seq.values import Way, target_of


@dataclass(frozen=True, slots=True)
class Output:
    """A translation. Of a text that was cut its numbers are those of all pieces together."""

    text: str
    ids: tuple[int, ...]  # generated, without the language and the end
    source_tokens: int  # that the encoder read, the language and the end included
    tokens: int  # that were searched for: `ids` and the end
    score: float  # mean log probability of a token, as CTranslate2 counts it; 0.0 for a blank text
    finished: bool  # the model ended by itself, not at a limit


BLANK = Output("", (), 0, 0, 0.0, finished=True)


def joined(parts: Sequence[Output], way: Way) -> Output:
    """Return the translation of a text from those of its pieces, in order."""
    if len(parts) <= 1:
        return parts[0] if parts else BLANK
    tokens = sum(one.tokens for one in parts)
    between = " " if target_of(way) == "en" else ""
    return Output(
        text=between.join(said for one in parts if (said := one.text.strip())),
        ids=tuple(number for one in parts for number in one.ids),
        source_tokens=sum(one.source_tokens for one in parts),
        tokens=tokens,
        score=sum(one.score * one.tokens for one in parts) / max(1, tokens),
        finished=all(one.finished for one in parts),
    )
