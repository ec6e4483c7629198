"""A picture of a card's memory over time."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bili2text.cells import graphemes, width
from bili2text.errors import DependencyError, UsageError
from bili2text.files import clean_text, whole
from bili2text.gpu.monitor import Sample

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INCHES = (9.0, 4.5)
_DPI = 120
_TITLE_CELLS = 84  # what fits above the axes in the font's size
# Fonts with Chinese that Windows, macOS and Linux ship; the first that is there is used.
_EASTERN = (
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "SimHei",
    "Arial Unicode MS",
)


def plot(
    samples: Sequence[Sample],
    target: Path,
    *,
    total_mib: int,
    title: str,
    min_free_mib: int | None = None,
) -> None:
    """Write a PNG of the memory in use over time to `target`, whole or not at all.

    With `min_free_mib` a line shows where free memory gets low. A file that is there is replaced.
    Raises DependencyError without matplotlib, UsageError without samples, StorageError when `target` cannot
    be written.
    """
    if not samples:
        raise UsageError("there are no samples to draw", hint="let the watch run for a moment")
    with _silence():
        try:
            from matplotlib import font_manager
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        except ImportError as error:
            raise DependencyError(
                "drawing needs matplotlib, which is not installed", hint="pip install 'bili2text[plot]'"
            ) from error
        figure = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        _draw(axes, samples, total_mib, min_free_mib)
        installed = set(font_manager.get_font_names())
        fonts = ["DejaVu Sans", *[name for name in _EASTERN if name in installed][:1]]
        # a dollar sign in a title is no formula
        axes.set_title(_short(clean_text(title)), parse_math=False, fontfamily=fonts)
        with whole(target) as temporary:
            figure.savefig(temporary, format="png")


def _draw(axes: Axes, samples: Sequence[Sample], total_mib: int, min_free_mib: int | None) -> None:
    seconds = [sample.at for sample in samples]
    used = [sample.used_mib / 1024 for sample in samples]
    total = total_mib / 1024
    axes.plot(seconds, used, color="tab:blue", label="in use", marker="." if len(samples) == 1 else "")
    axes.fill_between(seconds, used, color="tab:blue", alpha=0.15)
    axes.axhline(total, color="black", linestyle="--", label=f"the card: {total:.1f} GiB")
    if min_free_mib:
        limit = (total_mib - min_free_mib) / 1024
        axes.axhline(limit, color="tab:red", linestyle=":", label=f"less than {min_free_mib} MiB free above")
    peak = max(range(len(used)), key=used.__getitem__)
    axes.plot([seconds[peak]], [used[peak]], "o", color="tab:orange", label=f"peak: {used[peak]:.2f} GiB")
    axes.set_xlabel("time [s]")
    axes.set_ylabel("GPU memory [GiB]")
    axes.set_ylim(0, max(total, *used) * 1.08)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="lower right", fontsize="small")


def _short(title: str) -> str:
    if width(title) <= _TITLE_CELLS:
        return title
    kept, taken = [], 0
    for cluster in graphemes(title):
        taken += width(cluster)
        if taken >= _TITLE_CELLS:
            break
        kept.append(cluster)
    return "".join(kept) + "…"


@contextmanager
def _silence() -> Iterator[None]:
    """Keep matplotlib's remarks on fonts and caches off standard error: a missing glyph is a box, no more."""
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
