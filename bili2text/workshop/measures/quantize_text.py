"""What came of a conversion, as a person reads it, and as a program does. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bili2text.workshop.measures.evaluation_text import table
from bili2text.workshop.measures.quantize import Converted
from bili2text.workshop.measures.targets import MB

_HEADS = ("model", "MB", "times smaller", "way", "n", "equal", "chrF", "compared with")


def text(found: Sequence[Converted]) -> str:
    """Return a table with a line for each model and direction; lines end with a newline."""
    rows = [
        (
            one.precision,
            f"{one.weight_bytes / MB:.1f}",
            f"{one.ratio:.2f}",
            parity.way,
            str(parity.n),
            f"{parity.share:.1%}",
            f"{parity.chrf:.1f}",
            one.against,
        )
        for one in found
        for parity in one.parity
    ]
    return "".join(f"{line}\n" for line in table([_HEADS, *rows]))


def values(found: Sequence[Converted]) -> dict[str, Any]:
    """Return the same as one JSON object, the models by their precision."""
    return {
        one.precision: {
            "folder": str(one.folder),
            "weight_bytes": one.weight_bytes,
            "ratio": one.ratio,
            "against": one.against,
            "parity": {
                parity.way: {"n": parity.n, "equal": parity.equal, "chrf": parity.chrf}
                for parity in one.parity
            },
        }
        for one in found
    }
