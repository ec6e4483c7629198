"""A translator's process on a simulated card: the real model, which fails as the card of a script would.

It computes on the CPU in float32 whatever it is told. Beside its model.bin may lie script.json:
"room": prompts at once that a card has room for; "refused": precisions, and "lacking": precisions whose
library is missing; "broken": UUIDs of cards that fail.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any, NoReturn

from bili2text import errors
from bili2text.remote.plain import typed
from bili2text.remote.serve import serve
from bili2text.translators.ct2 import Ct2Translator
from bili2text.translators.engine import Load
from bili2text.translators.talk import WORDS
from bili2text.translators.worker import service


def main() -> NoReturn:
    serve(lambda order: service(OnCard(typed(Load, order))), WORDS)


class OnCard(Ct2Translator):
    def __init__(self, load: Load) -> None:
        path = load.folder / "script.json"
        self._script: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        if load.precision in self._script.get("refused", ()):
            raise errors.PrecisionFailure(f"no {load.precision} here")
        if load.precision in self._script.get("lacking", ()):
            raise errors.DependencyError(f"{load.precision} needs a library")
        super().__init__(replace(load, engine="ctranslate2", device="cpu", precision="float32", threads=1))
        self.precision = load.precision
        self._card = os.environ["CUDA_VISIBLE_DEVICES"] if load.device == "cuda" else ""

    def generate(self, prompts, decoding=None, told=None):  # type: ignore[no-untyped-def]
        if self._card in self._script.get("broken", ()):
            raise errors.DeviceFailure("the card fell off the bus")
        if self._card and len(prompts) > self._script.get("room", 1000):
            raise errors.OutOfMemory(f"no room for {len(prompts)}")
        return super().generate(prompts, decoding, told)
