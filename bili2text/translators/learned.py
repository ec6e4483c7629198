"""What translators really took on a card, and which precisions failed there. Pure.

As plan/experience.py does for Whisper, for one site (card, its memory, driver, library), one model and one
precision: the newest run that reached its end moves the formula up or down, by no more than 0.9 to 1.3; a
run out of memory with m MiB free says that this batch, and any larger one, needs more than m, until a later
run of as many reaches its end. So a batch shrinks where memory ran out, and grows when more is free.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil

from bili2text.gpu.device import Device
from bili2text.plan.experience import Site
from bili2text.translators.engine import EngineName

_ROOM = 1.03  # over a measured peak: the allocator differs a little from run to run
_LEAST, _MOST = 0.9, 1.3  # bounds of any correction: the next text may have longer lines
_MORE_MIB = 128  # beyond what was free when memory ran out: by how much it fell short nobody tells


@dataclass(frozen=True, slots=True)
class Kind:
    """Where and how a model is run: what one run tells of another."""

    site: Site
    model: str  # the folder's name
    precision: str


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run really took, or could not get."""

    kind: Kind
    batch_size: int
    beam_size: int
    mib: int  # the process's peak; when it ran out of memory: what was free for it
    out_of_memory: bool = False

    @property
    def rows(self) -> int:
        """Replies that were decoded at once."""
        return self.batch_size * self.beam_size


@dataclass(frozen=True, slots=True)
class Failed:
    """A precision in which a model did not load on a card, or gave no text."""

    kind: Kind
    why: str


@dataclass(frozen=True, slots=True)
class Learned:
    """Everything that was learned, oldest first."""

    runs: tuple[Ran, ...] = ()
    failed: tuple[Failed, ...] = ()

    def need(self, kind: Kind, rows: int, formula: Callable[[int], float]) -> int:
        """Return the MiB to have free for `rows` replies at once; `formula` tells what is computed for any.

        It never falls as rows grow, where the formula's does not.
        """
        here = [run for run in self.runs if run.kind == kind]
        computed = formula(rows)
        done = [run for run in here if not run.out_of_memory]
        if done:
            newest = done[-1]
            factor = _ROOM * newest.mib / formula(newest.rows)
            computed *= min(max(factor, _LEAST), _MOST)
        lacks = [run.mib + _MORE_MIB for run in _lacks(here) if run.rows <= rows]
        return ceil(round(max([computed, *lacks]), 3))

    def failures(self, site: Site, model: str) -> dict[str, str]:
        """Return the precisions in which a model failed on a site, and why."""
        return {
            one.kind.precision: one.why
            for one in self.failed
            if (one.kind.site, one.kind.model) == (site, model)
        }

    def with_run(self, run: Ran) -> Learned:
        """Return this and one run more; an older one just like it gives way."""
        return replace(self, runs=(*(old for old in self.runs if replace(old, mib=run.mib) != run), run))

    def with_failed(self, failed: Failed) -> Learned:
        """Return this and one failure more; a newer reason takes the older one's place."""
        return replace(
            self, failed=(*(old for old in self.failed if replace(old, why=failed.why) != failed), failed)
        )


@dataclass(frozen=True, slots=True)
class Runtime:
    """What can run a translator here, and what is known of it."""

    absent: tuple[tuple[EngineName, str], ...] = ()  # engines that cannot run here, and why
    library: str = ""  # transformers' and torch's versions: "transformers 5.23.0, torch 2.13.0"
    learned: Learned = Learned()
    packing: str = ""  # why transformers cannot pack weights into int8 or int4 here; "": it can

    def why_not(self, engine: EngineName) -> str:
        """Return why an engine cannot run here, or ""."""
        return dict(self.absent).get(engine, "")


NEW = Runtime()  # every engine can run, and nothing is known of any


def site_of(device: Device, engine: EngineName, runtime: Runtime, ctranslate2: str) -> Site:
    """Return where a measurement with an engine on a card holds; `ctranslate2` is that library's version."""
    library = f"ctranslate2 {ctranslate2}" if engine == "ctranslate2" else runtime.library or engine
    return Site(device.name, device.total_mib, device.driver, library)


def _lacks(here: list[Ran]) -> list[Ran]:
    """Return the times memory ran out that no later run of as many has disproved."""
    return [
        lack
        for index, lack in enumerate(here)
        if lack.out_of_memory
        and not any(not one.out_of_memory and one.rows >= lack.rows for one in here[index + 1 :])
    ]
