"""The card's memory and the translator that fits it, as the guide names these two; both ask this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from bili2text.errors import DependencyError, OutOfMemory
from bili2text.gpu.probe import probe
from bili2text.plan.machine import this_machine
from bili2text.plan.values import Wishes
from bili2text.translators import ledger
from bili2text.translators.choose import choose
from bili2text.translators.engine import EngineName
from bili2text.translators.float8 import float8
from bili2text.translators.folders import scan
from bili2text.translators.gpu_memory import memory_of
from bili2text.translators.guide import smallest
from bili2text.translators.learned import Runtime
from bili2text.translators.values import TranslatorWishes

_LIBRARIES = ("transformers", "torch", "accelerate")  # what the engine "transformers" takes
_PACKER = "bitsandbytes"  # what it packs plain weights with
_EXTRA = "pip install 'bili2text[qwen]'"

Say = Callable[[str], None]


def get_gpu_memory_gb(say: Say | None = None, environ: Mapping[str, str] | None = None) -> float:
    """Return the free memory, in GiB, of the card that would be used; 0 without one.

    `say` is told total, allocated, reserved and free in one line. No context is made on the card.
    """
    found = memory_of(probe(os.environ if environ is None else environ))
    if say is not None:
        say(str(found))
    return found.free


def select_model_by_gpu(
    models_dir: str | os.PathLike[str],
    policy: Literal["measured", "guide"] = "measured",
    say: Say | None = None,
    environ: Mapping[str, str] | None = None,
) -> str:
    """Return the path of the first model, in the guide's order, that is in `models_dir` and fits the card.

    If none fits, or there is no card, the smallest that is there. What a model needs is what it takes here:
    Qwen3-4B-FP8 as much as Qwen3-4B where the card or a kernel is wanting; with the policy "guide" it is the
    guide's number. `say` is told which and why. Raises ModelError when there is no model.
    """
    here = os.environ if environ is None else environ
    found = scan(Path(models_dir))
    wishes = TranslatorWishes(policy=policy, cpu_fallback=False)
    try:
        plan = choose(wishes, this_machine(Wishes(), here), found, float8(here), runtime(here))
    except (OutOfMemory, DependencyError) as error:
        model = smallest(found)
        said: tuple[str, ...] = (f"selected {model.name}, the smallest: {error.message}",)
    else:
        model, said = plan.model, plan.reasons
    if say is not None:
        for line in (*said, str(model.path)):
            say(line)
    return str(model.path)


def runtime(environ: Mapping[str, str]) -> Runtime:
    """Return which engines are installed, in which versions, and what is known of them. Imports none."""
    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    absent: tuple[tuple[EngineName, str], ...] = ()
    if missing:
        absent = (("transformers", f"{', '.join(missing)} not installed: {_EXTRA}"),)
    versions = ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES[:2] if name not in missing)
    packing = "" if find_spec(_PACKER) else f"int8 and int4 need {_PACKER} here: pip install {_PACKER}"
    return Runtime(absent, versions, ledger.read(ledger.ledger_file(environ)), packing)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"
