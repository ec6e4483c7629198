"""The picture of docs/benchmark.md: how much CPU each program takes, and how much it mishears."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarking.report import runs_of
from benchmarking.values import OURS, Run

_OURS, _THEIRS = "#1f77b4", "#b0b0b0"


def draw(found: Mapping[str, Any], path: Path) -> None:
    """Write an SVG: for each recording a bar of CPU seconds a minute of sound for each program, from the
    slowest round to the quickest a line, and the share of errors beside it."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = path.stem  # the same runs make the same file
    from matplotlib import pyplot

    runs = [run for run in runs_of(found) if not run.why]
    sounds = [sound["name"] for sound in found["sounds"]]
    figure, axes = pyplot.subplots(1, len(sounds), figsize=(6.5 * len(sounds), 4.2), squeeze=False)
    for place, sound in zip(axes[0], sounds, strict=True):
        _bars(place, sound, [run for run in runs if run.sound == sound])
    figure.tight_layout()
    figure.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(figure)


def _bars(place: Any, sound: str, runs: Sequence[Run]) -> None:  # noqa: ANN401 - an Axes of matplotlib
    costs = {
        name: sorted(60 * run.cpu / run.seconds for run in runs if run.program == name)
        for name in dict.fromkeys(run.program for run in runs)
    }
    names = sorted(costs, key=lambda name: -median(costs[name]))
    middle = [median(costs[name]) for name in names]
    spread = [
        [mid - costs[name][0] for name, mid in zip(names, middle, strict=True)],
        [costs[name][-1] - mid for name, mid in zip(names, middle, strict=True)],
    ]
    colours = [_OURS if name.startswith(OURS) else _THEIRS for name in names]
    place.barh(names, middle, xerr=spread, color=colours, ecolor="#404040", capsize=2)
    for row, name in enumerate(names):
        place.annotate(
            _said(runs, name), (costs[name][-1], row), (4, 0), textcoords="offset points", va="center"
        )
    place.set_xlim(0, 1.25 * max((costs[name][-1] for name in names), default=1))
    place.set_title(sound)
    place.set_xlabel("CPU seconds a minute of sound (and errors)")
    for side in ("top", "right"):
        place.spines[side].set_visible(False)


def _said(runs: Sequence[Run], name: str) -> str:
    rates = [
        100 * run.errors / run.units
        for run in runs
        if run.program == name and run.errors is not None and run.units
    ]
    return f"{median(rates):.1f} %" if rates else ""
