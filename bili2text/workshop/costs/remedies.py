"""Settings that make a training fit: each is tried before it is named. Pure, but for what it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from bili2text.workshop.presets import changed
from bili2text.workshop.values import Preset

Need = Callable[[Preset], float]  # GiB of a step on its longest batch

_CHUNK = 256  # positions: with more the logits' copies count, with fewer hardly less is needed
_TRIMMED = 48_000  # tokens: about what two of NLLB's 200 languages use; 6 GiB and a third of the time less
_SHORTER = (128, 64)  # tokens
_PARTS = (2, 4, 8)  # of the batch


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to change, and how much a step takes then."""

    words: str
    gib: float


@dataclass(frozen=True, slots=True)
class _Change:
    section: str
    settings: Mapping[str, int | bool]

    @property
    def words(self) -> str:
        return " with ".join(f"{key} = {str(value).lower()}" for key, value in self.settings.items())

    def of(self, preset: Preset) -> Preset:
        return changed(preset, self.section, **self.settings)


def remedies(preset: Preset, vocab: int, need: Need, room: float) -> tuple[Remedy, ...]:
    """Return what to change so that a step takes at most `room` GiB: every setting that does it alone.

    Where none does, the settings that do it together. Empty where they do not either. `vocab`: the model's
    tokens, 0 where they cannot be trimmed. `need` is asked for a few presets, and no more than that.
    """
    ladders = list(_ladders(preset, vocab))
    alone = (_first(preset, ladder, need, room) for ladder in ladders)
    return tuple(one for one in alone if one) or _together(preset, ladders, need, room)


def _ladders(preset: Preset, vocab: int) -> Iterator[tuple[_Change, ...]]:
    """Yield for each setting what else it could be, the mildest first."""
    train = preset.train
    if not 0 < train.loss_chunk <= _CHUNK:
        yield (_Change("train", {"loss_chunk": _CHUNK}),)
    if not train.checkpointing:
        yield (_Change("train", {"checkpointing": True}),)
    smaller = tuple(  # the same pairs a step
        _Change("train", {"batch": train.batch // parts, "accumulate": train.accumulate * parts})
        for parts in _PARTS
        if train.batch % parts == 0
    )
    if smaller:
        yield smaller
    if vocab > _TRIMMED:
        yield (_Change("model", {"trim_vocab": _TRIMMED}),)
    shorter = tuple(
        _Change("data", {"max_tokens": tokens}) for tokens in _SHORTER if tokens < preset.data.max_tokens
    )
    if shorter:
        yield shorter


def _first(preset: Preset, ladder: tuple[_Change, ...], need: Need, room: float) -> Remedy | None:
    strongest = Remedy(ladder[-1].words, need(ladder[-1].of(preset)))
    if strongest.gib > room:
        return None
    milder = (Remedy(change.words, need(change.of(preset))) for change in ladder[:-1])
    return next((one for one in milder if one.gib <= room), strongest)


def _together(
    preset: Preset, ladders: list[tuple[_Change, ...]], need: Need, room: float
) -> tuple[Remedy, ...]:
    changes = [ladder[-1] for ladder in ladders]
    presets = list(accumulate(changes, lambda so_far, change: change.of(so_far), initial=preset))[1:]
    if len(changes) < 2 or need(presets[-1]) > room:  # one alone was tried; and more than all there is not
        return ()
    for count, one in enumerate(presets[1:], start=2):
        gib = need(one)
        if gib <= room:
            return (Remedy(", ".join(change.words for change in changes[:count]), gib),)
    return ()
