"""What runs on this card really took, and how that corrects the formula. Pure.

The rules, for one site (card, its memory, driver, CTranslate2; nothing carries over to another):

- a run of the very same setting wins: 1.03 times its peak, never under 0.9 of the formula;
- a run that asks more of a model caps what a lesser one needs, a lesser one is the least a greater needs;
- all runs together correct the formula: one factor on the activations, one size of the context, 0.9 to 1.3;
- out of memory with m MiB free: that setting, and whatever the formula puts above it, needs more than m. This
  is forgotten when the same setting, or one that asks more of that model, later runs to its end.

So the need never falls when the batch grows, and no measured peak is undercut. The factors are our own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, fsum
from typing import Literal

from bili2text.models.catalog import card_named
from bili2text.plan.footprint import Footprint, Setting, on_card

_ROOM = 1.03  # over a measured peak: the allocator and the driver differ a little from run to run
_LEAST, _MOST = 0.9, 1.3  # bounds of any correction
_MORE_MIB = 128  # beyond what was free when memory ran out: by how much it fell short nobody tells
_SPREAD = 0.9  # activations within a tenth of each other say nothing of a slope


@dataclass(frozen=True, slots=True)
class Site:
    """Where a figure holds."""

    card: str
    total_mib: int
    driver: str
    library: str  # "ctranslate2 4.8.5"


@dataclass(frozen=True, slots=True)
class Peak:
    """What one run really took, or could not get."""

    site: Site
    model: str
    setting: Setting
    mib: int  # the process's peak; when it ran out of memory: what was free for it, so the need is more
    out_of_memory: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A precision that failed on a card, or gave nonsense."""

    site: Site
    compute_type: str
    why: str


@dataclass(frozen=True, slots=True)
class Need:
    """Memory to have free, and how it is known."""

    mib: int
    origin: Literal["computed", "measured", "learned"]  # learned: from other runs, or from a lack of memory


@dataclass(frozen=True, slots=True)
class Experience:
    """Everything that was learned, oldest first."""

    peaks: tuple[Peak, ...] = ()
    refused: tuple[Refused, ...] = ()

    def need(self, site: Site, model: str, setting: Setting, footprint: Footprint) -> Need:
        """Return what `model` needs with `setting` on this site, by the rules above.

        `footprint` is the formula's answer (`footprint.on_card`); without any experience it is the need.
        """
        here = [peak for peak in self.peaks if peak.site == site]
        runs = [peak for peak in here if not peak.out_of_memory]
        own = [peak for peak in runs if peak.model == model]
        least = max((_ROOM * run.mib for run in own if _within(run.setting, setting)), default=0.0)
        cap = min((_capped(run, footprint) for run in own if _within(setting, run.setting)), default=None)
        expected = _corrected(runs, footprint)
        if cap is not None:
            expected = min(expected, cap)
        lacks = (lack for lack in _lacks(here) if _reaches(lack, model, setting, footprint))
        raised = max((lack.mib + _MORE_MIB for lack in lacks), default=0)
        found = max(_LEAST * footprint.peak, least, expected, float(raised))
        mib = ceil(round(found, 3))
        if raised < found and any(run.setting == setting for run in own):
            return Need(mib, "measured")
        return Need(mib, "computed" if mib == ceil(round(footprint.peak, 3)) else "learned")

    def refusals(self, site: Site) -> dict[str, str]:
        """Return the compute types that failed on this site, and why."""
        return {one.compute_type: one.why for one in self.refused if one.site == site}

    def with_peak(self, peak: Peak) -> Experience:
        """Return this and one run more; of runs alike only the highest figure is kept, as the newest."""
        alike = [old for old in self.peaks if replace(old, mib=peak.mib) == peak]
        highest = replace(peak, mib=max(one.mib for one in (*alike, peak)))
        return replace(self, peaks=(*(old for old in self.peaks if old not in alike), highest))

    def with_refused(self, refused: Refused) -> Experience:
        """Return this and one refusal more; a newer reason takes the older one's place."""
        others = (old for old in self.refused if replace(old, why=refused.why) != refused)
        return replace(self, refused=(*others, refused))


def _within(less: Setting, more: Setting) -> bool:
    """Return whether `more` asks at least as much memory of a model in every respect."""
    return (
        less.compute_type == more.compute_type
        and less.batch_size <= more.batch_size
        and less.beam_size <= more.beam_size
        and less.best_of <= more.best_of
        and less.word_timestamps <= more.word_timestamps
        and less.told <= more.told
        and less.marks <= more.marks
        and _no_more_at_once(less.encoder_batch, more.encoder_batch)
    )


def _no_more_at_once(less: int | None, more: int | None) -> bool:
    return more is None or (less is not None and less <= more)


def _capped(run: Peak, footprint: Footprint) -> float:
    """Return what a run shows to be enough for its setting and any lesser one."""
    known = _formula(run.model, run.setting)
    peak = 0.0 if known is None else known.peak - known.context + footprint.context
    return max(_ROOM * run.mib, _LEAST * peak)


def _lacks(here: list[Peak]) -> Iterator[Peak]:
    """Yield the times memory ran out that no later run has disproved."""
    for index, lack in enumerate(here):
        later = here[index + 1 :] if lack.out_of_memory else []
        disproved = any(
            not one.out_of_memory and one.model == lack.model and _within(lack.setting, one.setting)
            for one in later
        )
        if lack.out_of_memory and not disproved:
            yield lack


def _reaches(lack: Peak, model: str, setting: Setting, footprint: Footprint) -> bool:
    """Return whether a lack of memory tells of this setting: it asked no more of the model, or by formula."""
    if lack.model == model and _within(lack.setting, setting):
        return True
    known = _formula(lack.model, lack.setting)
    return known is not None and known.peak - known.context <= footprint.peak - footprint.context


def _corrected(runs: list[Peak], footprint: Footprint) -> float:
    """Return the formula's peak with this card's own context and factor on the activations, in MiB."""
    points = sorted(
        (known.activations, run.mib - known.weights - known.padding)
        for run in runs
        if (known := _formula(run.model, run.setting))
    )
    if not points:
        return footprint.peak
    factor = _bounded(_slope(points, footprint.context), 1.0)
    context = _bounded(max(taken - factor * computed for computed, taken in points), footprint.context)
    return footprint.weights + footprint.padding + context + factor * footprint.activations


def _slope(points: list[tuple[float, float]], context: float) -> float:
    """Return how many times the computed activations are taken: least squares, where a line can be drawn."""
    if points[0][0] > _SPREAD * points[-1][0]:
        return max((taken - context) / computed for computed, taken in points)
    middle = fsum(computed for computed, _ in points) / len(points)
    level = fsum(taken for _, taken in points) / len(points)
    covariance = fsum((computed - middle) * (taken - level) for computed, taken in points)
    return covariance / fsum((computed - middle) ** 2 for computed, _ in points)


def _bounded(value: float, around: float) -> float:
    return min(max(value, _LEAST * around), _MOST * around)


@lru_cache(maxsize=4096)
def _formula(model: str, setting: Setting) -> Footprint | None:
    """Return the formula's answer for a model known by name, its context that of a usual card."""
    card = card_named(model)
    return on_card(card.dims, setting, 0) if card else None
