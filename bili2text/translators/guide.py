"""The guide this stage was built to: its order and its numbers, word for word. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bili2text.translators.catalog import GUIDE
from bili2text.translators.values import FoundModel


def by_guide(found: Sequence[FoundModel], free_gb: float) -> tuple[FoundModel, bool]:
    """Return the first model of the guide's order that is there and fits, or else the smallest that is there.

    And whether it fits by the guide's number. `free_gb` is in GiB, 0 without a card; a folder in safetensors
    goes before a conversion of the same model. Raises ValueError when nothing is there.
    """
    for name in GUIDE:
        for model in sorted(found, key=lambda one: one.engine != "transformers"):
            card = model.card
            if card and card.name == name and card.guide_gb is not None and card.guide_gb <= free_gb:
                return model, True
    return smallest(found), False


def smallest(found: Sequence[FoundModel]) -> FoundModel:
    """Return the model with the fewest numbers, of several forms of it the one with the smallest files.

    Raises ValueError when nothing is there.
    """
    return min(found, key=lambda one: (one.shape.parameters, one.weight_bytes, one.name, str(one.path)))
