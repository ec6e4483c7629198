"""BLEU beside latency and beside size, drawn. Imports matplotlib."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bili2text.errors import DependencyError
from bili2text.files import clean_text, whole
from bili2text.workshop.measures.choice import Candidate, Choice
from bili2text.workshop.measures.targets import Targets

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INCHES = (10.0, 4.5)
_CHOSEN, _OTHER, _TARGET = "tab:orange", "tab:blue", "0.5"


def picture(candidates: Sequence[Candidate], choice: Choice, targets: Targets, target: Path) -> None:
    """Write an SVG of all candidates, the chosen one in another colour, and the targets as lines.

    It appears whole or not at all; a file that is there is replaced. Raises DependencyError without
    matplotlib, StorageError.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DependencyError(
            f"drawing needs matplotlib: {error}", hint='pip install "bili2text[workshop]"'
        ) from error
    # text stays text, so that any viewer's own fonts show Chinese; the same figures give the same bytes
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "bili2text"}):
        figure = Figure(figsize=_INCHES, layout="constrained")
        FigureCanvasSVG(figure)
        left, right = figure.subplots(1, 2, sharey=True)
        _draw(left, candidates, choice, lambda one: one.figures.mean_ms)
        left.axvline(targets.mean_ms, color=_TARGET, linestyle="--")
        left.set_xlabel("mean latency of a sentence, the slower direction (ms)")
        _draw(right, candidates, choice, lambda one: one.figures.weight_mb)
        right.axvline(targets.int8_mb, color=_TARGET, linestyle="--")
        right.set_xlabel("file (MB)")
        for axes in (left, right):
            axes.axhline(targets.bleu, color=_TARGET, linestyle="--")
            axes.set_xlim(left=0)
            axes.set_ylim(bottom=0)
        first = candidates[0]
        left.set_ylabel(clean_text(f"BLEU, mean of directions, {first.test} (n {first.n})"), parse_math=False)
        with whole(target) as temporary, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Chinese that its own font lacks: the text stays text
            figure.savefig(temporary, format="svg", metadata={"Date": None})


def _draw(
    axes: Axes, candidates: Sequence[Candidate], choice: Choice, place: Callable[[Candidate], float | None]
) -> None:
    for one in candidates:
        x = place(one)
        if x is None:
            continue
        color = _CHOSEN if one is choice.best else _OTHER
        axes.errorbar([x], [one.figures.bleu], yerr=[one.half], fmt="o", color=color, capsize=3)
        axes.annotate(
            clean_text(one.name),
            (x, one.figures.bleu),
            xytext=(6, 6),
            textcoords="offset points",
            parse_math=False,
        )
