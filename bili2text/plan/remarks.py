"""What to say of a plan: why this, why not more, and what would be better. Pure."""

from __future__ import annotations

from bili2text.plan import precision
from bili2text.plan.candidates import Fit, site, unfit
from bili2text.plan.footprint import Setting
from bili2text.plan.shortlist import WEAK, WEAK_CHINESE
from bili2text.plan.survey import Seen
from bili2text.plan.values import Machine, Wishes

_CHINESE = ("zh", "yue")
_LONGEST = 200  # characters


def on(taken: Fit, seen: tuple[Seen, ...], wishes: Wishes, machine: Machine) -> tuple[str, ...]:
    """Return the reasons, a line each."""
    found = [
        _place(taken, machine),
        _precision(taken, wishes, machine),
        _size(taken),
        _next(taken, seen, wishes),
    ]
    found += [_download(taken, seen), _weak(taken, wishes)]
    return tuple(line for line in found if line)


def one_line(text: str) -> str:
    """Return a remark on one line, cut where others' words (a driver's, an engine's) made it too long."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


def _place(taken: Fit, machine: Machine) -> str:
    device = taken.place.device
    if device is None:
        return f"CPU, {machine.cores} cores: {taken.place.room.arithmetic}"
    total = f"{device.free_gib:.1f} of {device.total_mib / 1024:.1f} GiB free"
    return f"{device.name} (cuda:{device.index}), {total}: {taken.place.room.arithmetic}"


def _precision(taken: Fit, wishes: Wishes, machine: Machine) -> str:
    """Say why a precision that was asked for is not the one that runs."""
    asked, got, device = wishes.compute_type, taken.setting.compute_type, taken.place.device
    if asked in ("auto", "default", got):
        return _refused(taken, machine)
    if device is None:
        return f"a CPU does not compute in {asked}: {got} instead"
    if precision.resolved(asked, device, machine.library) == got:
        return ""
    why = unfit(taken.place, wishes, machine) or "it does not fit"
    return f"{asked} was asked for, but {why}: {got} instead"


def _refused(taken: Fit, machine: Machine) -> str:
    """Say which precisions failed on this card before."""
    if taken.place.device is None:
        return ""
    known = machine.experience.refusals(site(taken.place.device, machine))
    return "; ".join(f"{name} failed here before ({why})" for name, why in sorted(known.items()))


def _size(taken: Fit) -> str:
    setting = taken.setting
    at_once = "" if setting.encoder_batch is None else f", encoding {setting.encoder_batch} at once"
    return (
        f"{taken.card.name} in {setting.compute_type}, batch {setting.batch_size}, "
        f"beam {setting.beam_size}{at_once}: "
        f"needs {taken.need.mib} of {taken.place.room.mib} MiB ({taken.need.origin})"
    )


def _next(taken: Fit, seen: tuple[Seen, ...], wishes: Wishes) -> str:
    """Say what the next better model misses."""
    better = [
        one
        for one in seen
        if one.model.allowed and one.model.card.rank > taken.card.rank and one.look.least.place == taken.place
    ]
    if not better:
        return ""
    nearest = min(better, key=lambda one: (one.model.card.rank, one.look.least.need.mib))
    if nearest.look.best is not None:
        if nearest.look.slow:
            return f"{nearest.model.card.name} would run at {nearest.look.pace}"
        return ""
    need = nearest.look.least.need.mib
    compute_type = nearest.look.least.setting.compute_type
    forced = _forced(nearest.look.least.setting, wishes)
    return f"{nearest.model.card.name} does not fit: in {compute_type}{forced} it needs {need} MiB at least"


def _forced(setting: Setting, wishes: Wishes) -> str:
    """Return the sizes that were asked for: a model that has no room with them may have room without."""
    asked = {
        "batch": (wishes.batch_size, setting.batch_size),
        "beam": (wishes.beam_size, setting.beam_size),
        "best of": (wishes.best_of, setting.best_of),
    }
    named = " and ".join(f"{name} {got}" for name, (wanted, got) in asked.items() if wanted == got)
    return f" with {named}" if named else ""


def _download(taken: Fit, seen: tuple[Seen, ...]) -> str:
    """Say what a download would give."""
    better = [
        one.model.card
        for one in seen
        if one.model.download_only
        and one.look.best is not None
        and not one.look.slow
        and one.look.best.place == taken.place
        and one.model.card.rank > taken.card.rank
    ]
    if not better:
        return ""
    card = max(better, key=lambda one: one.rank)
    return f"{card.name} would fit, too, but is not on this disk: bili2text models download {card.name}"


def _weak(taken: Fit, wishes: Wishes) -> str:
    rank = taken.card.rank
    if wishes.language in _CHINESE and rank < WEAK_CHINESE:
        return f"{taken.card.name} is weak in Chinese: medium or better is advised"
    if rank < WEAK:
        return (
            f"{taken.card.name} makes many mistakes: small or better is advised, medium or better for Chinese"
        )
    return ""
