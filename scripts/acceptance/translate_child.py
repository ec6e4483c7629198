"""Runs batches of prompts through a real translator and says what that took.

`python -m acceptance.translate_child ASKED`, with an errand as `Asked.text` writes it. Prompts and replies
are as long as the plan reckons with, for it is the worst that is to be seen.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from itertools import count
from pathlib import Path

from acceptance.child_tools import errors_said, free_now
from acceptance.children import say
from acceptance.torch_pool import TorchPool
from acceptance.values import Asked, Json, asked_of
from bili2text.gpu.allocator import TORCH_NAMES
from bili2text.gpu.libraries import load_cublas
from bili2text.gpu.meter import Meter
from bili2text.gpu.pool import DriverPool, Pool
from bili2text.translators.chat import Chat
from bili2text.translators.engine import Load, Message, Prompt, Reply, Translator

_TASK = "Tell this tale anew in your own words, at full length, and do not stop before its end."
_TALE = (
    "The",
    "river",
    "was",
    "high",
    "that",
    "spring",
    "and",
    "they",
    "waited",
    "until",
    "the",
    "boat",
    "came",
)
_MIB = 1024 * 1024


def main() -> int:
    """Return 0 when the batches were translated, or one failed in a way that was said."""
    asked = asked_of(sys.argv[1])
    say({
        "torch_was_loaded": "torch" in sys.modules,
        "environment": {name: os.environ.get(name) for name in TORCH_NAMES},
    })  # fmt: skip
    look = free_now(asked)
    meter = Meter(look, _pool(asked))
    with errors_said(), meter:
        _run(asked, meter)
    say({"measured": asdict(meter.measured)})
    return 0


def prompts(chat: Chat, tokens: int, most: int) -> Callable[[int], tuple[Prompt, ...]]:
    """Return what makes so many prompts of `tokens` tokens, each its own, for replies of `most`."""
    words = list(_TALE)
    for place in count():
        if len(chat.tokens(_messages(words, "0000"))) >= tokens:
            break
        words.append(_TALE[place % len(_TALE)])

    def made(number: int) -> tuple[Prompt, ...]:
        return tuple(Prompt(_messages(words, f"{place:04}"), most) for place in range(number))

    return made


def _messages(words: list[str], mark: str) -> tuple[Message, ...]:
    return Message("system", _TASK), Message("user", f"{mark} {' '.join(words)}")


def _pool(asked: Asked) -> Pool | None:
    if asked.device != "cuda":
        return None
    return TorchPool() if asked.engine == "transformers" else DriverPool(0)


def _run(asked: Asked, meter: Meter) -> None:
    make = prompts(Chat.read(Path(asked.folder)), asked.prompt, asked.reply)
    began = time.monotonic()
    translator = _loaded(asked)
    say({
        "load_seconds": round(time.monotonic() - began, 2),
        "precision": translator.precision,
        "loaded": asdict(meter.measured),
    })  # fmt: skip
    translator.generate((Prompt(make(1)[0].messages, 1),))  # the first pass prepares kernels
    done: dict[str, Json] = {}
    for batch in asked.batches:
        began = time.monotonic()
        replies = translator.generate(make(batch))
        done[str(batch)] = {**_figures(replies, time.monotonic() - began), **asdict(meter.measured)}
        say({"batches": done})
    torch = TorchPool()
    if (state := torch.state()) is not None:
        say({
            "settings": torch.settings(),
            "pool": {"reserved_high": state.reserved_high // _MIB, "used_high": state.used_high // _MIB},
        })  # fmt: skip
    translator.close()


def _figures(replies: tuple[Reply, ...], seconds: float) -> Json:
    tokens = [reply.tokens for reply in replies]
    return {"tokens": max(tokens), "tokens_per_second": round(sum(tokens) / seconds, 1)}


def _loaded(asked: Asked) -> Translator:
    load = Load(
        Path(asked.folder),
        asked.engine,
        asked.device,
        precision=asked.precision,
        batch_size=max(asked.batches),
        threads=0 if asked.device == "cuda" else 1,
    )
    if asked.engine == "transformers":
        from bili2text.translators.hf import HfTranslator

        return HfTranslator(load)
    if asked.device == "cuda":
        load_cublas()
    from bili2text.translators.ct2 import Ct2Translator

    return Ct2Translator(load)


if __name__ == "__main__":
    sys.exit(main())
