"""How each family of models wants to be asked, and sampled where greedy replies have failed. Pure.

Which model is of which family, translators.catalog knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bili2text.translators.engine import Decoding
from bili2text.translators.values import Profile


@dataclass(frozen=True, slots=True)
class ProfileRules:
    """What a family takes."""

    system: bool  # a system turn is allowed
    thinks: bool  # unless its chat template is told enable_thinking=False
    sampling: Decoding  # of the last repair, its seed to be set
    told: bool = True  # can be told things: context, terms, what was wrong with a reply


# Where a model's makers say how to sample, that: Qwen3 without thinking and its Instruct-2507 (their cards:
# T 0.7, top_p 0.8, top_k 20), Qwen2.5 (generation_config.json of its 7B: with a penalty of 1.05),
# Hy-MT (its card). For other chat models Qwen2.5's, which is careful; not measured on them. A model that was
# trained on pairs alone is unsure of few words, and wrong at once where it draws an unlikely one: our own.
_QWEN3 = Decoding(temperature=0.7, top_p=0.8, top_k=20)
_QWEN = Decoding(temperature=0.7, top_p=0.8, top_k=20, repetition_penalty=1.05)
_HY_MT = Decoding(temperature=0.7, top_p=0.6, top_k=20, repetition_penalty=1.05)
_WORKSHOP = Decoding(temperature=0.7, top_p=0.9, top_k=10, repetition_penalty=1.1)
RULES: Mapping[Profile, ProfileRules] = MappingProxyType(
    {
        "qwen3": ProfileRules(system=True, thinks=True, sampling=_QWEN3),
        "qwen": ProfileRules(system=True, thinks=False, sampling=_QWEN),
        "hy-mt": ProfileRules(system=False, thinks=False, sampling=_HY_MT),
        # a template that knows no system turn (Gemma's, Mistral's first) refuses one: none is sent
        "chat": ProfileRules(system=False, thinks=False, sampling=_QWEN),
        "workshop": ProfileRules(system=True, thinks=False, sampling=_WORKSHOP, told=False),
    }
)
