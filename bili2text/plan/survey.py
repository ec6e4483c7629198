"""Everything that could run, at every place, and the best of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bili2text.plan.candidates import FLOORS, Fit, Look, Place, key, looks, quality
from bili2text.plan.shortlist import Model
from bili2text.plan.values import Candidate, Machine, Verdict, Wishes


@dataclass(frozen=True, slots=True)
class Seen:
    """A model in one precision at one place, looked at."""

    model: Model
    look: Look


def survey(
    places: tuple[Place, ...], known: tuple[Model, ...], wishes: Wishes, machine: Machine
) -> tuple[Seen, ...]:
    """Return every candidate at the places."""
    return tuple(
        Seen(model, look)
        for place in places
        for model in known
        for look in looks(place, model.card, wishes, machine)
    )


def best(seen: tuple[Seen, ...], wishes: Wishes) -> Fit | None:
    """Return the best way to run that fits, is allowed and fast enough; None when there is none.

    Of equals the one on the card with more room is taken.
    """
    able = [one.look.best for one in seen if one.model.allowed and one.look.best and not one.look.slow]

    def order(fit: Fit) -> tuple[float, ...]:
        device = fit.place.device
        return (*key(fit, wishes.prefer), fit.place.room.mib, -(device.index if device else 0))

    return max(able, key=order, default=None)


def fastest(seen: tuple[Seen, ...]) -> Fit | None:
    """Return what runs fastest of all that fits: where everything is slow, a user wants the least wait."""
    fits = [one.look.best for one in seen if one.model.allowed and one.look.best is not None]
    return max(fits, key=lambda fit: fit.speed, default=None)


def unyielding(seen: tuple[Seen, ...]) -> Fit | None:
    """Return what is tried when nothing may give way and nothing fits: the best precision and search.

    Of several cards with that precision it is the one where it comes nearest to fitting.
    """
    fits = [one.look.full for one in seen if one.model.allowed]
    return min(fits, key=lambda fit: (fit.order, fit.need.mib - fit.place.room.mib), default=None)


def least(seen: tuple[Seen, ...]) -> Fit | None:
    """Return what comes nearest to fitting, or fits best: the room it leaves is the largest."""
    fits = [one.look.least for one in seen if one.model.allowed]
    return min(fits, key=lambda fit: fit.need.mib - fit.place.room.mib, default=None)


def short(seen: tuple[Seen, ...]) -> str:
    """Return in a few words what even the least misses."""
    smallest = least(seen)
    if smallest is None:
        return "no precision is left to try"
    setting = smallest.setting
    return (
        f"{smallest.card.name} in {setting.compute_type} needs {smallest.need.mib} MiB, "
        f"{smallest.place.room.mib} may be used"
    )


def walk(seen: tuple[Seen, ...], taken: Fit, wishes: Wishes) -> tuple[Candidate, ...]:
    """Return the candidates in the order of preference, those at the place that was taken first."""
    order = sorted(
        seen,
        key=lambda one: (
            one.look.least.place != taken.place,
            one.look.least.place.name,
            not (one.model.allowed or one.model.download_only),
            -quality(one.model.card, wishes.prefer),
            one.look.least.order,
        ),
    )
    return tuple(_candidate(one, taken, wishes) for one in order)


def _candidate(one: Seen, taken: Fit, wishes: Wishes) -> Candidate:
    verdict, why = _verdict(one, taken, wishes)
    fit = one.look.best or one.look.least
    return Candidate(
        model=one.model.card.name,
        compute_type=fit.setting.compute_type,
        place=fit.place.name,
        need_mib=fit.need.mib,
        room_mib=fit.place.room.mib,
        on_disk=one.model.on_disk,
        verdict=verdict,
        why=why,
        arithmetic=f"{fit.need.origin}: {fit.footprint.arithmetic()}",
    )


def _verdict(one: Seen, taken: Fit, wishes: Wishes) -> tuple[Verdict, str]:
    fit = one.look.best
    if one.model.ruled_out:
        pace = f", but run at {one.look.pace}" if one.look.slow else ""
        room = "" if fit is None else f"; would fit with {_way(fit)}{pace}"
        return "ruled out", one.model.ruled_out + (room if one.model.download_only else "")
    if taken in one.look.ways:
        return "taken", _way(taken)
    if fit is None:
        least_fit = one.look.least
        over = least_fit.need.mib - least_fit.place.room.mib
        return "too large", f"{over} MiB too much even with {_way(least_fit)}"
    if one.look.slow:
        return "too slow", f"{one.look.pace} on this CPU, under {FLOORS[wishes.prefer]:g}x"
    return "fits", f"with {_way(fit)}"


def _way(fit: Fit) -> str:
    setting = fit.setting
    parts = [f"batch {setting.batch_size}", f"beam {setting.beam_size}", f"best of {setting.best_of}"]
    if setting.encoder_batch is not None:
        parts.append(f"encoding {setting.encoder_batch} at once")
    return ", ".join(parts)
