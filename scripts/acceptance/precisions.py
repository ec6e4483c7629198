"""Section `precisions`: whether each precision gives text on this card, how fast, and in how much memory."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from importlib.metadata import version

from acceptance.bench import Bench, remaining
from acceptance.children import Ended
from acceptance.values import Check, Deadline, Found, Row
from bili2text.plan import precision
from bili2text.plan.footprint import Setting

TYPES = ("float32", "float16", "int8_float16", "bfloat16", "int8_float32", "int8_bfloat16")
_ALIKE = 0.8  # of float32's words that another precision shall have in common with it


def precisions(bench: Bench, deadline: Deadline, types: tuple[str, ...] = TYPES) -> Iterator[Found]:
    """Run real speech through the real base model in every precision; ours by table and the others alike."""
    folder, _ = bench.models.folder("base")
    full = ""
    for number, compute_type in enumerate(types):
        deadline.check()
        refused = precision.refusal(bench.device, compute_type, version("ctranslate2"))
        task = bench.task(folder, Setting(compute_type, batch_size=4), longest=False)
        ended = bench.run("decode_child", task, max(5.0, remaining(deadline, len(types) - number)))
        text = ended.said.get("text", "")
        full = text if compute_type == "float32" else full
        alike = round(likeness(full, text), 3)
        measured = ended.said.get("measured", {})
        yield Row({
            "compute_type": compute_type, "by_our_table": refused or "allowed", "wrong": ended.wrong,
            "cut": ended.cut, "words": len(text.split()), "like_float32": alike,
            "speed": ended.said.get("speed"), "peak_mib": measured.get("peak_mib"),
        })  # fmt: skip
        compared = f"{alike:.0%} of the words of float32" if full else "float32 gave nothing to compare with"
        figure = f"{ended.wrong or compared}; our table: {refused}" if refused else ended.wrong or compared
        # what the table refuses may fail; that it need not refuse it is worth knowing, and no fault of a run
        result = None if refused else held(compute_type, ended, full, alike)
        yield Check(f"{compute_type} gives text", result, figure)


def held(compute_type: str, ended: Ended, full: str, alike: float) -> bool | None:
    """Return whether a precision wrote what float32 did; None where that cannot be told."""
    if ended.cut:
        return None
    if ended.wrong:
        return False
    return None if not full and compute_type != "float32" else alike >= _ALIKE


def likeness(one: str, other: str) -> float:
    """Return how alike two texts are, word by word: 0 to 1, and 0 when either is empty."""
    first, second = one.lower().split(), other.lower().split()
    return SequenceMatcher(None, first, second, autojunk=False).ratio() if first and second else 0.0
