"""How a job is translated: what decides its words beside the model and the sentences. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bili2text.translate.values import Direction
from bili2text.translators.engine import GREEDY, Decoding
from bili2text.translators.values import Profile


@dataclass(frozen=True, slots=True)
class Manner:
    """How sentences are asked for."""

    direction: Direction
    profile: Profile
    decoding: Decoding = GREEDY  # of all but the sampled repairs; one that does not sample
    reflect: bool = False  # each good draft is shown to the model once more, to be made better
