"""Which of the cards are meant. Pure."""

from __future__ import annotations

from bili2text.errors import UsageError
from bili2text.gpu.device import Device
from bili2text.plan.values import Wishes


def named(wishes: Wishes, cards: tuple[Device, ...]) -> tuple[Device, ...]:
    """Return the cards that are asked for by index or UUID, all where none is, () for the CPU.

    Raises UsageError for a card that is not there, a beginning of several UUIDs, and options that
    contradict each other.
    """
    if wishes.device == "cpu":
        if wishes.gpu is not None:
            raise _contradiction("--gpu names a card, and --device the CPU")
        return ()
    if not cards:
        return ()
    there = ", ".join(f"cuda:{card.index} {card.uuid} ({card.name})" for card in cards)
    found = cards
    if wishes.gpu is not None:
        found = tuple(card for card in cards if card.uuid.lower().startswith(wishes.gpu.lower()))
        if len(found) != 1:
            said = f"{len(found) or 'no'} cards begin with {wishes.gpu!r}"
            raise UsageError(said, hint=f"there is {there}")
    if wishes.device.startswith("cuda:"):
        indexed = tuple(card for card in cards if f"cuda:{card.index}" == wishes.device)
        if not indexed:
            raise UsageError(f"there is no card {wishes.device}", hint=f"there is {there}")
        if found != cards and found != indexed:
            raise _contradiction(f"--gpu names cuda:{found[0].index}, and --device {wishes.device}")
        found = indexed
    return found


def _contradiction(said: str) -> UsageError:
    return UsageError(said, hint='leave out one of them; --gpu "" undoes a setting')
