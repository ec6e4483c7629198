"""Who holds the loaded translator of a run, and how many prompts are put to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from bili2text.errors import Bili2TextError, DependencyError, DeviceFailure, OutOfMemory, RuntimeFailure
from bili2text.translate.records import Pin
from bili2text.translators.engine import Decoding, Prompt, Reply, Translator

# What a device may do that another plan would not.
CARD_FAILURES = (OutOfMemory, DeviceFailure, DependencyError)


class Holder(Protocol):
    """Holds the loaded translator of a run, and replaces it."""

    @property
    def translator(self) -> Translator:
        """The loaded one; an engine that died is loaded again."""

    @property
    def pin(self) -> Pin:
        """What of the loaded translator decides the words."""

    def begin(self, pin: Pin | None) -> tuple[str, ...]:
        """Load what a pin says, as far as it fits here now, or what is planned now; return the reasons."""

    def smaller(self, error: OutOfMemory) -> None:
        """Halve the batch, which is more than 1, and remember that; raise the error where it must not be."""

    def step_down(self, error: Bili2TextError) -> None:
        """Replace the translator whose device failed by that of the next plan, or raise the error."""

    def revive(self, error: Bili2TextError, group: int) -> bool:
        """Load the same plan again where the engine died at a group; return whether that was done."""


def asked(
    holder: Holder, prompts: tuple[Prompt, ...], decoding: Decoding, told: Callable[[int, Reply], None]
) -> tuple[Reply, ...]:
    """Return the reply to each prompt, in order, asked in batches as large as the translator can take now.

    `told` hears each as soon as it is there; what it raises is raised when its batch is over. Raises what the
    translator raises, RuntimeFailure for one that gives more or fewer replies than it was asked for.
    """
    translator, size = holder.translator, holder.pin.batch_size
    found: list[Reply] = []
    for first in range(0, len(prompts), size):
        part = prompts[first : first + size]
        ear = _Ear(told, first)
        replies = translator.generate(part, decoding, ear)
        if ear.trouble is not None:
            raise ear.trouble
        if len(replies) != len(part):
            raise RuntimeFailure(f"the translator gave {len(replies)} replies to {len(part)} prompts")
        found += replies
    return tuple(found)


def give_way(holder: Holder, error: Bili2TextError) -> None:
    """Make the batch smaller where that may help against what the device did, else take the next plan.

    Raises the error when nothing is left.
    """
    if isinstance(error, OutOfMemory) and holder.pin.batch_size > 1:
        holder.smaller(error)
    else:
        holder.step_down(error)


class _Ear:
    """Hears replies for the engine's `told`.

    What goes wrong with one, such as a full disk, is not thrown into the engine, which may be in the middle
    of a batch, but kept until its call is over.
    """

    def __init__(self, told: Callable[[int, Reply], None], first: int) -> None:
        self._told = told
        self._first = first
        self.trouble: Bili2TextError | None = None

    def __call__(self, place: int, reply: Reply) -> None:
        if self.trouble is None:
            try:
                self._told(self._first + place, reply)
            except Bili2TextError as error:
                self.trouble = error
