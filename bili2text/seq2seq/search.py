"""How the words of a translation are searched for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bili2text.seq2seq.values import Way


@dataclass(frozen=True, slots=True)
class Sampling:
    """How words are drawn where the likeliest are not to be taken."""

    temperature: float
    top_k: int = 0  # 0: all
    top_p: float = 1.0
    seed: int = 0  # the same seed and batches give the same translations


@dataclass(frozen=True, slots=True)
class Search:
    """How all texts of one call are translated."""

    way: Way
    batch: int
    whole: bool  # what fills all positions before it ends is translated in pieces
    most: int  # tokens of one translation, the forced language included
    options: Mapping[str, object]  # of CTranslate2's translate_batch


def choice(beams: int, sampling: Sampling | None) -> dict[str, object]:
    """Return how the next token is chosen, as CTranslate2 is told it; sampling knows no beam."""
    if sampling is None:
        return {"beam_size": max(1, beams)}
    return {
        "beam_size": 1,
        "sampling_temperature": sampling.temperature,
        "sampling_topk": sampling.top_k,
        "sampling_topp": sampling.top_p,
    }
